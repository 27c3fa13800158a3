-- What is loaded for all tenants alike (reference files) takes a place in known time too: a load without a tenant.

alter table crm.loads alter column tenant_id drop not null;
comment on column crm.loads.tenant_id is 'Company whose records were loaded; null: reference data, which is of all companies.';
