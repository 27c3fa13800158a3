-- Days of daily metrics that stand, but read otherwise by what is known now: metrics.request_stale_days() finds them, the
-- next run of the day strikes them out.
create or replace view metrics.stale_days with (security_barrier) as
select q.tenant_id, q.snapshot_date as metric_date, q.reason, q.requested_at
from ops.stale_partitions as q
where q.dataset = 'metrics.run_log'
    and (q.tenant_id = any((select ops.tenants_read())::text[]) or '*' = any((select ops.tenants_read())::text[]));
comment on view metrics.stale_days is 'Days that stand, but read otherwise by what is known now: one row per tenant and day.';
