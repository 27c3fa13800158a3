-- Reads from the source everything that is known of leads or of deals (p_kind: lead or opportunity) in one remote query:
-- one row per record that has a version, and that p_wanted (a condition on the log's columns, true for any of its rows)
-- chooses, all of it aggregated and filtered over there. Fills
--   pg_temp.metrics_log      the log's rows of these records
create or replace function metrics.read_log(p_kind text, p_fields text[], p_wanted text) returns void
language plpgsql as $$
declare
    v_read record := metrics.window_to_read();
begin
    create temporary table if not exists metrics_log (
        kind text not null, tenant_id text not null, record_id text not null, field text not null, at timestamptz,
        old_value text, new_value text, is_version boolean not null, known_from bigint not null, line_no bigint
    ) on commit drop;
    delete from pg_temp.metrics_log where kind = p_kind;
    execute format($sql$
        insert into pg_temp.metrics_log
        select %1$L, r.tenant_id, r.record_id, l.field, l.at, l.old_value, l.new_value, l.is_version, l.known_from, l.line_no
        from (
            select g.tenant_id, g.record_id, array_agg(g.field) as fields, array_agg(g.at) as ats,
                array_agg(g.old_value) as old_values, array_agg(g.new_value) as new_values,
                array_agg(g.is_version) as are_versions, array_agg(g.known_from) as known_froms, array_agg(g.line_no) as line_nos
            from crm_remote.%2$I as g
            where g.tenant_id = any($1) and g.known_from <= $2 and g.known_to > $2 and g.field = any($3)
            group by g.tenant_id, g.record_id
            having bool_or(g.field = 'record_created') and bool_or(%3$s)
        ) as r
        cross join lateral unnest(
            r.fields, r.ats, r.old_values, r.new_values, r.are_versions, r.known_froms, r.line_nos
        ) as l (field, at, old_value, new_value, is_version, known_from, line_no)
    $sql$, p_kind, p_kind || '_log', p_wanted)
    using v_read.tenants, v_read.known_as_of, p_fields, v_read.starts_at, v_read.ends_at;
    analyze pg_temp.metrics_log;
end $$;
