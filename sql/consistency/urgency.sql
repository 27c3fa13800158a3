-- How urgent a stuck deal is, what to do, and why.
-- An escalation is a task of the rep's.
select
    s.tenant_id,
    s.snapshot_date,
    'urgency and action of ' || s.opportunity_id || ': dashboard.stuck_deals_view, dashboard.next_best_actions' as what,
    concat_ws(' / ', s.urgency, case s.primary_action when 'escalate' then 'task' else s.primary_action end, s.action_reason)
        as one,
    concat_ws(' / ', a.deal_urgency, a.action_type, a.action_reason) as other
from dashboard.stuck_deals_view as s
inner join dashboard.next_best_actions as a
    on
        s.tenant_id = a.tenant_id and s.snapshot_date = a.snapshot_date and s.known_as_of = a.known_as_of
        and s.opportunity_id = a.opportunity_id
