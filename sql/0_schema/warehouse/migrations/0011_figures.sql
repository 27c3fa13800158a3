-- Figures that say nothing where nothing is known.

alter table dashboard.rep_performance_view alter column overall_rank drop not null;

alter table staging.thresholds add column confidence_quarters int not null default 3;
alter table staging.thresholds alter column confidence_quarters drop default;

alter table analytics.forecast_confidence drop constraint forecast_confidence_confidence_basis_check;
update analytics.forecast_confidence set ai_forecast_confidence = null, confidence_basis = 'too few quarters'
where confidence_basis = 'weighted to unweighted';
update dashboard.dashboard_kpis set ai_forecast_confidence = null, confidence_basis = 'too few quarters'
where confidence_basis = 'weighted to unweighted';
alter table analytics.forecast_confidence add constraint forecast_confidence_confidence_basis_check
check (confidence_basis in ('backtest', 'too few quarters', 'next quarter'));

alter table staging.thresholds
add column urgency_critical_score numeric not null default 70,
add column urgency_high_score numeric not null default 50,
add column urgency_medium_score numeric not null default 35,
add column closing_days numeric not null default 14,
add column velocity_tolerance numeric not null default 0.2,
drop column urgency_close_days,
drop column urgency_critical_days,
drop column urgency_high_days,
drop column urgency_medium_days;
alter table staging.thresholds
alter column urgency_critical_score drop default,
alter column urgency_high_score drop default,
alter column urgency_medium_score drop default,
alter column closing_days drop default,
alter column velocity_tolerance drop default;

create table analytics.deal_priorities (
    tenant_id text not null,
    snapshot_date date not null,
    opportunity_id text not null,
    owner_id text not null,
    days_until_close int,
    deviation_days float8,
    is_stuck boolean not null,
    amount_rank float8,
    amount_at_stake numeric(18, 2),
    health_factor numeric(5, 4),
    silence_factor numeric(5, 4),
    amount_factor numeric(5, 4),
    close_date_factor numeric(5, 4),
    risk_flags_factor numeric(5, 4) not null,
    priority_score numeric(5, 2) not null,
    urgency text not null check (urgency in ('CRITICAL', 'HIGH', 'MEDIUM', 'LOW')),
    action text check (action in ('call', 'email', 'meeting', 'task', 'escalate')),
    action_target text,
    action_reason text check ((action_reason is null) = (action is null)),
    contact_id text,
    contact_name text,
    contact_role text,
    known_as_of bigint not null,
    data_freshness timestamptz,
    primary key (tenant_id, snapshot_date, opportunity_id)
);

alter table dashboard.next_best_actions
alter column risk_if_delayed drop not null,
add column deal_urgency text,
add column amount_at_stake numeric(18, 2);

alter table dashboard.rep_activity_metrics add column other_count bigint not null default 0;
alter table dashboard.rep_activity_metrics alter column other_count drop default;

alter table staging.closing_facts add column stage_reached numeric;
alter table dashboard.rep_driver_comparison add column win_rate_potential numeric(5, 4);

-- Days that stand read it from now on: it is built for them before anything behind it is built again.
insert into ops.rerun_requests (dataset, tenant_id, snapshot_date, reason)
select
    'analytics.deal_priorities',
    tenant_id,
    snapshot_date,
    'a new dataset'
from ops.days_written
where dataset = 'analytics.deals_stuck_in_process'
on conflict (dataset, tenant_id, snapshot_date) do nothing;
