-- Core analytics: what the pipeline looked like, as of every day.

create schema analytics;
comment on schema analytics is 'Core analytics as of each day, from deals and their health.';

create table analytics.pipeline_health_summary (
    tenant_id text not null,
    snapshot_date date not null,
    dimension text not null check (dimension in ('overall', 'forecast_category', 'stage', 'manager')),
    group_id text not null,
    group_name text not null,
    deals_count bigint not null,
    without_amount_count bigint not null,
    amount numeric(16, 2),
    mean_health_score numeric(5, 2),
    amount_weighted_health_score numeric(5, 2),
    healthy_count bigint not null,
    monitor_count bigint not null,
    at_risk_count bigint not null,
    critical_count bigint not null,
    unjudged_count bigint not null,
    healthy_amount numeric(16, 2),
    monitor_amount numeric(16, 2),
    at_risk_amount numeric(16, 2),
    critical_amount numeric(16, 2),
    needs_attention_count bigint not null,
    stuck_count bigint not null,
    mean_days_in_stage numeric(10, 4),
    known_as_of bigint not null,
    data_freshness timestamptz,
    primary key (tenant_id, snapshot_date, dimension, group_id),
    check (healthy_count + monitor_count + at_risk_count + critical_count + unjudged_count = deals_count)
);

create table analytics.deals_stuck_in_process (
    tenant_id text not null,
    snapshot_date date not null,
    opportunity_id text not null,
    stage_id text not null,
    stage_name text not null,
    owner_id text not null,
    amount numeric(14, 2),
    close_date date,
    days_in_stage float8 not null,
    benchmark_days float8 not null,
    deviation_days float8 not null,
    days_until_close int,
    urgency text not null check (urgency in ('CRITICAL', 'HIGH', 'MEDIUM', 'LOW')),
    slip_risk text check (slip_risk in ('HIGH', 'MEDIUM', 'LOW')),
    primary_action text not null check (primary_action in ('escalate', 'call', 'meeting', 'email')),
    health_score int,
    risk_flags text[] not null,
    amount_rank float8,
    known_as_of bigint not null,
    data_freshness timestamptz,
    primary key (tenant_id, snapshot_date, opportunity_id)
);
