-- Where do deals wait longer than they should?
select
    stage_name,
    avg_duration_days,
    benchmark_days,
    deviation_days,
    conversion_rate,
    deals_in_stage
from dashboard.stage_velocity
where
    tenant_id = 'acme'
    and team_filter = 'All'
    and segment = 'All'
    and region = 'All'
    and snapshot_date = (select max(n.snapshot_date) from dashboard.stage_velocity as n)
order by deviation_days desc nulls last;

-- Which stages have become slower?
select
    stage_name,
    trend_display,
    duration_change_days,
    completed_count,
    previous_completed_count
from dashboard.stage_velocity
where
    tenant_id = 'acme' and team_filter = 'All' and segment = 'All' and region = 'All' and duration_change_days > 0
    and snapshot_date = (select max(n.snapshot_date) from dashboard.stage_velocity as n)
order by duration_change_days desc;
