-- Asks in ops.stale_partitions for every day that stands in this schema but reads otherwise by what is known now, of one tenant
-- or of all; returns how many days that are. A day is stale as a whole: its tables are of one transaction time.
create or replace function metrics.request_stale_days(p_tenant text default null) returns bigint
language plpgsql set client_min_messages = warning set plan_cache_mode = force_custom_plan as $$
declare
    c_tables constant text[] := '{daily_lead_funnel,lead_stage_snapshot,rep_daily_activity,rep_daily_pipeline}';
    v_table text;
    v_from date;
    v_to date;
begin
    select min(w.snapshot_date), max(w.snapshot_date) into v_from, v_to
    from ops.partition_ledger as w
    where w.dataset like 'metrics.%' and (p_tenant is null or w.tenant_id = p_tenant);
    if v_from is null then
        return 0;
    end if;
    perform metrics.begin_refresh(v_from, v_to, p_tenant);
    perform metrics.read_for(c_tables);
    create temporary table if not exists metrics_stale (
        tenant_id text not null, metric_date date not null, dataset text not null
    ) on commit drop;
    truncate pg_temp.metrics_stale;
    foreach v_table in array c_tables loop
        execute format($sql$
            insert into pg_temp.metrics_stale
            with stored as (
                select m.tenant_id, m.metric_date, to_jsonb(m) - 'known_as_of' - 'data_freshness' as content
                from metrics.%1$I as m where m.metric_date between $1 and $2
            ),

            fresh as (
                select r.tenant_id, r.metric_date, to_jsonb(r) as content from metrics.%2$I() as r
            )

            select distinct d.tenant_id, d.metric_date, w.dataset
            from ((table stored except table fresh) union all (table fresh except table stored)) as d
            inner join ops.partition_ledger as w
                on w.dataset = 'metrics.' || %1$L and w.tenant_id = d.tenant_id and w.snapshot_date = d.metric_date
            inner join pg_temp.metrics_tenants as t on t.tenant_id = d.tenant_id
        $sql$, v_table, v_table || '_rows') using v_from, v_to;
    end loop;
    insert into ops.stale_partitions (dataset, tenant_id, snapshot_date, reason)
    select 'metrics.' || t.name, s.tenant_id, s.metric_date, s.dataset || ' has changed'
    from (select s.tenant_id, s.metric_date, min(s.dataset) as dataset from pg_temp.metrics_stale as s group by 1, 2) as s
    cross join unnest(c_tables || 'run_log'::text) as t (name)
    on conflict (dataset, tenant_id, snapshot_date) do update
    set request_id = default, reason = excluded.reason, requested_at = now();
    return (select count(*) from (select distinct s.tenant_id, s.metric_date from pg_temp.metrics_stale as s) as d);
end $$;
