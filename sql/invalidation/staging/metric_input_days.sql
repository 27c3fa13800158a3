-- What the records of a day say is read at the end of that day, and of every later one. Deals are read from staging.
select
    c.tenant_id,
    c.side,
    'semantic.metric_values' as dataset,
    row(c.input_name, c.day, c.content_hash, c.records_count)::text as content,
    ops.valid_days(c.day, 'infinity'::date) as days
from pg_temp.changed_rows as c
where c.input_name <> 'opportunities'
