-- What should each rep do first?
select
    rep_id,
    opportunity_name,
    action_type,
    contact_name,
    action_reason
from dashboard.next_best_actions
where
    tenant_id = 'acme'
    and priority_rank = 1
    and snapshot_date = (select max(n.snapshot_date) from dashboard.next_best_actions as n)
order by priority_score desc;

-- How much is at stake in what is due within two weeks?
select
    rep_id,
    count(*) as actions,
    sum(amount_at_stake) as at_stake
from dashboard.next_best_actions
where
    tenant_id = 'acme' and close_date <= snapshot_date + 14
    and snapshot_date = (select max(n.snapshot_date) from dashboard.next_best_actions as n)
group by rep_id
order by at_stake desc nulls last;
