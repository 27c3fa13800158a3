-- What was asked for and done, and all that its figures hung on: the same need not be done again.
create table ops.finished_runs (
    request text primary key,
    fingerprint text not null,
    known_as_of bigint not null,
    run_id text not null,
    finished_at timestamptz not null default clock_timestamp()
);
comment on table ops.finished_runs is 'Runs of a selection for a range of days, of all tenants, whose checks passed: `--skip-current` looks here.';
comment on column ops.finished_runs.fingerprint is 'Of the SQL, the code, the settings and the newest load that changed something.';
