-- A rep's next best actions.
select
    a.*,
    dashboard.currency(a.deal_amount) as amount_shown
from dashboard.next_best_actions as a
where a.tenant_id = :tenant and a.snapshot_date = :day and a.rep_id = :rep
order by a.priority_rank
limit 50
