-- Pipeline and velocity of each stage.
select
    pipeline_id,
    stage_name,
    round(avg_duration_days, 1) as avg_duration_days,
    round(median_duration_days, 1) as median_duration_days,
    round(benchmark_days::numeric, 1) as benchmark_days,
    trend_direction,
    trend_display,
    dashboard.percent(conversion_rate) as conversion,
    conversion_rate,
    deals_in_stage,
    amount_in_stage,
    dashboard.currency(amount_in_stage) as amount_shown,
    status_indicator,
    completed_count
from dashboard.stage_velocity
where tenant_id = :tenant and snapshot_date = :day and team_id = :team and segment = :segment and region = :region
order by pipeline_id, stage_order, stage_id
