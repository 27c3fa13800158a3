-- crm.start_load(tenant, source, directory) opens a load and returns its id; an unknown tenant is created.
-- Put records into crm_staging.<table> under that load_id, then call crm.finish_load(load_id).
create or replace function crm.start_load(p_tenant text, p_source text, p_directory text default null)
returns bigint language plpgsql as $$
declare
    v_load_id bigint;
begin
    insert into crm.tenants (tenant_id, name) values (p_tenant, p_tenant) on conflict do nothing;
    insert into crm.loads (tenant_id, source, directory) values (p_tenant, p_source, p_directory)
    returning load_id into v_load_id;
    return v_load_id;
end $$;

-- Transaction time: the next number of the sequence, under a lock held to commit, so that order of numbers = order of commits.
create or replace function crm.take_load_seq(p_load_id bigint) returns bigint language plpgsql as $$
declare
    v_seq bigint;
begin
    -- What is logged as finished outlives a power cut, whatever the server's default.
    perform set_config('synchronous_commit', 'on', true);
    perform pg_advisory_xact_lock(hashtextextended('crm.load_seq', 0));
    select load_seq into v_seq from crm.loads where load_id = p_load_id and status = 'running' for update;
    if not found then
        raise exception 'load % is not running', p_load_id;
    end if;
    return nextval('crm.load_seq');
end $$;
