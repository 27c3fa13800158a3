-- A company's name with a mark that only the warehouse's owner can make, and that opens one session only, whoever sees it. The API
-- hands it to a session that shall read that company's rows and no others: set revops.tenant_seal. Of *: every company's.
create or replace function ops.sealed(p_tenant text, p_pid int, p_secret bytea) returns text language sql stable parallel safe as $$
    select p_tenant || ' ' || encode(sha256(p_secret || sha256(p_secret || convert_to(p_tenant || ' ' || p_pid, 'UTF8'))), 'hex')
$$;
create or replace function ops.seal(p_tenant text, p_pid int) returns text language sql stable as $$
    select ops.sealed(p_tenant, p_pid, secret) from ops.seal_secret
$$;
revoke execute on function ops.seal(text, int) from public;

-- The companies whose rows this session reads; * stands for every one. What a seal names, where the session has one; else whoever
-- writes the warehouse reads all of it, and any other login what it, or a role that it is a member of, was granted. The login
-- counts: no setting and no `set role` changes it.
-- Call it as (select ops.tenants_read()): evaluated once.
create or replace function ops.tenants_read() returns text[] language plpgsql stable parallel restricted security definer
set search_path = pg_catalog, pg_temp as $$
declare
    v_seal text := current_setting('revops.tenant_seal', true);
    v_tenant text := split_part(v_seal, ' ', 1);
    v_pid int := pg_backend_pid();
begin
    if v_seal <> '' then
        return array(select v_tenant from ops.seal_secret where ops.sealed(v_tenant, v_pid, secret) = v_seal);
    elsif has_table_privilege(session_user, 'ops.partition_ledger', 'insert') then
        return '{*}';
    end if;
    return array(
        select g.tenant_id
        from ops.tenant_grants as g
        inner join pg_roles as r on r.oid = g.role
        where pg_has_role(session_user, r.oid, 'member')
    );
end $$;
