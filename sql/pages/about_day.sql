-- How fresh a day is, how many of its datasets are stale, and since when a load has been running (one that was killed
-- never ends: it is forgotten after a day).
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
    ) as stale_because,
    (
        select min(l.started_at) from semantic.loads as l
        where
            l.tenant_id = :tenant and l.status = 'running'
            and l.started_at > cast(:now as timestamptz) - interval '1 day'
    ) as loading_since
from dashboard.dashboard_kpis as k
where k.tenant_id = :tenant and k.snapshot_date = :day
