-- Daily metrics: facts of each business day, computed by the functions of this schema (sql/metrics/functions).

create schema metrics;
comment on schema metrics is 'Facts of each business day, computed by this schema''s functions straight from the CRM.';

-- What a lead was converted into, and when.
create type metrics.conversion as (at timestamptz, opportunity_id text);

create table metrics.daily_lead_funnel (
    tenant_id text not null,
    metric_date date not null,
    lead_source text not null,
    total_leads bigint not null,
    new_leads bigint not null,
    sqls bigint not null,
    opportunities_created bigint not null,
    known_as_of bigint not null,
    data_freshness timestamptz,
    primary key (tenant_id, metric_date, lead_source)
);

create table metrics.rep_daily_activity (
    tenant_id text not null,
    metric_date date not null,
    rep_id text not null,
    rep_name text not null,
    calls bigint not null,
    emails bigint not null,
    meetings bigint not null,
    total_activities bigint not null,
    known_as_of bigint not null,
    data_freshness timestamptz,
    primary key (tenant_id, metric_date, rep_id)
);

create table metrics.rep_daily_pipeline (
    tenant_id text not null,
    metric_date date not null,
    rep_id text not null,
    rep_name text not null,
    opportunities_created bigint not null,
    pipeline_amount_created numeric not null,
    closed_won_opportunities bigint not null,
    revenue_won numeric not null,
    created_without_amount bigint not null,
    won_without_amount bigint not null,
    known_as_of bigint not null,
    data_freshness timestamptz,
    primary key (tenant_id, metric_date, rep_id)
);

create table metrics.lead_stage_snapshot (
    tenant_id text not null,
    metric_date date not null,
    lead_status text not null,
    leads_in_status bigint not null,
    avg_lead_age_days numeric(12, 4),
    known_as_of bigint not null,
    data_freshness timestamptz,
    primary key (tenant_id, metric_date, lead_status)
);

create table metrics.run_log (
    tenant_id text not null,
    metric_date date not null,
    rows_written bigint not null,
    started_at timestamptz not null,
    finished_at timestamptz not null,
    code_version text not null,
    known_as_of bigint not null,
    data_freshness timestamptz,
    primary key (tenant_id, metric_date),
    check (started_at <= finished_at)
);
