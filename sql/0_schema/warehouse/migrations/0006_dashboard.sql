-- The dashboards' data: the contract datasets, and what only they read.

create schema dashboard;
comment on schema dashboard is 'What dashboards show: the contracts of docs/data_dictionary.md, as of every day.';

alter table ops.days_written add column first_written_at timestamptz not null default now();

select reference.define_table('rep_metrics', 'metric_name', $$
    metric_label text not null,
    format_type text not null check (format_type in ('decimal', 'percent', 'days')),
    good_direction text not null check (good_direction in ('higher', 'lower')),
    suggested_action text not null
$$, 'What reps are compared by: in words, how it is shown, and which way is good.');
select reference.define_table('priority_weights', 'factor', $$
    weight numeric not null check (weight > 0)
$$, 'What each factor weighs in the priority of an action.');

create index on staging.activities (tenant_id, contact_id) where is_two_way;

create table staging.accounts (
    tenant_id text not null,
    account_id text not null,
    valid_from timestamptz not null,
    valid_to timestamptz not null,
    account_name text not null,
    known_as_of bigint not null,
    data_freshness timestamptz,
    primary key (tenant_id, account_id, valid_from)
);

create table staging.contacts (
    tenant_id text not null,
    contact_id text not null,
    valid_from timestamptz not null,
    valid_to timestamptz not null,
    contact_name text not null,
    known_as_of bigint not null,
    data_freshness timestamptz,
    primary key (tenant_id, contact_id, valid_from)
);

create table staging.deal_contacts (
    tenant_id text not null,
    opportunity_id text not null,
    contact_id text not null,
    d_from date not null,
    d_to date not null,
    role text,
    last_two_way_at timestamptz,
    known_as_of bigint not null,
    data_freshness timestamptz,
    primary key (tenant_id, opportunity_id, contact_id, d_from),
    check (d_from < d_to)
);
create index on staging.deal_contacts (d_to, d_from);

create table staging.closing_facts (
    tenant_id text not null,
    opportunity_id text not null,
    closed_at timestamptz not null,
    closed_on date not null,
    d_from date not null,
    d_to date not null,
    rep_id text not null,
    is_won boolean not null,
    cycle_us bigint not null,
    stakeholders_engaged numeric not null,
    days_to_first_meeting numeric,
    champion_identified_rate numeric not null,
    economic_buyer_engaged_rate numeric not null,
    activities_per_deal_week numeric not null,
    average_discount numeric,
    known_as_of bigint not null,
    data_freshness timestamptz,
    primary key (tenant_id, opportunity_id, d_from)
);

create table enriched.deal_people (
    tenant_id text not null,
    snapshot_date date not null,
    opportunity_id text not null,
    contact_id text not null,
    contact_name text not null,
    role_contact_id text,
    role_contact_name text,
    contact_role text,
    known_as_of bigint not null,
    data_freshness timestamptz,
    primary key (tenant_id, snapshot_date, opportunity_id)
);
create index on enriched.deal_people (snapshot_date);

create table dashboard.dashboard_kpis (
    tenant_id text not null,
    snapshot_date date not null,
    quarter text not null,
    team_filter text not null,
    segment text not null,
    region text not null,
    team_id text not null,
    quarter_target numeric(14, 2),
    ai_forecast numeric(14, 2),
    ai_forecast_confidence numeric(5, 4),
    commit_amount numeric(14, 2),
    commit_confidence numeric(5, 4),
    closed_won_amount numeric(14, 2),
    gap_to_target numeric(14, 2),
    gap_pct numeric,
    coverage_ratio numeric,
    risk_level text,
    forecast_change_1w numeric(14, 2),
    commit_change_1w numeric(14, 2),
    open_deals_count bigint not null,
    open_pipeline_amount numeric(14, 2),
    without_amount_count bigint not null,
    forecast_method text,
    confidence_basis text,
    backtest_quarters bigint,
    known_as_of bigint not null,
    data_freshness timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (tenant_id, snapshot_date, quarter, team_id, segment, region),
    unique (tenant_id, snapshot_date, quarter, team_filter, segment, region)
);

create table dashboard.forecast_history (
    tenant_id text not null,
    snapshot_date date not null,
    quarter text not null,
    team_filter text not null,
    segment text not null,
    region text not null,
    week_number int not null,
    team_id text not null,
    week_end date not null,
    as_of_date date,
    cumulative_target numeric(14, 2),
    cumulative_closed numeric(14, 2),
    cumulative_commit numeric(14, 2),
    cumulative_forecast numeric(14, 2),
    pipeline_commit numeric(14, 2),
    pipeline_best_case numeric(14, 2),
    pipeline_total numeric(14, 2),
    avg_pipeline_health numeric(5, 2),
    forecast_confidence numeric(5, 4),
    known_as_of bigint not null,
    data_freshness timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (tenant_id, snapshot_date, quarter, team_id, segment, region, week_number)
);
create index on dashboard.forecast_history (snapshot_date);

create table dashboard.stage_velocity (
    tenant_id text not null,
    snapshot_date date not null,
    pipeline_id text not null,
    stage_id text not null,
    team_filter text not null,
    segment text not null,
    region text not null,
    team_id text not null,
    stage_name text not null,
    stage_order numeric,
    avg_duration_days numeric(10, 4),
    median_duration_days numeric(10, 4),
    benchmark_days float8,
    deviation_days numeric(10, 4),
    duration_change_pct numeric,
    trend_direction text,
    conversion_rate numeric(5, 4),
    deals_in_stage bigint not null,
    amount_in_stage numeric(14, 2),
    status_indicator text,
    trend_display text not null,
    completed_count bigint not null,
    previous_completed_count bigint not null,
    duration_change_days numeric(10, 4),
    median_current_age_days numeric(10, 4),
    p90_current_age_days numeric(10, 4),
    known_as_of bigint not null,
    data_freshness timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (tenant_id, snapshot_date, pipeline_id, stage_id, team_id, segment, region)
);
create index on dashboard.stage_velocity (snapshot_date);

create table dashboard.stuck_deals_view (
    tenant_id text not null,
    snapshot_date date not null,
    opportunity_id text not null,
    account_name text not null,
    opportunity_name text not null,
    owner_name text not null,
    amount numeric(14, 2),
    stage_name text not null,
    days_in_stage numeric(10, 2) not null,
    health_score int,
    close_date date,
    urgency text not null,
    risk_flags text[] not null,
    risk_flags_display text not null,
    days_until_close int,
    slip_risk text,
    primary_action text not null,
    action_target text,
    action_reason text not null,
    urgency_icon text not null,
    amount_display text not null,
    owner_id text not null,
    team_id text not null,
    team_filter text not null,
    segment text,
    region text,
    quarter text,
    benchmark_days numeric(10, 2) not null,
    deviation_days numeric(10, 2) not null,
    stage_id text not null,
    known_as_of bigint not null,
    data_freshness timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (tenant_id, snapshot_date, opportunity_id)
);

create table dashboard.health_distribution (
    tenant_id text not null,
    snapshot_date date not null,
    quarter text not null,
    team_filter text not null,
    segment text not null,
    region text not null,
    team_id text not null,
    healthy_count bigint not null,
    healthy_amount numeric(14, 2),
    healthy_pct numeric(7, 6),
    monitor_count bigint not null,
    monitor_amount numeric(14, 2),
    monitor_pct numeric(7, 6),
    at_risk_count bigint not null,
    at_risk_amount numeric(14, 2),
    at_risk_pct numeric(7, 6),
    critical_count bigint not null,
    critical_amount numeric(14, 2),
    critical_pct numeric(7, 6),
    at_risk_change_1w numeric(7, 6),
    trend_direction text,
    deals_count bigint not null,
    unjudged_count bigint not null,
    known_as_of bigint not null,
    data_freshness timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (tenant_id, snapshot_date, quarter, team_id, segment, region)
);

create table dashboard.rep_performance_view (
    tenant_id text not null,
    snapshot_date date not null,
    rep_id text not null,
    rep_name text not null,
    manager_name text not null,
    region text,
    segment text,
    ytd_attainment numeric,
    ytd_attainment_display text not null,
    win_rate numeric(5, 4),
    avg_deal_size numeric(14, 2),
    avg_sales_cycle_days numeric(10, 2),
    overall_rank bigint not null,
    total_reps bigint not null,
    rank_display text not null,
    rank_change_qoq bigint,
    team_avg_win_rate numeric(5, 4),
    team_avg_deal_size numeric(14, 2),
    team_avg_cycle numeric(10, 2),
    win_rate_vs_team numeric(5, 4),
    win_rate_vs_team_display text not null,
    cycle_vs_team numeric(10, 2),
    attainment_change_qoq numeric,
    win_rate_change_qoq numeric(5, 4),
    performance_tier text,
    team_id text not null,
    quota_to_date numeric(16, 2),
    won_amount_to_date numeric(16, 2),
    won_count bigint not null,
    lost_count bigint not null,
    quarter_attainment numeric,
    is_top_performer boolean not null,
    known_as_of bigint not null,
    data_freshness timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (tenant_id, snapshot_date, rep_id)
);

create table dashboard.rep_driver_comparison (
    tenant_id text not null,
    snapshot_date date not null,
    rep_id text not null,
    metric_name text not null,
    metric_label text not null,
    rep_value numeric not null,
    top_performer_value numeric,
    team_avg_value numeric,
    format_type text not null,
    good_direction text not null,
    gap_to_top numeric,
    gap_pct numeric,
    gap_impact text not null,
    bar_max numeric not null,
    rep_bar_pct numeric(5, 2),
    top_bar_pct numeric(5, 2),
    deals_count bigint not null,
    closed_deals_count bigint not null,
    closed_win_rate numeric(5, 4),
    team_id text not null,
    manager_name text not null,
    segment text,
    region text,
    known_as_of bigint not null,
    data_freshness timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (tenant_id, snapshot_date, rep_id, metric_name)
);

create table dashboard.rep_activity_metrics (
    tenant_id text not null,
    snapshot_date date not null,
    rep_id text not null,
    period text not null,
    total_activities bigint not null,
    call_count bigint not null,
    email_count bigint not null,
    meeting_count bigint not null,
    demo_count bigint not null,
    avg_daily_activities numeric(10, 2),
    team_avg_daily numeric(10, 2),
    top_performer_daily numeric(10, 2),
    monday_avg numeric(10, 2),
    tuesday_avg numeric(10, 2),
    wednesday_avg numeric(10, 2),
    thursday_avg numeric(10, 2),
    friday_avg numeric(10, 2),
    low_activity_days text[] not null,
    activity_consistency_score numeric(5, 4),
    working_days_count bigint not null,
    team_id text not null,
    manager_name text not null,
    segment text,
    region text,
    known_as_of bigint not null,
    data_freshness timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (tenant_id, snapshot_date, rep_id, period)
);

create table dashboard.next_best_actions (
    tenant_id text not null,
    snapshot_date date not null,
    action_id uuid not null,
    rep_id text not null,
    opportunity_id text not null,
    account_name text not null,
    contact_name text,
    contact_role text,
    action_type text not null,
    action_reason text not null,
    priority_score numeric(5, 2) not null,
    priority_rank bigint not null,
    best_time_start text,
    best_time_end text,
    urgency text not null,
    deal_amount numeric(14, 2),
    deal_health int,
    days_since_contact int not null,
    risk_if_delayed text not null,
    action_icon text not null,
    time_display text not null,
    opportunity_name text not null,
    contact_id text,
    risk_flags text[] not null,
    health_factor numeric(5, 4),
    silence_factor numeric(5, 4),
    amount_factor numeric(5, 4),
    close_date_factor numeric(5, 4),
    risk_flags_factor numeric(5, 4) not null,
    best_time_basis text,
    best_time_samples bigint,
    close_date date,
    quarter text,
    team_id text not null,
    manager_name text not null,
    segment text,
    region text,
    known_as_of bigint not null,
    data_freshness timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (tenant_id, snapshot_date, rep_id, priority_rank),
    unique (tenant_id, snapshot_date, action_id)
);

create schema ai;
comment on schema ai is 'Coaching insights per rep and day: from templates, or from a language model whose figures are checked.';

create table ai.coaching_inputs (
    tenant_id text not null,
    snapshot_date date not null,
    rep_id text not null,
    inputs jsonb not null,
    strengths jsonb not null,
    improvements jsonb not null,
    priority_actions jsonb not null,
    overall_assessment text not null,
    primary_focus_area text not null,
    known_as_of bigint not null,
    data_freshness timestamptz,
    generated_at timestamptz not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (tenant_id, snapshot_date, rep_id)
);

create table ai.rep_coaching_insights (
    tenant_id text not null,
    snapshot_date date not null,
    rep_id text not null,
    model_version text not null,
    strengths jsonb not null,
    improvements jsonb not null,
    priority_actions jsonb not null,
    overall_assessment text not null,
    primary_focus_area text not null,
    inputs_sha256 text not null,
    prompt_sha256 text,
    fallback_reason text,
    known_as_of bigint not null,
    data_freshness timestamptz,
    generated_at timestamptz not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (tenant_id, snapshot_date, rep_id)
);

create table ai.texts (
    sha256 text primary key,
    kind text not null check (kind in ('inputs', 'prompt')),
    body text not null
);
comment on table ai.texts is 'What language models were asked, and about which figures, by the hash of the text.';
