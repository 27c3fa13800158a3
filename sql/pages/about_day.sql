-- How fresh a day is, how many of its datasets are stale, and whether a load is under way (one of another tool
-- that was killed never ends: it is forgotten after a day).
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
    exists (
        select from semantic.loads as l
        where
            l.tenant_id = :tenant and l.status = 'running'
            and l.started_at > cast(:now as timestamptz) - interval '1 day'
    ) or exists (
        -- A load of ours holds this lock to its end, and shows its row only then.
        select from pg_locks as h
        cross join (
            select distinct l.source from semantic.loads as l
            where l.tenant_id = :tenant
        ) as s
        cross join (values (''), ('_raw')) as v (suffix)
        where
            h.locktype = 'advisory' and h.granted and h.objsubid = 1
            and ((h.classid::bigint << 32) | h.objid::bigint)
            = hashtextextended(cast(:tenant as text) || '/' || s.source || v.suffix, 1)
    ) as is_loading
from dashboard.dashboard_kpis as k
where k.tenant_id = :tenant and k.snapshot_date = :day
