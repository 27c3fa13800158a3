-- The business metrics registry: definitions, the files that they came from, what was done to them, and who asks.

create schema semantic;
comment on schema semantic is 'The business metrics registry: one definition of each metric.';
create schema semantic_input;
comment on schema semantic_input is
'What metrics read: views of one tenant''s records as of the end of one day, both those of the session (semantic.session).';

create table semantic.metric_definitions (
    id text primary key check (id ~ '^[a-z0-9_]+/[a-z0-9_]+$'),
    name text not null,
    display_name text not null,
    category text not null,
    description text not null,
    type text not null default 'sum' check (type in ('sum', 'avg', 'count', 'ratio', 'min', 'max', 'median', 'custom')),
    unit text,
    grain text check (grain in ('daily', 'weekly', 'monthly', 'quarterly', 'yearly')),
    table_name text,
    tables text[] not null default '{}',
    expression text,
    time_column text,
    dimensions text[] not null default '{}',
    filters text[] not null default '{}',
    synonyms text[] not null default '{}',
    notes text[] not null default '{}',
    sql text not null,
    sql_variants jsonb not null default '{}',
    validation jsonb not null default '{}',
    source text not null default 'manual',
    document_sha256 text,
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    check (id = category || '/' || name)
);
comment on table semantic.metric_definitions is 'Grain: metric. What it means, and the SQL that computes it from semantic_input.';
comment on column semantic.metric_definitions.grain is 'The period that a value is of; null where the definition does not say.';
comment on column semantic.metric_definitions.source is 'manual, or yaml_import with the reference of the import behind a colon.';

create table semantic.metric_documents (
    sha256 text primary key,
    path text not null,
    body bytea not null,
    imported_at timestamptz not null default clock_timestamp()
);
comment on table semantic.metric_documents is 'Imported files, byte for byte: definitions are what is read from them.';

create table semantic.metric_audit (
    audit_id bigint generated always as identity primary key,
    at timestamptz not null default clock_timestamp(),
    id text not null,
    action text not null check (action in ('created', 'updated', 'deleted')),
    source text not null,
    before jsonb,
    after jsonb
);
comment on table semantic.metric_audit is 'Grain: change of a definition. Written in the transaction of the change, before it.';

create table semantic.bindings (
    pid int primary key,
    backend_start timestamptz not null,
    tenant_id text not null,
    day date not null
);
comment on table semantic.bindings is 'Which tenant and day a session of the metrics role reads; only the registry writes here.';
