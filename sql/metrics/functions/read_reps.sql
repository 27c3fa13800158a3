-- Names of reps as their records said at any time, by the rule of staging.reps. Fills
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
    insert into pg_temp.metrics_reps
    with versions as (
        select distinct on (v.tenant_id, v.rep_id, t.valid_from) v.tenant_id, v.rep_id, t.valid_from,
            metrics.key_of(v.name, metrics.key_of(v.email, v.rep_id)) as rep_name
        from crm_remote.reps_versions as v
        inner join pg_temp.metrics_loads as l on l.load_id = v.load_id
        cross join lateral (select coalesce(v.modified_at, l.started_at) as valid_from) as t
        where v.tenant_id = any(v_read.tenants) and v.known_from <= v_read.known_as_of
        order by v.tenant_id, v.rep_id, t.valid_from, v.known_from desc, v.line_no desc
    )

    select v.tenant_id, v.rep_id, v.rep_name,
        case when row_number() over (partition by v.tenant_id, v.rep_id order by v.valid_from) = 1 then '-infinity'
            else v.valid_from end,
        lead(v.valid_from, 1, 'infinity') over (partition by v.tenant_id, v.rep_id order by v.valid_from)
    from versions as v;
    analyze pg_temp.metrics_reps;
end $$;
