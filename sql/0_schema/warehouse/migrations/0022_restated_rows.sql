-- What stored days said before they were written again, and which run wrote them last.
alter table ops.partition_ledger add column run_id text;
comment on column ops.partition_ledger.run_id is 'The run that wrote the day last; null where it was written before this column, or by functions.';

create table ops.restated_rows (
    dataset text not null,
    tenant_id text not null,
    snapshot_date date not null,
    row_key jsonb not null,
    was jsonb,
    known_as_of bigint not null,
    restated_by bigint,
    cut_at timestamptz,
    because_of text,
    run_id text not null,
    restated_at timestamptz not null default clock_timestamp()
);
create index on ops.restated_rows (tenant_id, snapshot_date, dataset);
comment on table ops.restated_rows is
'What rows of stored days said before the day was written again and they read otherwise: of datasets whose header keeps it.';
comment on column ops.restated_rows.row_key is 'The key besides tenant and day.';
comment on column ops.restated_rows.was is 'The row as it was; null: there was none.';
comment on column ops.restated_rows.known_as_of is 'The newest load that the earlier row could see.';
comment on column ops.restated_rows.restated_by is 'The newest load that the row after it could see: it held until then. Null: what stands is a look back at an earlier load.';
comment on column ops.restated_rows.cut_at is 'Where the earlier row was of a day that still ran: the instant that it was seen as of.';
comment on column ops.restated_rows.because_of is 'Why the day was stale, if it was.';
