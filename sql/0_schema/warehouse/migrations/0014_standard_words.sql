-- The field's words in place of the project's own.

alter table ops.rerun_requests rename to stale_partitions;
alter table ops.days_written rename to partition_ledger;
alter table ops.tables_written rename to table_ledger;
alter table staging.evidence rename to source_coverage;
alter table staging.deal_stays rename to deal_visits;

update ops.table_ledger set dataset = 'staging.source_coverage' where dataset = 'staging.evidence';
update ops.table_ledger set dataset = 'staging.deal_visits' where dataset = 'staging.deal_stays';
update ops.unwritten set dataset = 'staging.source_coverage' where dataset = 'staging.evidence';
update ops.unwritten set dataset = 'staging.deal_visits' where dataset = 'staging.deal_stays';
update ops.unwritten set because_of = 'staging.source_coverage' where because_of = 'staging.evidence';
update ops.unwritten set because_of = 'staging.deal_visits' where because_of = 'staging.deal_stays';

comment on table ops.table_ledger is
'For every table of full refresh: the newest load that its tenant''s rows could see.';
comment on column ops.stale_partitions.request_id is
'A new one each time the day becomes stale: a write strikes out what was stale before it began to read, no more.';
comment on table ops.alerts is 'Failed runs, and checks of severity error that failed. Grain: run and subject.';
comment on column ops.unwritten.snapshot_date is 'The day; null for a table of full refresh.';

drop function if exists dashboard.day_count(int);
