-- Detects: dashboards that end before the newest load.
-- Why: people read yesterday's dashboard as today's; a build that failed or was never started shows nowhere else.
-- A row means: the newest day of this tenant is older than its newest load by more than the set age.
-- Severity: warn
select
    k.tenant_id,
    max(k.snapshot_date) as newest_day,
    max(l.finished_at) as newest_load_at
from dashboard.dashboard_kpis as k
inner join crm_remote.loads as l on k.tenant_id = l.tenant_id
group by k.tenant_id
having max(l.finished_at) > (max(k.snapshot_date) + 1)::timestamptz + :max_age_days * interval '1 day'
