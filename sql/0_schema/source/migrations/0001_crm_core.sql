-- The CRM source: tenants, loads, rejects, and the helper that lays out one canonical table in three parts.

create schema crm;
comment on schema crm is 'Canonical CRM records. crm.<table> is the current state, crm.<table>_versions all versions in known time.';

create schema crm_staging;
comment on schema crm_staging is 'Where loads put records before crm.finish_load(load_id) merges them into crm.';

create table crm.tenants (
    tenant_id text primary key check (tenant_id ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
    name text not null,
    created_at timestamptz not null default clock_timestamp()
);
comment on table crm.tenants is 'One row per company whose CRM is loaded; tenant_id is its slug.';

create table crm.loads (
    load_id bigint generated always as identity primary key,
    load_seq bigint unique,
    tenant_id text not null references crm.tenants,
    source text not null,
    directory text,
    status text not null default 'running' check (status in ('running', 'finished', 'failed')),
    started_at timestamptz not null default clock_timestamp(),
    finished_at timestamptz,
    rows_read bigint not null default 0,
    rows_inserted bigint not null default 0,
    rows_updated bigint not null default 0,
    rows_unchanged bigint not null default 0,
    rows_rejected bigint not null default 0,
    rows_conflicting bigint not null default 0,
    earliest_business_at timestamptz,
    error text,
    check ((status = 'finished') = (load_seq is not null))
);
comment on table crm.loads is 'One row per load. A failed load left nothing but this row and a sample of its rejects.';
comment on column crm.loads.load_seq is 'Known time: the place in the order of commits, given under a lock held to commit.';
comment on column crm.loads.rows_read is 'Records read from files; the other counts are of canonical records.';
comment on column crm.loads.earliest_business_at is 'Earliest instant whose figures this load can change; null if it changed nothing.';
create sequence crm.load_seq;

create table crm.load_files (
    load_id bigint not null references crm.loads,
    tenant_id text not null,
    source text not null,
    file_key text not null,
    file_name text not null,
    sha256 text not null,
    mapping_sha256 text not null,
    rows_read bigint not null,
    rows_rejected bigint not null,
    known_from bigint not null,
    known_to bigint not null default 9223372036854775807,
    primary key (load_id, file_key)
);
comment on table crm.load_files is
'One row per file of a load. known_from/known_to say when its raw rows were the current export of that file.';
comment on column crm.load_files.source is 'Where the raw rows went (a schema), or the mapping''s name if none are kept.';
create unique index load_files_current on crm.load_files (tenant_id, source, file_key)
where known_to = 9223372036854775807;

create table crm.load_tables (
    load_id bigint not null references crm.loads,
    table_name text not null,
    rows_staged bigint not null,
    rows_inserted bigint not null,
    rows_updated bigint not null,
    rows_late bigint not null,
    rows_unchanged bigint not null,
    rows_conflicting bigint not null,
    earliest_business_at timestamptz,
    primary key (load_id, table_name)
);
comment on table crm.load_tables is
'One row per load and canonical table. rows_late: versions older than the one already current, kept as history.';

create table crm.load_rejects (
    load_id bigint not null references crm.loads,
    tenant_id text not null,
    kind text not null check (kind in ('rejected', 'conflict')),
    file_name text,
    line_no bigint,
    reason text not null,
    record text
);
create index load_rejects_load on crm.load_rejects (load_id);
comment on table crm.load_rejects is
'rejected: a record that could not be loaded, as it stood in the file. conflict: a record that lost to a later row of the same load with the same id.';

create table crm.canonical_tables (
    table_name text primary key,
    key_column text not null,
    business_at text not null,
    is_event boolean not null
);
comment on table crm.canonical_tables is
'The canonical tables. business_at: the column that says when a record matters first; is_event: a correction of it matters from that instant on, not from the modification.';

-- Lays out one canonical table: versions in two partitions (the current one is small, whatever the past), the
-- current view, and the staging table.
create function crm.define_table(
    p_table text, p_key text, p_columns text, p_business_at text, p_is_event boolean, p_comment text
) returns void language plpgsql as $$
declare
    v_constraint text;
begin
    execute format($ddl$
        create table crm.%1$I (
            tenant_id text not null,
            %2$I text not null check (length(%2$I) between 1 and 512),
            %3$s,
            modified_at timestamptz,
            is_deleted boolean not null default false,
            record jsonb,
            load_id bigint not null,
            line_no bigint,
            known_from bigint not null,
            known_to bigint not null default 9223372036854775807,
            constraint known_interval check (known_from <= known_to)
        ) partition by range (known_to)
    $ddl$, p_table || '_versions', p_key, p_columns);
    execute format('create table crm.%I partition of crm.%I for values from (9223372036854775807) to (maxvalue)',
        p_table || '_current', p_table || '_versions');
    execute format('create table crm.%I partition of crm.%I for values from (minvalue) to (9223372036854775807)',
        p_table || '_superseded', p_table || '_versions');
    execute format('create unique index on crm.%I (tenant_id, %I)', p_table || '_current', p_key);
    execute format('create index on crm.%I (tenant_id, %I, known_to)', p_table || '_superseded', p_key);
    execute format('create view crm.%I as select * from crm.%I where known_to = 9223372036854775807 and not is_deleted',
        p_table, p_table || '_versions');
    execute format($ddl$
        create unlogged table crm_staging.%1$I (
            load_id bigint, file_name text, line_no bigint, %2$I text, %3$s,
            modified_at timestamptz, is_deleted boolean not null default false, record jsonb
        )
    $ddl$, p_table, p_key, p_columns);
    for v_constraint in  -- staging takes what comes; the merge sets aside what the constraints refuse
        select conname from pg_constraint where conrelid = format('crm_staging.%I', p_table)::regclass and contype = 'c'
    loop
        execute format('alter table crm_staging.%I drop constraint %I', p_table, v_constraint);
    end loop;
    execute format('create index on crm_staging.%I (load_id)', p_table);
    execute format('comment on view crm.%I is %L', p_table, p_comment);
    execute format('comment on table crm.%I is %L', p_table || '_versions',
        p_comment || ' Every version: known from load known_from to before load known_to.');
    insert into crm.canonical_tables values (p_table, p_key, p_business_at, p_is_event);
end $$;
