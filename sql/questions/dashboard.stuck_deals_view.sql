-- Which deals are stuck, and what should be done about them?
select
    opportunity_name,
    owner_name,
    amount,
    stage_name,
    days_in_stage,
    benchmark_days,
    action_reason
from dashboard.stuck_deals_view
where
    tenant_id = 'acme' and urgency in ('CRITICAL', 'HIGH')
    and snapshot_date = (select max(n.snapshot_date) from dashboard.stuck_deals_view as n)
order by amount desc nulls last;

-- How much money is stuck, by owner and stage?
select
    owner_name,
    stage_name,
    count(*) as deals,
    sum(amount) as amount
from dashboard.stuck_deals_view
where
    tenant_id = 'acme'
    and snapshot_date = (select max(n.snapshot_date) from dashboard.stuck_deals_view as n)
group by owner_name, stage_name
order by amount desc nulls last;
