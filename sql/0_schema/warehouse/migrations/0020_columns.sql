-- What columns mean, by people and by the profiler, and what the profiler saw.

create table semantic.column_metadata (
    table_id text not null check (table_id ~ '^\w+\.\w+$'),
    column_name text not null,
    basetype text check (basetype in ('STRING', 'INTEGER', 'NUMERIC', 'FLOAT', 'BOOLEAN', 'DATE', 'TIMESTAMP', 'JSON')),
    description text,
    confidence text not null default 'manual' check (confidence in ('manual', 'profiler')),
    source text not null default 'manual',
    updated_at timestamptz not null default clock_timestamp(),
    primary key (table_id, column_name)
);
comment on table semantic.column_metadata is
'Grain: column of a relation of the warehouse. What it means, where that says more than the project''s own header.';
comment on column semantic.column_metadata.confidence is 'Who wrote it: a person (manual), whose word stands, or the profiler.';

create table semantic.table_profiles (
    tenant_id text not null,
    table_id text not null,
    column_name text not null,
    basetype text not null,
    rows_count bigint not null,
    nulls_count bigint not null,
    distinct_count bigint not null,
    min_value text,
    max_value text,
    metrics text[] not null,
    as_of date not null,
    profiled_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, table_id, column_name)
);
comment on table semantic.table_profiles is
'Grain: tenant, table that metrics may read, and column. What stands in it as of a day, and which metrics read the table.';
