-- Days of a company that were built, the newest first.
select p.snapshot_date
from semantic.partitions as p
where p.tenant_id = :tenant and p.dataset = 'dashboard.dashboard_kpis'
order by p.snapshot_date desc
