-- The forecast week by week as it was said then.
select
    week_number,
    week_end,
    as_of_date,
    cumulative_target,
    cumulative_closed,
    cumulative_commit,
    cumulative_forecast,
    pipeline_total,
    avg_pipeline_health
from dashboard.forecast_history
where
    tenant_id = :tenant
    and snapshot_date = :day
    and team_id = :team
    and segment = :segment
    and region = :region
    and quarter = :quarter
order by week_number
