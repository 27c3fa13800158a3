-- How right forecasts were at the same week of past quarters, as known at the end of the last quarter: what was said
-- first (ai), then the methods by their error.
select
    case r.method when 'ai' then 'as it was said' else replace(r.method, '_', ' ') end as method,
    r.snapshot_date,
    r.week_number,
    r.quarters_count,
    dashboard.percent(r.wape) as error_shown,
    r.wape,
    dashboard.percent_delta(r.bias) as bias_shown,
    r.bias,
    r.interval_quarters,
    r.within_quarters
from analytics.forecast_record as r
where
    r.tenant_id = :tenant
    and r.snapshot_date = (
        select max(n.snapshot_date) from analytics.forecast_record as n
        where n.tenant_id = :tenant and n.snapshot_date < :day
    )
    and r.week_number = :week
    and r.team_id = :team
    and r.segment = :segment
    and r.region = :region
    and r.wape is not null
order by r.method <> 'ai', r.wape, r.method
