-- How fresh a day is, and how many of its datasets are stale.
select
    max(k.data_freshness) as data_freshness,
    max(k.known_as_of) as known_as_of,
    (
        select count(distinct p.dataset) from semantic.partitions as p
        where p.tenant_id = :tenant and p.snapshot_date = :day and p.stale_because is not null
    ) as stale_datasets,
    (
        select max(p.stale_because) from semantic.partitions as p
        where p.tenant_id = :tenant and p.snapshot_date = :day and p.stale_because is not null
    ) as stale_because
from dashboard.dashboard_kpis as k
where k.tenant_id = :tenant and k.snapshot_date = :day
