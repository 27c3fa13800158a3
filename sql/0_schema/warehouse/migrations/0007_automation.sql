-- Automation: what stands as known when, which days are to be built again and why, alerts.

create table ops.tables_written (
    dataset text not null,
    tenant_id text not null,
    known_as_of bigint not null,
    primary key (dataset, tenant_id)
);
comment on table ops.tables_written is
'For every table that is built as a whole: the newest load that its tenant''s rows could see.';

alter table ops.days_written add column cut_at timestamptz;
comment on column ops.days_written.cut_at is
'Where the day was seen as of an instant within it, because the newest load came on that day: that instant.';
create index on ops.days_written (tenant_id, snapshot_date) where cut_at is not null;

alter table ops.rerun_requests add column request_id bigint not null generated always as identity;
comment on column ops.rerun_requests.request_id is
'A new one each time the day is asked for: a write strikes out what had been asked before it began to read, no more.';

create table ops.alerts (
    alert_id bigint generated always as identity primary key,
    raised_at timestamptz not null default clock_timestamp(),
    run_id text not null,
    subject text not null,
    severity text not null check (severity in ('run failed', 'check failed')),
    message text not null,
    notified_at timestamptz,
    unique (run_id, subject)
);
comment on table ops.alerts is 'Failed runs, and checks of severity error that failed: one row per run and subject.';
comment on column ops.alerts.notified_at is 'When it was sent out; null while it was not, or where nobody is to be told.';
