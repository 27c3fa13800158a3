-- What the source says a stage should take, while it said so.
select
    c.tenant_id,
    c.side,
    'enriched.stage_rules' as dataset,
    row(c.stage_id, c.expected_days)::text as content,
    ops.valid_days(c.valid_from, c.valid_to) as days
from pg_temp.changed_rows as c
