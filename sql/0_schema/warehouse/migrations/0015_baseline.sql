-- The warehouse's schemas, bookkeeping and reference tables. Tables of datasets are laid down from their files' headers
-- (revops_assets/warehouse/tables.py); what a release changes of a table in which rows stand is a migration after this one.

create extension if not exists postgres_fdw;

create schema crm_remote;
comment on schema crm_remote is 'The source database''s schema crm, read over postgres_fdw.';
create schema pipedrive_remote;
comment on schema pipedrive_remote is 'The source database''s schema pipedrive_raw, read over postgres_fdw.';
create schema history;
comment on schema history is 'What was true when: versions of the source''s records, each with its span of time.';
create schema ops;
comment on schema ops is 'Bookkeeping of the warehouse itself.';
create schema reference;
comment on schema reference is 'Small tables that people keep in sql/reference/*.csv.';
create schema staging;
comment on schema staging is 'CRM records as they were: stages, stage visits, deals as of every day.';
create schema enriched;
comment on schema enriched is 'Judgements on deals as of each day: health.';
create schema analytics;
comment on schema analytics is 'Core analytics as of each day, from deals and their health.';
create schema dashboard;
comment on schema dashboard is 'What dashboards show: the contracts of docs/data_dictionary.md, as of every day.';
create schema ai;
comment on schema ai is 'Coaching insights per rep and day: from templates, or from a language model whose figures are checked.';
create schema metrics;
comment on schema metrics is 'Facts of each business day, computed by this schema''s functions straight from the CRM.';
create schema dyno_crm;
comment on schema dyno_crm is 'The stage velocity report: its published tables and functions. Ids are UUIDs.';
create schema pipedrive;
comment on schema pipedrive is 'The Pipedrive monthly sales funnel: staging views, intermediate and reporting tables.';

-- Bookkeeping.

create table ops.calendar (
    day date primary key,
    starts_at timestamptz not null,
    ends_at timestamptz not null,
    quarter text not null,
    quarter_start date not null,
    quarter_end date not null,
    week_of_quarter int not null check (week_of_quarter between 1 and 13),
    fiscal_year_start date not null,
    weekday int not null check (weekday between 1 and 7),
    check (starts_at < ends_at)
);
comment on table ops.calendar is 'Business days: their instants in the business time zone, and their place in the fiscal year.';
create table ops.calendar_settings (
    timezone text not null,
    fiscal_year_month int not null check (fiscal_year_month between 1 and 12),
    only_row boolean primary key default true check (only_row)
);
comment on table ops.calendar_settings is 'What the calendar was made with.';

create table ops.partition_ledger (
    dataset text not null,
    tenant_id text not null,
    snapshot_date date not null,
    known_as_of bigint not null,
    first_written_at timestamptz not null default now(),
    cut_at timestamptz,
    primary key (dataset, tenant_id, snapshot_date)
);
create index on ops.partition_ledger (tenant_id, snapshot_date) where cut_at is not null;
comment on table ops.partition_ledger is 'Which days of which dataset are materialized, and the newest load they could see.';
comment on column ops.partition_ledger.cut_at is
'Where the day was seen as of an instant within it, because the newest load came on that day: that instant.';

create table ops.table_ledger (
    dataset text not null,
    tenant_id text not null,
    known_as_of bigint not null,
    primary key (dataset, tenant_id)
);
comment on table ops.table_ledger is
'For every table of full refresh: the newest load that its tenant''s rows could see.';

create table ops.stale_partitions (
    dataset text not null,
    tenant_id text not null,
    snapshot_date date not null,
    reason text not null,
    requested_at timestamptz not null default now(),
    request_id bigint not null generated always as identity,
    primary key (dataset, tenant_id, snapshot_date)
);
comment on table ops.stale_partitions is
'Days that were built from what has changed since: to be built again, with what reads them on the same day.';
comment on column ops.stale_partitions.request_id is
'A new one each time the day becomes stale: a write strikes out what was stale before it began to read, no more.';

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
table of full refresh. A part leaves this table when it is written.';
comment on column ops.unwritten.snapshot_date is 'The day; null for a table of full refresh.';
comment on column ops.unwritten.because_of is
'The dataset whose rows could not be written, where this one reads them and waits; null where its own could not.';
comment on column ops.unwritten.run_id is 'The run that tried last; where that one was executed again, the first of them.';
comment on column ops.unwritten.message is 'What is wrong, with the first rows that are.';
comment on column ops.unwritten.record_key is 'Key of the first row that is wrong, where it is known.';
comment on column ops.unwritten.column_name is 'Its column that is wrong.';
comment on column ops.unwritten.value is 'That column''s value.';

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
comment on table ops.alerts is 'Failed runs, and checks of severity error that failed. Grain: run and subject.';
comment on column ops.alerts.notified_at is 'When it was sent out; null while it was not, or where nobody is to be told.';

-- Reference tables: files that people keep in sql/reference.

create table ops.reference_files (
    name text primary key,
    sha256 text not null,
    known_from bigint not null
);
comment on table ops.reference_files is 'The files under sql/reference as they were last taken over.';

create table reference.funnel_steps (
    funnel_step numeric primary key,
    step_name text not null,
    stage_id text unique,
    activity_type text unique,
    check ((stage_id is null) <> (activity_type is null))
);
comment on table reference.funnel_steps is
'Steps of the monthly sales funnel: entered when a deal first enters stage_id, or by a done activity of activity_type.';

-- Lays out one dated reference table: its versions, as the file says, and what holds for each tenant and day.
create function reference.define_table(p_name text, p_key text, p_columns text, p_comment text) returns void
language plpgsql as $$
begin
    execute format('create table reference.%I (tenant_id text not null, valid_from date not null, %I text not null, %s,
        known_from bigint not null, known_to bigint not null default 9223372036854775807)', p_name || '_versions', p_key, p_columns);
    execute format('create table reference.%I (tenant_id text not null, valid_from date not null, valid_to date not null,
        is_default boolean not null, %I text not null, %s, known_as_of bigint not null, data_freshness timestamptz)', p_name, p_key, p_columns);
    execute format('create index on reference.%I (tenant_id, %I, valid_from)', p_name, p_key);
    execute format('comment on table reference.%I is %L', p_name, p_comment || ' Holds for days in [valid_from, valid_to).');
    execute format('comment on table reference.%I is %L', p_name || '_versions', p_comment || ' Every version of the file.');
end $$;

select reference.define_table('stage_benchmarks', 'stage_name', $$
    expected_days numeric not null check (expected_days > 0),
    max_days numeric not null check (max_days > 0),
    historical_conversion numeric not null check (historical_conversion between 0 and 1),
    needs_economic_buyer boolean not null
$$, 'How long a stage should take, by its name.');
select reference.define_table('health_bands', 'component', $$
    at_most numeric,
    score int not null check (score between 0 and 100)
$$, 'Scores of deal health''s components: the first band whose at_most is not below the value; without at_most: all else.');
select reference.define_table('health_weights', 'component', $$
    weight numeric not null check (weight > 0)
$$, 'What each component weighs in deal health.');
select reference.define_table('health_categories', 'scale', $$
    category text not null,
    at_least int not null,
    risk_level int not null check (risk_level between 1 and 4)
$$, 'Names of health scores from at_least on.');
select reference.define_table('risk_flags', 'flag', $$
    severity int not null,
    display text not null,
    action_type text not null check (action_type in ('call', 'email', 'meeting', 'task'))
$$, 'Risk flags, worst first, and what to do about them.');
select reference.define_table('thresholds', 'name', $$
    value numeric not null
$$, 'Single numbers of the definitions.');
select reference.define_table('forecast_weights', 'forecast_category', $$
    health_at_least int not null check (health_at_least between 0 and 100),
    weight numeric not null check (weight between 0 and 1)
$$, 'Share of an open deal''s amount that the forecast counts, by forecast category and health.');
select reference.define_table('forecast_risk', 'scale', $$
    risk_level text not null check (risk_level in ('Low', 'Medium', 'High', 'Critical')),
    shortfall_at_most numeric
$$, 'Names of shortfalls, as shares of the target; without shortfall_at_most: all else.');
select reference.define_table('rep_tiers', 'scale', $$
    tier text not null check (tier in ('Top Performer', 'On Track', 'Needs Improvement', 'At Risk')),
    attainment_at_least numeric
$$, 'Names of attainments; without attainment_at_least: all else.');
select reference.define_table('delay_levels', 'scale', $$
    delay_level text not null check (delay_level in ('CRITICAL', 'HIGH', 'MEDIUM', 'LOW', 'ON TARGET')),
    ratio_at_least numeric
$$, 'Names of a stage''s mean duration as a share of its benchmark; without ratio_at_least: all else.');
select reference.define_table('quotas', 'quota_id', $$
    rep_id text,
    period_start date not null,
    period_end date not null,
    amount numeric not null,
    check (period_start <= period_end)
$$, 'What is to be sold in a period: by a rep, or by the company where rep_id is null; in place of the source''s quotas.');
select reference.define_table('rep_metrics', 'metric_name', $$
    metric_label text not null,
    format_type text not null check (format_type in ('decimal', 'percent', 'days')),
    good_direction text not null check (good_direction in ('higher', 'lower')),
    suggested_action text not null
$$, 'What reps are compared by: in words, how it is shown, and which way is good.');
select reference.define_table('priority_weights', 'factor', $$
    weight numeric not null check (weight > 0)
$$, 'What each factor weighs in the priority of an action.');
select reference.define_table('exchange_rates', 'currency', $$
    rate numeric not null check (rate > 0),
    is_home boolean
$$, 'Units of a currency for one of the company''s own; in place of the source''s rates.');

-- What datasets' functions read beside them.

create table ai.texts (
    sha256 text primary key,
    kind text not null check (kind in ('inputs', 'prompt')),
    body text not null
);
comment on table ai.texts is 'What language models were asked, and about which figures, by the hash of the text.';

-- What a lead was converted into, and when.
create type metrics.conversion as (at timestamptz, opportunity_id text);

create table dyno_crm.report_run (
    id uuid primary key default gen_random_uuid(),
    tenant_id uuid not null,
    report_type text not null check (report_type = 'STAGE_VELOCITY'),
    generated_at timestamptz not null default now(),
    period_start timestamptz,
    period_end timestamptz,
    parameters jsonb not null,
    run_key text unique,
    unique (id, tenant_id),
    check (period_start <= period_end)
);
comment on table dyno_crm.report_run is 'One row per run of a report, as it was issued.';
comment on column dyno_crm.report_run.parameters is
'pipeline_id, stage_id (or null), as_of: the instant the report tells of, known_as_of: newest load it could see.';
comment on column dyno_crm.report_run.run_key is
'Of runs that a schedule makes, one per tenant, pipeline, day and transaction time: a retry finds its run.';

create table dyno_crm.report_stage_velocity_fact (
    run_id uuid not null,
    tenant_id uuid not null,
    pipeline_id uuid not null,
    stage_id uuid not null,
    completed_count bigint not null,
    avg_duration_days numeric(10, 4),
    median_duration_days numeric(10, 4),
    current_count bigint not null,
    avg_current_age_days numeric(10, 4),
    unique (run_id, pipeline_id, stage_id),
    foreign key (run_id, tenant_id) references dyno_crm.report_run (id, tenant_id) on delete cascade
);
create index on dyno_crm.report_stage_velocity_fact (tenant_id, pipeline_id, stage_id);
comment on table dyno_crm.report_stage_velocity_fact is
'One row per run and stage. Days are elapsed seconds / 86400; averages and medians are null where nothing is counted.';

create table dyno_crm.report_stage_velocity_detail (
    run_id uuid not null,
    tenant_id uuid not null,
    pipeline_id uuid not null,
    stage_id uuid not null,
    stage_name text not null,
    stage_order numeric,
    p90_duration_days numeric(10, 4),
    median_current_age_days numeric(10, 4),
    p90_current_age_days numeric(10, 4),
    excluded_outside_period_count bigint not null,
    excluded_deleted_count bigint not null,
    excluded_merged_count bigint not null,
    excluded_stage_removed_count bigint not null,
    unique (run_id, pipeline_id, stage_id),
    foreign key (run_id, tenant_id) references dyno_crm.report_run (id, tenant_id) on delete cascade
);
comment on table dyno_crm.report_stage_velocity_detail is
'Beside each fact: the stage as of then, more percentiles, and how many visits were left out of the counts and why.';
