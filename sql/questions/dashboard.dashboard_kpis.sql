-- Where does the quarter stand, and what is missing?
select
    quarter,
    closed_won_amount,
    quarter_target,
    ai_forecast,
    gap_to_target,
    risk_level
from dashboard.dashboard_kpis
where
    tenant_id = 'acme'
    and team_filter = 'All'
    and segment = 'All'
    and region = 'All'
    and snapshot_date = (select max(n.snapshot_date) from dashboard.dashboard_kpis as n);

-- Which teams are short of their target?
select
    team_filter,
    quarter,
    quarter_target,
    ai_forecast,
    gap_to_target
from dashboard.dashboard_kpis
where
    tenant_id = 'acme' and team_filter <> 'All' and segment = 'All' and region = 'All' and gap_to_target < 0
    and snapshot_date = (select max(n.snapshot_date) from dashboard.dashboard_kpis as n)
order by gap_to_target;
