-- Companies whose source closes deals by a status or a loss reason, in whatever stage they are; known since that load.
create or replace view crm.closes_by_status as
select t.tenant_id, s.known_from
from crm.tenants as t
cross join lateral (
    select min(h.known_from) as known_from
    from crm.opportunity_history_versions as h
    where h.tenant_id = t.tenant_id and h.field in ('status', 'loss_reason')
) as s
where s.known_from is not null;
comment on view crm.closes_by_status is 'Companies whose deals are closed by a status or a loss reason, not by a stage: one row each.';
