-- How healthy is the open pipeline, and is it getting worse?
select
    snapshot_date,
    healthy_count,
    monitor_count,
    at_risk_count,
    critical_count,
    trend_direction
from dashboard.health_distribution
where
    tenant_id = 'acme'
    and quarter = 'All'
    and team_filter = 'All'
    and segment = 'All'
    and region = 'All'
order by snapshot_date desc;

-- Which team has the largest share of its amount at risk?
select
    team_filter,
    at_risk_amount + critical_amount as amount_at_risk,
    at_risk_pct + critical_pct as share_of_deals
from dashboard.health_distribution
where
    tenant_id = 'acme' and quarter = 'All' and segment = 'All' and region = 'All'
    and snapshot_date = (select max(n.snapshot_date) from dashboard.health_distribution as n)
order by amount_at_risk desc nulls last;
