-- Notes that the days of pg_temp.metrics_days, and no others from p_from to p_to, stand in a table, and strikes out what had
-- been asked for before they were read. Days that were computed as known before a tenant's newest load are stale: what
-- stands is what is known now, or is stale.
create or replace function metrics.note_days(p_table text, p_from date, p_to date, p_tenant text) returns void
language plpgsql as $$
begin
    delete from ops.stale_partitions as q
    using pg_temp.metrics_requests as r
    where q.request_id = r.request_id and r.dataset = 'metrics.' || p_table;
    insert into ops.stale_partitions (dataset, tenant_id, snapshot_date, reason)
    select 'metrics.' || p_table, d.tenant_id, d.metric_date, format('computed as known after load %s', d.known_as_of)
    from pg_temp.metrics_days as d
    inner join pg_temp.metrics_tenants as t on t.tenant_id = d.tenant_id
    where not t.is_latest
    on conflict (dataset, tenant_id, snapshot_date) do update
    set request_id = default, reason = excluded.reason, requested_at = now();

    with gone as (
        delete from ops.partition_ledger as w
        where w.dataset = 'metrics.' || p_table and w.snapshot_date between p_from and p_to
            and (p_tenant is null or w.tenant_id = p_tenant)
            and not exists (select from pg_temp.metrics_tenants as t where t.tenant_id = w.tenant_id)
        returning w.dataset, w.tenant_id, w.snapshot_date
    )

    insert into ops.stale_partitions (dataset, tenant_id, snapshot_date, reason)
    select g.dataset, g.tenant_id, g.snapshot_date, 'removed: its company was not known then'
    from gone as g
    on conflict (dataset, tenant_id, snapshot_date) do update
    set request_id = default, reason = excluded.reason, requested_at = now();
    insert into ops.partition_ledger (dataset, tenant_id, snapshot_date, known_as_of, cut_at)
    select 'metrics.' || p_table, d.tenant_id, d.metric_date, d.known_as_of, case when d.as_of < d.ends_at then d.as_of end
    from pg_temp.metrics_days as d
    on conflict (dataset, tenant_id, snapshot_date) do update set known_as_of = excluded.known_as_of, cut_at = excluded.cut_at;
end $$;
