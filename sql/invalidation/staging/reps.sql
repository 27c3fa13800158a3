-- A rep's record, while it was so; to business metrics only the name matters.
select
    c.tenant_id,
    c.side,
    r.dataset,
    r.content,
    ops.valid_days(c.valid_from, c.valid_to) as days
from pg_temp.changed_rows as c
cross join
    lateral (
        values
        (
            'staging.rep_days',
            row(
                c.rep_id, c.rep_name, c.manager_id, c.region, c.segment, c.role, c.hire_date, c.is_deleted, c.is_listed
            )::text
        ),
        ('semantic.metric_values', row(c.rep_id, c.rep_name)::text)
    ) as r (dataset, content)
