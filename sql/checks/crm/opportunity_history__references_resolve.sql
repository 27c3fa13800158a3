-- Detects: changes of deals that were never loaded.
-- Why: their stages and amounts count in no deal; usually an export was cut between two files.
-- A row means: this change belongs to a deal that is not there, not even deleted.
-- Severity: warn
select
    h.tenant_id,
    h.opportunity_id,
    count(*) as changes_count
from crm_remote.opportunity_history as h
left join crm_remote.opportunities_versions as o on h.tenant_id = o.tenant_id and h.opportunity_id = o.opportunity_id
where o.opportunity_id is null
group by h.tenant_id, h.opportunity_id
