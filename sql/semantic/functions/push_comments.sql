-- Puts what semantic.column_metadata says into PostgreSQL's comments, of one table or of all; returns how many columns.
-- With its owner's rights: whoever writes the registry does not own the tables.
create or replace function semantic.push_comments(p_table text default null) returns bigint language plpgsql security definer
set search_path = pg_catalog, pg_temp as $$
declare
    v_column record;
    v_count bigint := 0;
begin
    for v_column in
        select c.table_id, c.column_name, c.description
        from semantic.column_metadata as c
        inner join pg_attribute as a
            on a.attrelid = to_regclass(c.table_id) and a.attname = c.column_name and a.attnum > 0 and not a.attisdropped
        where c.description is not null and (p_table is null or c.table_id = p_table)
    loop
        execute format(
            'comment on column %I.%I.%I is %L', split_part(v_column.table_id, '.', 1),
            split_part(v_column.table_id, '.', 2), v_column.column_name, v_column.description
        );
        v_count := v_count + 1;
    end loop;
    return v_count;
end $$;
revoke execute on function semantic.push_comments(text) from public;
