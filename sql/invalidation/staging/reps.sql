-- A rep's record, while it was so.
select
    c.tenant_id,
    c.side,
    'staging.rep_days' as dataset,
    row(
        c.rep_id, c.rep_name, c.manager_id, c.region, c.segment, c.role, c.hire_date, c.is_deleted, c.is_listed
    )::text as content,
    ops.valid_days(c.valid_from, c.valid_to) as days
from pg_temp.changed_rows as c
