-- Faults in the versions of any canonical table: two versions of one record known at the same time, or a key that is
-- current twice. None can come from crm.finish_load; what wrote past it shows up here.
create or replace function crm.find_version_faults()
returns table (table_name text, tenant_id text, key text, known_from bigint, known_to bigint, next_known_from bigint)
language plpgsql stable as $$
declare
    v_table crm.canonical_tables;
begin
    for v_table in select t.* from crm.canonical_tables as t order by t.table_name loop
        return query execute format($sql$
            select %1$L, v.tenant_id, v.key, v.known_from, v.known_to, v.next_known_from
            from (
                select tenant_id, %2$I as key, known_from, known_to,
                    lead(known_from) over (partition by tenant_id, %2$I order by known_from, known_to) as next_known_from
                from crm.%3$I
                where known_from < known_to
            ) as v
            where v.next_known_from < v.known_to
        $sql$, v_table.table_name, v_table.key_column, v_table.table_name || '_versions');
    end loop;
end $$;

create or replace view crm.version_faults as
select f.table_name, f.tenant_id, f.key, f.known_from, f.known_to, f.next_known_from from crm.find_version_faults() as f;
