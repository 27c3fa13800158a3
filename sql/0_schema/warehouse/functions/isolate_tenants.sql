-- Row-level security on every table with a tenant_id, partitions too, the owner included. Owner and transformer write and read
-- all rows, so do the admin where it says who reads what, and the reader in the funnel; any other role reads the rows of
-- ops.tenants_read(). A table that has these two policies and no other is not touched; returns those that it was not so of.
create or replace function ops.isolate_tenants(p_transformer text, p_admin text, p_reader text) returns setof text
language plpgsql as $$
declare
    c_text constant text := $p$tenant_id = any((select ops.tenants_read())::text[]) or '*' = any((select ops.tenants_read())::text[])$p$;
    c_uuid constant text := $p$tenant_id = any(array(select ops.uuid_of('tenant', t) from unnest(ops.tenants_read()) as t))
        or '*' = any((select ops.tenants_read())::text[])$p$;
    v_table record;
    v_policy name;
begin
    for v_table in
        select c.oid::regclass as name, a.atttypid = 'uuid'::regtype as is_uuid, array[
                pg_get_userbyid(c.relowner), p_transformer,
                case when n.nspname = 'ops' and c.relname in ('api_tokens', 'tenant_grants') then p_admin end,
                case when n.nspname = 'pipedrive' then p_reader end
            ] as writers
        from pg_class as c
        inner join pg_attribute as a on a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
        inner join pg_namespace as n on n.oid = c.relnamespace
        where c.relkind in ('r', 'p') and c.relpersistence <> 't' and n.nspname !~ '^(pg_|information_schema$)'
            and not (
                c.relrowsecurity and c.relforcerowsecurity
                and array['readers', 'writers']::name[] = array(select polname from pg_policy where polrelid = c.oid order by 1)
            )
        order by 1
    loop
        execute format('alter table %1$s enable row level security, force row level security', v_table.name);
        for v_policy in select polname from pg_policy where polrelid = v_table.name loop
            execute format('drop policy %I on %s', v_policy, v_table.name);
        end loop;
        execute format('create policy writers on %s to %s using (true) with check (true)', v_table.name,
            (select string_agg(quote_ident(role), ', ') from unnest(v_table.writers) as role));
        execute format('create policy readers on %s for select using (%s)', v_table.name,
            case when v_table.is_uuid then c_uuid else c_text end);
        return next v_table.name::text;
    end loop;
end $$;
revoke execute on function ops.isolate_tenants(text, text, text) from public;
