-- A rep's record, while it was so; to business metrics only the name matters.
with owned_days as (
    select
        i.tenant_id,
        i.owner_id,
        range_agg(ops.valid_days(i.d_from, i.d_to)) as days
    from staging.deal_intervals as i
    where (i.tenant_id, i.owner_id) in (select
        c.tenant_id,
        c.rep_id
    from pg_temp.changed_rows as c)
    group by i.tenant_id, i.owner_id
)

select
    c.tenant_id,
    c.side,
    r.dataset,
    r.content,
    ops.valid_days(c.valid_from, c.valid_to) * r.days as days
from pg_temp.changed_rows as c
left join owned_days as o on c.tenant_id = o.tenant_id and c.rep_id = o.owner_id
cross join
    lateral (
        values
        (
            'staging.rep_days',
            row(
                c.rep_id, c.rep_name, c.manager_id, c.region, c.segment, c.role, c.hire_date, c.is_deleted, c.is_listed
            )::text,
            datemultirange(daterange(null, null))
        ),
        ('semantic.metric_values', row(c.rep_id, c.rep_name)::text, o.days)
    ) as r (dataset, content, days)
where r.days is not null
