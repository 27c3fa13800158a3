-- A contact of a deal, while it was so and the deal was open.
select
    c.tenant_id,
    c.side,
    'enriched.deal_people' as dataset,
    row(c.opportunity_id, c.contact_id, c.role, c.last_two_way_at)::text as content,
    ops.valid_days(c.d_from, c.d_to) * o.days as days
from pg_temp.changed_rows as c
cross join
    lateral (
        select range_agg(ops.valid_days(i.d_from, i.d_to)) as days
        from staging.deal_intervals as i
        where i.tenant_id = c.tenant_id and i.opportunity_id = c.opportunity_id and i.status = 'open'
    ) as o
where o.days is not null
