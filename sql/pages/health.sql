-- Open deals by health band.
select
    *,
    dashboard.currency(healthy_amount) as healthy_shown,
    dashboard.currency(monitor_amount) as monitor_shown,
    dashboard.currency(at_risk_amount) as at_risk_shown,
    dashboard.currency(critical_amount) as critical_shown
from dashboard.health_distribution
where
    tenant_id = :tenant
    and snapshot_date = :day
    and team_id = :team
    and segment = :segment
    and region = :region
    and quarter = 'All'
