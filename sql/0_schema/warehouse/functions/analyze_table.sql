-- Statistics of a table that was just written: for whoever writes it without owning it.
create or replace function ops.analyze_table(p_table regclass) returns void language plpgsql security definer
set search_path = pg_catalog, pg_temp as $$
begin
    execute format('analyze %s', p_table);
end $$;
revoke execute on function ops.analyze_table(regclass) from public;
