-- How fresh each dataset of daily partitions is, for whoever may not read the bookkeeping.
create or replace view semantic.freshness with (security_barrier) as
select w.tenant_id, w.dataset, max(w.snapshot_date) as newest_day, max(w.known_as_of) as known_as_of,
    max(l.finished_at) as newest_load_at
from ops.partition_ledger as w
left join (
    select tenant_id, max(finished_at) as finished_at from crm_remote.loads where status = 'finished' group by tenant_id
) as l on l.tenant_id = w.tenant_id
where w.tenant_id = any((select ops.tenants_read())::text[]) or '*' = any((select ops.tenants_read())::text[])
group by w.tenant_id, w.dataset;
comment on view semantic.freshness is 'Grain: tenant and daily dataset. Its newest day, the newest load that its rows could see, and '
    'when the newest load of the tenant had finished.';
