-- Loads and changes of reference data, for whoever may not read the source. A company's own have its tenant.
create or replace view semantic.loads with (security_barrier) as
select load_seq, tenant_id, source, status, started_at, finished_at, rows_inserted + rows_updated as rows_changed
from crm_remote.loads
where tenant_id = any((select ops.tenants_read())::text[]) or tenant_id is null
    or '*' = any((select ops.tenants_read())::text[]);
comment on view semantic.loads is 'Grain: load. load_seq: its place in transaction time, null until it has finished; tenant_id null: '
    'a change of reference data, which is of all companies.';
