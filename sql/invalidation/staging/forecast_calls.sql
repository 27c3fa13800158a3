-- What was called, while it stood, from the quarter before its own to its end.
select
    c.tenant_id,
    c.side,
    'analytics.forecast_calls' as dataset,
    row(
        c.rep_id, c.kind, c.category, c.period_start, c.submitted_by, c.submitted_at, c.amount, c.currency_amount,
        c.includes_won
    )::text as content,
    ops.valid_days(
        greatest(c.d_from, (q.quarter_start - interval '3 months')::date), least(c.d_to, q.quarter_end + 1)
    ) as days
from pg_temp.changed_rows as c
inner join ops.calendar as q on c.period_start = q.day
