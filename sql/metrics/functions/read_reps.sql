-- Names of reps as their records said at any time (ops.spans_of). Fills
--   pg_temp.metrics_reps     one row per rep and span of time
create or replace function metrics.read_reps() returns void language plpgsql as $$
declare
    v_read record := metrics.window_to_read();
begin
    create temporary table if not exists metrics_reps (
        tenant_id text not null, rep_id text not null, rep_name text not null, valid_from timestamptz not null,
        valid_to timestamptz not null
    ) on commit drop;
    truncate pg_temp.metrics_reps;
    execute format($sql$
        insert into pg_temp.metrics_reps
        select r.tenant_id, r.rep_id, metrics.key_of(r.name, metrics.key_of(r.email, r.rep_id)), r.holds_from, r.valid_to
        from (%s) as r
        where r.tenant_id = any($1)
    $sql$, ops.spans_of('crm_remote.reps_versions', 'pg_temp.metrics_loads', 'v.rep_id', '$2'))
    using v_read.tenants, v_read.known_as_of;
    analyze pg_temp.metrics_reps;
end $$;
