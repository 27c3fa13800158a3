-- Detects: reps who did more in a shorter period than in a longer one that holds it.
-- Why: the last 7 days lie within the last 30, and the day within both.
-- A row means: this rep's counts of the periods contradict each other.
select
    tenant_id,
    snapshot_date,
    rep_id,
    max(total_activities) filter (where period = 'today') as today_count,
    max(total_activities) filter (where period = '7d') as week_count,
    max(total_activities) filter (where period = '30d') as month_count
from dashboard.rep_activity_metrics
where snapshot_date > (select max(n.snapshot_date) from dashboard.rep_activity_metrics as n) - 7
group by tenant_id, snapshot_date, rep_id
having
    max(total_activities) filter (where period = 'today') > max(total_activities) filter (where period = '7d')
    or max(total_activities) filter (where period = '7d') > max(total_activities) filter (where period = '30d')
