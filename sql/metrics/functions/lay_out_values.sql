-- Fields of the records in pg_temp.metrics_log over time (ops.values_of). Fills
--   pg_temp.metrics_values   one row per record, field and span of one value: true at the end of days whose as-of is in (from, to]
create or replace function metrics.lay_out_values(p_kind text) returns void
language plpgsql as $$
begin
    create temporary table if not exists metrics_values (
        kind text not null, tenant_id text not null, record_id text not null, field text not null, value text,
        valid_from timestamptz not null, valid_to timestamptz not null
    ) on commit drop;
    delete from pg_temp.metrics_values where kind = p_kind;
    execute $sql$
        insert into pg_temp.metrics_values
        select $1, v.tenant_id, v.record_id, v.field, v.value, v.valid_from, v.valid_to
        from ($sql$ || ops.values_of($sql$(
            select * from pg_temp.metrics_log where kind = $1 and (field = 'record_gone' or field not like 'record\_%')
        )$sql$) || ') as v'
    using p_kind;
    analyze pg_temp.metrics_values;
end $$;
