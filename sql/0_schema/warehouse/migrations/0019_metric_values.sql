-- Business metrics: who approved a definition, whether its values add up, how its runs went.

alter table semantic.metric_definitions
    add column additivity text check (additivity in ('additive', 'semi_additive', 'non_additive')),
    add column status text not null default 'proposed' check (status in ('proposed', 'approved')),
    add column approved_by text,
    add column approved_at timestamptz,
    add check ((status = 'approved') = (approved_at is not null));
comment on column semantic.metric_definitions.additivity is
'additive: values add up over periods and dimensions; semi_additive: over dimensions only; null: as its type has it.';
comment on column semantic.metric_definitions.status is 'Only approved definitions are computed every day; an edit proposes it anew.';

-- Imported files were reviewed where they are kept.
update semantic.metric_definitions
set status = 'approved', approved_by = source, approved_at = updated_at
where source like 'yaml_import%';

alter table semantic.metric_audit drop constraint metric_audit_action_check;
alter table semantic.metric_audit
    add constraint metric_audit_action_check check (action in ('created', 'updated', 'deleted', 'approved'));

create table semantic.metric_runs (
    tenant_id text not null,
    snapshot_date date not null,
    metric_id text not null,
    variant text not null,
    rows_count bigint not null,
    seconds double precision not null,
    error text,
    primary key (tenant_id, snapshot_date, metric_id, variant)
);
comment on table semantic.metric_runs is
'Grain: tenant, day, metric and variant that was run for semantic.metric_values; error: why it gave nothing.';
