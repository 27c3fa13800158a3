-- Stage visits, and the stage velocity report.

create schema staging;
comment on schema staging is 'CRM records as they were: stages, stays in stages, deals as of every day.';
create schema dyno_crm;
comment on schema dyno_crm is 'The stage velocity report: its published tables and functions. Ids are UUIDs.';

create table staging.pipeline_stages (
    tenant_id text not null,
    stage_id text not null,
    valid_from timestamptz not null,
    valid_to timestamptz not null,
    stage_label text not null,
    pipeline_id text,
    stage_name text not null,
    stage_order numeric,
    outcome text not null check (outcome in ('open', 'won', 'lost')),
    is_deleted boolean not null,
    known_as_of bigint not null,
    data_freshness timestamptz,
    primary key (tenant_id, stage_id, valid_from),
    check (valid_from < valid_to)
);

create table staging.deal_stays (
    tenant_id text not null,
    opportunity_id text not null,
    stay_number bigint not null,
    status text not null check (status in ('open', 'won', 'lost')),
    pipeline_id text,
    stage_id text,
    visit_number bigint,
    entered_at timestamptz not null,
    exited_at timestamptz,
    ended_by text not null check (
        ended_by in ('forward', 'back', 'left', 'won', 'lost', 'reopened', 'deleted', 'merged', 'open', 'closed')
    ),
    next_stage_id text,
    is_reentry boolean not null,
    is_reopening boolean not null,
    gone_at timestamptz,
    gone_by text check (gone_by in ('deleted', 'merged')),
    known_as_of bigint not null,
    data_freshness timestamptz,
    primary key (tenant_id, opportunity_id, stay_number),
    check (entered_at <= exited_at),
    check ((exited_at is null) = (ended_by in ('open', 'closed'))),
    check ((pipeline_id is not null) = (status = 'open') and (stage_id is null or status = 'open')),
    check ((visit_number is null) = (stage_id is null))
);
-- A report reads one pipeline's visits, and nothing else of them.
create index deal_stays_by_stage on staging.deal_stays (tenant_id, pipeline_id, stage_id, entered_at)
include (exited_at, gone_at, gone_by) where stage_id is not null;

create table staging.stage_directory (
    tenant_id text not null,
    pipeline_id text not null,
    stage_id text not null,
    pipeline_name text not null,
    is_listed boolean not null,
    tenant_uuid uuid not null,
    pipeline_uuid uuid not null,
    stage_uuid uuid not null,
    known_as_of bigint not null,
    data_freshness timestamptz,
    primary key (tenant_id, pipeline_id, stage_id),
    unique (tenant_uuid, pipeline_uuid, stage_uuid)
);

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
'Of runs that a schedule makes, one per tenant, pipeline, day and known time: a retry finds its run.';

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
