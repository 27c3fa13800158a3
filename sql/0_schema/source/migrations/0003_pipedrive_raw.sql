-- Pipedrive's six tables verbatim: one row per file line, text as exported (an empty field is null), every load kept.
-- pipedrive_raw.<table> is the current export, <table>_versions all exports with their known time.

create schema pipedrive_raw;
comment on schema pipedrive_raw is 'Pipedrive exports as received, row for row, nothing deduplicated.';

create function pg_temp.define_raw(p_table text, p_columns text[]) returns void language plpgsql as $$
declare
    v_ddl text := (select string_agg(format('%I text', c), ', ' order by n) from unnest(p_columns) with ordinality as u (c, n));
    v_list text := (select string_agg(format('r.%I', c), ', ' order by n) from unnest(p_columns) with ordinality as u (c, n));
begin
    execute format('create table pipedrive_raw.%I (load_id bigint not null, line_no bigint not null, %s, extra jsonb)',
        p_table || '_lines', v_ddl);
    execute format('create index on pipedrive_raw.%I (load_id)', p_table || '_lines');
    execute format($ddl$
        create view pipedrive_raw.%1$I as
        select f.tenant_id, f.known_from, f.known_to, r.load_id, r.line_no, %3$s, r.extra
        from pipedrive_raw.%2$I as r
        inner join crm.load_files as f on f.load_id = r.load_id and f.file_key = %4$L
    $ddl$, p_table || '_versions', p_table || '_lines', v_list, p_table);
    execute format($ddl$
        create view pipedrive_raw.%I as
        select r.tenant_id, %s, r.extra from pipedrive_raw.%I as r where r.known_to = 9223372036854775807
    $ddl$, p_table, v_list, p_table || '_versions');
end $$;

select pg_temp.define_raw('activity', '{activity_id,type,assigned_to_user,deal_id,done,due_to}');
select pg_temp.define_raw('activity_types', '{id,name,active,type}');
select pg_temp.define_raw('deal_changes', '{deal_id,change_time,changed_field_key,new_value}');
select pg_temp.define_raw('fields', '{id,field_key,name,field_value_options}');
select pg_temp.define_raw('stages', '{stage_id,stage_name}');
select pg_temp.define_raw('users', '{id,name,email,modified}');
