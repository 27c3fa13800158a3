-- A move in the pipeline counts from its day to the end of its week.
select
    c.tenant_id,
    c.side,
    'analytics.pipeline_changes' as dataset,
    row(
        c.opportunity_id, c.move_number, c.quarter_start, c.team_id, c.kind, c.deals_change, c.amount_change
    )::text as content,
    ops.valid_days(
        c.day, case when w.week_of_quarter < 13 then w.quarter_start + 7 * w.week_of_quarter else w.quarter_end + 1 end
    ) as days
from pg_temp.changed_rows as c
inner join ops.calendar as w on c.day = w.day
