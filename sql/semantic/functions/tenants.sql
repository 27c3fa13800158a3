-- Companies by name, for whoever says who reads them and may not read the source.
create or replace view semantic.tenants as
select tenant_id from crm_remote.tenants;
comment on view semantic.tenants is 'Grain: company that anything was loaded for.';
