-- Detects: activities whose deal was never loaded, by tenant.
-- Why: they count in figures of activities, but in no deal's health; funnels of calls and of deals then differ.
-- A row means: so many of this tenant's activities name a deal that its source did not send.
-- Severity: warn
select
    a.tenant_id,
    count(*) as activities_count,
    count(*) filter (where o.opportunity_id is null) as without_deal_count
from crm_remote.activities as a
left join crm_remote.opportunities_versions as o
    on a.tenant_id = o.tenant_id and a.opportunity_id = o.opportunity_id and o.known_to = 9223372036854775807
where a.opportunity_id is not null
group by a.tenant_id
having count(*) filter (where o.opportunity_id is null) > 0
