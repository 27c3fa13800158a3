-- Loads that were taken back.

alter table crm.loads
add undoes bigint references crm.loads,
add undone_by bigint,
add is_folded boolean not null default false;
update crm.loads set is_folded = source = 'pipedrive';
comment on column crm.loads.undoes is 'The load that this one took back; null: a load of records.';
comment on column crm.loads.undone_by is
'Transaction time from which on nothing counts that this load brought; null: it stands.';
comment on column crm.loads.is_folded is 'Whether its deals are folded from their changes: the source has no records of them.';

-- The export before an undone one is the current one again: another span of the same file.
alter table crm.load_files
drop constraint load_files_pkey,
add primary key (load_id, file_key, known_from);

create table crm.undone_tables (
    load_id bigint not null references crm.loads,
    table_name text not null,
    rows_put_back bigint not null,
    rows_removed bigint not null,
    rows_later bigint not null,
    rows_past bigint not null,
    primary key (load_id, table_name)
);
comment on table crm.undone_tables is
'One row per load that took another back, and canonical table. rows_put_back: records that read as before that load again; rows_removed: records that only it had told of; rows_later: records that stay as a later load said; rows_past: records of which it had only told older versions.';
