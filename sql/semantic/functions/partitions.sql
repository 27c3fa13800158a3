-- Which days of which dataset are materialized, and whether they are stale, for whoever may not read the bookkeeping.
create or replace view semantic.partitions with (security_barrier) as
select w.tenant_id, w.dataset, w.snapshot_date, w.known_as_of, w.cut_at as seen_until, q.reason as stale_because,
    w.run_id
from ops.partition_ledger as w
left join ops.stale_partitions as q
    on q.dataset = w.dataset and q.tenant_id = w.tenant_id and q.snapshot_date = w.snapshot_date
where w.tenant_id = any((select ops.tenants_read())::text[]) or '*' = any((select ops.tenants_read())::text[]);
comment on view semantic.partitions is 'Grain: tenant, daily dataset and materialized day. stale_because: why it reads otherwise by what is '
    'known now; run_id: the run that wrote it last; seen_until: of the day that still ran, the instant that it was seen as of.';
