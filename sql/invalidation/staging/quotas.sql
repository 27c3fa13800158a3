-- A quota's record, while it was so, from the quarter before its period to the end of the fiscal year that it ends
-- in. A period without an end is told by the other quotas, and tells theirs: up to a year before and after.
select
    c.tenant_id,
    c.side,
    'staging.quota_days' as dataset,
    row(c.quota_id, c.rep_id, c.period_start, c.period_end, c.period_type, c.quota_type, c.amount)::text as content,
    ops.valid_days(c.valid_from, c.valid_to) * ops.valid_days(
        (s.quarter_start - interval '3 months')::date, (e.fiscal_year_start + interval '1 year')::date
    ) as days
from pg_temp.changed_rows as c
cross join
    lateral (
        select
            case
                when c.period_end is null then (c.period_start - interval '1 year')::date else c.period_start
            end as first_day,
            coalesce(c.period_end, (c.period_start + interval '1 year')::date) as last_day
    ) as p
left join ops.calendar as s on p.first_day = s.day
left join ops.calendar as e on p.last_day = e.day
