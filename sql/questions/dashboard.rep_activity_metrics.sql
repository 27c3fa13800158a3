-- How active is each rep, beside the team and its best?
select
    rep_id,
    total_activities,
    avg_daily_activities,
    team_avg_daily,
    top_performer_daily
from dashboard.rep_activity_metrics
where
    tenant_id = 'acme'
    and period = '30d'
    and snapshot_date = (select max(n.snapshot_date) from dashboard.rep_activity_metrics as n)
order by avg_daily_activities desc nulls last;

-- On which weekdays does somebody do less than on others?
select
    rep_id,
    low_activity_days,
    activity_consistency_score
from dashboard.rep_activity_metrics
where
    tenant_id = 'acme'
    and low_activity_days <> '{}'
    and snapshot_date = (select max(n.snapshot_date) from dashboard.rep_activity_metrics as n)
order by rep_id;
