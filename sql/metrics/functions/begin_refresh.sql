-- Begins to compute the days from p_from to p_to, of one tenant or of all: refuses what is no such range, waits for other
-- writers of the schema, resolves the transaction time once, and lays out for this transaction
--   pg_temp.metrics_loads    every finished load
--   pg_temp.metrics_tenants  the tenants; when the newest load that changed something came, and the newest of all
--   pg_temp.metrics_days     each tenant's days with the instant that each is seen as of: its end; on the day of the
--                            newest load that changed something, that load's end
--   pg_temp.metrics_requests what had been asked for before anything was read
-- Transaction time is the session's revops.known_as_of, else that of the newest load.
create or replace function metrics.begin_refresh(p_from date, p_to date, p_tenant text) returns void
language plpgsql as $$
declare
    v_timezone text := ops.timezone();
    v_today date := (now() at time zone v_timezone)::date;
    v_newest bigint;
    v_known_as_of bigint;
begin
    if p_from is null or p_to is null or not isfinite(p_from) or not isfinite(p_to) then
        raise exception using errcode = 'invalid_parameter_value',
            message = format('two days are needed, not %s and %s', coalesce(p_from::text, 'null'), coalesce(p_to::text, 'null'));
    elsif p_from > p_to then
        raise exception using errcode = 'invalid_parameter_value',
            message = format('the range runs backwards: from %s to %s', p_from, p_to);
    elsif p_to > v_today then
        raise exception using errcode = 'invalid_parameter_value',
            message = format('%s is in the future: today is %s in %s', p_to, v_today, v_timezone);
    elsif p_to - p_from > 36525 then
        raise exception using errcode = 'invalid_parameter_value',
            message = format('a range of %s days is more than a hundred years', p_to - p_from + 1);
    end if;
    lock table metrics.run_log in share row exclusive mode;  -- one writer of the schema at a time; readers pass

    create temporary table if not exists metrics_loads (
        load_seq bigint not null, load_id bigint not null, tenant_id text, started_at timestamptz not null,
        finished_at timestamptz not null, is_changing boolean not null, undone_by bigint
    ) on commit drop;
    create temporary table if not exists metrics_tenants (
        tenant_id text not null, cut_day date, cut_at timestamptz, data_freshness timestamptz, is_latest boolean not null
    ) on commit drop;
    create temporary table if not exists metrics_days (
        tenant_id text not null, metric_date date not null, starts_at timestamptz not null, ends_at timestamptz not null,
        as_of timestamptz not null, known_as_of bigint not null, data_freshness timestamptz
    ) on commit drop;
    create temporary table if not exists metrics_requests (request_id bigint not null, dataset text not null) on commit drop;
    truncate pg_temp.metrics_loads, pg_temp.metrics_tenants, pg_temp.metrics_days, pg_temp.metrics_requests;

    insert into pg_temp.metrics_loads
    select l.load_seq, l.load_id, l.tenant_id, l.started_at, l.finished_at, l.is_changing, l.undone_by from crm_remote.finished_loads as l;
    v_newest := (select coalesce(max(l.load_seq), 0) from pg_temp.metrics_loads as l);
    v_known_as_of := least(ops.known_as_of(), v_newest);
    if p_tenant is not null and not exists (
        select from pg_temp.metrics_loads as l where l.tenant_id = p_tenant and l.load_seq <= v_known_as_of
    ) then
        raise exception using errcode = 'invalid_parameter_value',
            message = format('there is no tenant %s; there are: %s', quote_nullable(p_tenant), coalesce((
                select string_agg(distinct l.tenant_id, ', ') from pg_temp.metrics_loads as l where l.load_seq <= v_known_as_of
            ), 'none'));
    end if;

    insert into pg_temp.metrics_tenants
    select t.tenant_id, c.cut_day, nullif(t.changed_at, c.cut_day::timestamp at time zone v_timezone), t.finished_at, t.is_latest
    from (
        select l.tenant_id, max(l.finished_at) filter (where l.load_seq <= v_known_as_of and l.is_changing) as changed_at,
            max(l.finished_at) filter (where l.load_seq <= v_known_as_of) as finished_at,
            not bool_or(l.load_seq > v_known_as_of and l.is_changing) as is_latest
        from pg_temp.metrics_loads as l
        where l.tenant_id is not null and (p_tenant is null or l.tenant_id = p_tenant)
        group by l.tenant_id
        having bool_or(l.load_seq <= v_known_as_of)
    ) as t
    cross join lateral (select (t.changed_at at time zone v_timezone)::date as cut_day) as c;

    insert into pg_temp.metrics_days
    select t.tenant_id, d.metric_date, b.starts_at, b.ends_at,
        case when d.metric_date = t.cut_day then coalesce(t.cut_at, b.ends_at) else b.ends_at end, v_known_as_of, t.data_freshness
    from pg_temp.metrics_tenants as t
    cross join (select p_from + n as metric_date from generate_series(0, p_to - p_from) as n) as d
    cross join lateral (
        select d.metric_date::timestamp at time zone v_timezone as starts_at,
            (d.metric_date + 1)::timestamp at time zone v_timezone as ends_at
    ) as b;
    analyze pg_temp.metrics_tenants, pg_temp.metrics_days;

    -- All reads of the source in one transaction see it as its first read did, which may have been before another's.
    if exists (
        select from ops.table_ledger as w
        inner join pg_temp.metrics_tenants as t on t.tenant_id = w.tenant_id
        where w.dataset = 'metrics' and w.known_as_of > v_newest
    ) then
        raise exception using errcode = 'serialization_failure',
            message = format('this transaction sees the source as of load %s, others have seen more: begin it anew', v_newest);
    end if;
    insert into ops.table_ledger
    select 'metrics', t.tenant_id, v_newest from pg_temp.metrics_tenants as t
    on conflict (dataset, tenant_id) do update set known_as_of = excluded.known_as_of;

    insert into pg_temp.metrics_requests
    select q.request_id, q.dataset
    from ops.stale_partitions as q
    inner join pg_temp.metrics_days as d on d.tenant_id = q.tenant_id and d.metric_date = q.snapshot_date
    inner join pg_temp.metrics_tenants as t on t.tenant_id = q.tenant_id
    where q.dataset like 'metrics.%' and t.is_latest;
end $$;
