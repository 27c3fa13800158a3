-- Detects: actions that name somebody who had no role on the deal that day.
-- Why: a rep who calls a stranger about a deal looks foolish, and trusts the list no more.
-- A row means: this action's contact has no role on the deal as of the day.
select
    a.tenant_id,
    a.snapshot_date,
    a.rep_id,
    a.priority_rank,
    a.opportunity_id,
    a.contact_id
from dashboard.next_best_actions as a
left join staging.deal_contacts as c
    on
        a.tenant_id = c.tenant_id and a.opportunity_id = c.opportunity_id and a.contact_id = c.contact_id
        and a.snapshot_date >= c.d_from and a.snapshot_date < c.d_to and c.role is not null
where
    a.contact_id is not null and c.contact_id is null
    and a.snapshot_date > (select max(n.snapshot_date) from dashboard.next_best_actions as n) - 7
