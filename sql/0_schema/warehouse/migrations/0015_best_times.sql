-- When contacts and reps are answered, in a dataset of its own.

create table analytics.best_times (
    tenant_id text not null,
    snapshot_date date not null,
    basis text not null check (basis in ('contact', 'rep')),
    who text not null,
    attempts_count bigint not null,
    start_hour int,
    known_as_of bigint not null,
    data_freshness timestamptz,
    primary key (tenant_id, snapshot_date, basis, who)
);

-- Days that stand read it from now on.
insert into ops.stale_partitions (dataset, tenant_id, snapshot_date, reason)
select
    'analytics.best_times',
    tenant_id,
    snapshot_date,
    'a new dataset'
from ops.partition_ledger
where dataset = 'dashboard.next_best_actions'
on conflict (dataset, tenant_id, snapshot_date) do nothing;
