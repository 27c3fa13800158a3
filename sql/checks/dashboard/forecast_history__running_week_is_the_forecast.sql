-- Detects: running weeks whose forecast is not the day's.
-- Why: forecast history and the KPIs of one day are two views of one forecast; people put them side by side.
-- A row means: on this day the running week's cumulative_forecast differs from the KPIs' ai_forecast.
select
    h.tenant_id,
    h.snapshot_date,
    h.quarter,
    h.team_id,
    h.segment,
    h.region,
    h.cumulative_forecast,
    k.ai_forecast
from dashboard.forecast_history as h
inner join dashboard.dashboard_kpis as k
    on
        h.tenant_id = k.tenant_id and h.snapshot_date = k.snapshot_date and h.quarter = k.quarter
        and h.team_id = k.team_id and h.segment = k.segment and h.region = k.region
where
    h.as_of_date = h.snapshot_date and h.cumulative_forecast is distinct from k.ai_forecast
    and h.snapshot_date > (select max(n.snapshot_date) from dashboard.forecast_history as n) - 7
