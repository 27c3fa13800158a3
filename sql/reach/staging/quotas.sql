-- A quota's record, while it was so, from the quarter before its period to the end of the fiscal year that it ends in.
select
    c.tenant_id,
    c.side,
    'staging.quota_days' as dataset,
    row(c.quota_id, c.rep_id, c.period_start, c.period_end, c.amount)::text as content,
    ops.valid_days(c.valid_from, c.valid_to) * ops.valid_days(
        (s.quarter_start - interval '3 months')::date, (e.fiscal_year_start + interval '1 year')::date
    ) as days
from pg_temp.changed_rows as c
left join ops.calendar as s on c.period_start = s.day
left join ops.calendar as e on c.period_end = e.day
