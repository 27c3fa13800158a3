-- A contact's name, while it was so and the contact was on a deal.
with present as (
    select
        p.tenant_id,
        p.contact_id,
        range_agg(ops.valid_days(p.d_from, p.d_to)) as days
    from staging.deal_contacts as p
    where (p.tenant_id, p.contact_id) in (select
        c.tenant_id,
        c.contact_id
    from pg_temp.changed_rows as c)
    group by p.tenant_id, p.contact_id
)

select
    c.tenant_id,
    c.side,
    'enriched.deal_people' as dataset,
    row(c.contact_id, c.contact_name)::text as content,
    ops.valid_days(c.valid_from, c.valid_to) * p.days as days
from pg_temp.changed_rows as c
inner join present as p on c.tenant_id = p.tenant_id and c.contact_id = p.contact_id
