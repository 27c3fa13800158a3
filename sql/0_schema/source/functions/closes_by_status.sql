-- Companies whose source closes deals by a status or a loss reason, in whatever stage they are; known since that load, and as
-- long as it stands.
create or replace view crm.closes_by_status as
select t.tenant_id, s.known_from, 9223372036854775807 as known_to
from crm.tenants as t
cross join lateral (
    select min(h.known_from) as known_from
    from crm.opportunity_history_versions as h
    where h.tenant_id = t.tenant_id and h.field in ('status', 'loss_reason')
        and h.load_id not in (select u.load_id from crm.loads as u where u.undone_by is not null)
) as s
where s.known_from is not null
union all
select l.tenant_id, l.load_seq, l.undone_by
from crm.loads as l
where l.undone_by is not null and exists (
    select from crm.opportunity_history_versions as h
    where h.tenant_id = l.tenant_id and h.load_id = l.load_id and h.field in ('status', 'loss_reason')
);
comment on view crm.closes_by_status is
'Companies whose deals are closed by a status or a loss reason, not by a stage: a row for each span of transaction time.';
