-- How did the forecast of the quarter develop, week by week, as it was said then?
select
    week_number,
    cumulative_target,
    cumulative_closed,
    cumulative_commit,
    cumulative_forecast
from dashboard.forecast_history
where
    tenant_id = 'acme' and team_filter = 'All' and segment = 'All' and region = 'All' and as_of_date is not null
    and snapshot_date = (select max(n.snapshot_date) from dashboard.forecast_history as n)
order by quarter, week_number;

-- In which week did a team's commit fall?
select
    team_filter,
    quarter,
    week_number,
    pipeline_commit - lag(pipeline_commit) over (partition by team_id, quarter order by week_number) as change
from dashboard.forecast_history
where
    tenant_id = 'acme' and segment = 'All' and region = 'All' and as_of_date is not null
    and snapshot_date = (select max(n.snapshot_date) from dashboard.forecast_history as n)
order by change nulls last;
