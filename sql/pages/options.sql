-- Quarters, teams, segments and regions of a day.
select distinct
    k.quarter,
    k.team_id,
    k.team_filter,
    k.segment,
    k.region
from dashboard.dashboard_kpis as k
where k.tenant_id = :tenant and k.snapshot_date = :day
