-- Detects: companies whose CRM has not been loaded for long.
-- Why: whatever is built behind an old load tells of a world that has moved on, and looks like today's.
-- A row means: the newest finished load of this tenant is older than the set age.
-- Severity: warn
select
    tenant_id,
    max(finished_at) as newest_load_at
from crm_remote.loads
where status = 'finished' and tenant_id is not null
group by tenant_id
having max(finished_at) < cast(:checked_at as timestamptz) - :max_age_days * interval '1 day'
