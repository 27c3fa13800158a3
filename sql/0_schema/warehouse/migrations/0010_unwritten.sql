-- What could not be written because of a tenant's rows; a place for the history views.

create schema history;
comment on schema history is 'What was true when: versions of the source''s records, each with its span of time.';

create table ops.unwritten (
    dataset text not null,
    tenant_id text not null,
    snapshot_date date,
    because_of text,
    run_id text not null,
    noted_at timestamptz not null default clock_timestamp(),
    message text not null,
    record_key jsonb,
    column_name text,
    value text,
    unique nulls not distinct (dataset, tenant_id, snapshot_date)
);
comment on table ops.unwritten is
'Parts of datasets whose tenant keeps earlier rows, because new ones could not be written: a day, or the tenant''s rows of a
table that is built as a whole. A part leaves this table when it is written.';
comment on column ops.unwritten.snapshot_date is 'The day; null for a table that is built as a whole.';
comment on column ops.unwritten.because_of is
'The dataset whose rows could not be written, where this one reads them and waits; null where its own could not.';
comment on column ops.unwritten.run_id is 'The run that tried last; where that one was executed again, the first of them.';
comment on column ops.unwritten.message is 'What is wrong, with the first rows that are.';
comment on column ops.unwritten.record_key is 'Key of the first row that is wrong, where it is known.';
comment on column ops.unwritten.column_name is 'Its column that is wrong.';
comment on column ops.unwritten.value is 'That column''s value.';
