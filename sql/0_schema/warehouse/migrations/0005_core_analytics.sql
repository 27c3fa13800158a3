-- Core analytics: forecast, reps, process, waterfall; and which days must be built again.

-- Datasets whose columns change are laid out anew: their rows are built, not kept.
drop table staging.reps, staging.deal_intervals, staging.deal_days, enriched.health_rules;
drop view if exists staging.deal_events, staging.deal_engagement;
delete from ops.days_written where dataset in ('staging.deal_days', 'enriched.health_rules');

create table ops.rerun_requests (
    dataset text not null,
    tenant_id text not null,
    snapshot_date date not null,
    reason text not null,
    requested_at timestamptz not null default now(),
    primary key (dataset, tenant_id, snapshot_date)
);
comment on table ops.rerun_requests is
'Days that stand but were built from what has changed since: to be built again, with what reads them on the same day.';

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

create table staging.reps (
    tenant_id text not null,
    rep_id text not null,
    valid_from timestamptz not null,
    valid_to timestamptz not null,
    rep_name text not null,
    manager_id text,
    region text,
    segment text,
    role text,
    hire_date date,
    is_deleted boolean not null,
    is_listed boolean not null,
    known_as_of bigint not null,
    data_freshness timestamptz,
    primary key (tenant_id, rep_id, valid_from)
);

create table staging.quotas (
    tenant_id text not null,
    quota_id text not null,
    valid_from timestamptz not null,
    valid_to timestamptz not null,
    rep_id text,
    period_start date not null,
    period_end date not null,
    amount numeric(14, 2) not null,
    known_as_of bigint not null,
    data_freshness timestamptz,
    primary key (tenant_id, quota_id, valid_from)
);

create table staging.activities (
    tenant_id text not null,
    activity_id text not null,
    opportunity_id text,
    rep_id text,
    contact_id text,
    kind text,
    occurred_at timestamptz not null,
    day date not null,
    is_two_way boolean not null,
    known_as_of bigint not null,
    data_freshness timestamptz,
    primary key (tenant_id, activity_id)
);

create table staging.deal_events (
    tenant_id text not null,
    opportunity_id text not null,
    changed_at timestamptz not null,
    load_order bigint not null,
    line_order bigint not null,
    changes jsonb not null,
    is_push boolean not null,
    is_reopening boolean not null,
    known_as_of bigint not null,
    data_freshness timestamptz
);

create table staging.deal_intervals (
    tenant_id text not null,
    opportunity_id text not null,
    d_from date not null,
    d_to date not null,
    status text not null,
    opportunity_name text,
    account_id text,
    pipeline_id text,
    stage_id text,
    stage_entered_at timestamptz,
    opened_at timestamptz not null,
    closed_at timestamptz,
    amount numeric(14, 2),
    currency text,
    close_date date,
    owner_id text,
    credited_owner_id text,
    forecast_category text,
    probability numeric,
    next_step text,
    discount_pct numeric,
    competitor text,
    competitor_status text,
    lead_source text,
    pushes_count int not null,
    reopenings_count int not null,
    last_two_way_at timestamptz,
    engaged_contacts_count int not null,
    champions_count int not null,
    engaged_economic_buyers_count int not null,
    known_as_of bigint not null,
    data_freshness timestamptz,
    primary key (tenant_id, opportunity_id, d_from),
    check (d_from < d_to)
);
create index on staging.deal_intervals (d_to, d_from);

create table staging.visit_facts (
    tenant_id text not null,
    opportunity_id text not null,
    visit_number bigint not null,
    pipeline_id text not null,
    stage_id text not null,
    entered_on date not null,
    exited_on date,
    days float8,
    elapsed_us bigint,
    ended_by text check (ended_by in ('forward', 'back', 'left', 'won', 'lost')),
    is_reentry boolean not null,
    entered_owner_id text not null,
    exited_owner_id text,
    gone_on date not null,
    known_as_of bigint not null,
    data_freshness timestamptz,
    primary key (tenant_id, opportunity_id, visit_number),
    check ((exited_on is null) = (ended_by is null))
);
create index on staging.visit_facts (exited_on);

create table staging.pipeline_moves (
    tenant_id text not null,
    opportunity_id text not null,
    move_number bigint not null,
    day date not null,
    quarter_start date not null,
    team_id text not null,
    kind text not null check (kind in (
        'created', 'pulled_in', 'increased', 'decreased', 'pushed_out', 'won', 'lost', 'reopened', 'moved', 'deleted',
        'merged'
    )),
    deals_change int not null,
    amount_change numeric(14, 2) not null,
    known_as_of bigint not null,
    data_freshness timestamptz,
    primary key (tenant_id, opportunity_id, move_number)
);
create index on staging.pipeline_moves (day);

create table staging.thresholds (
    tenant_id text not null,
    snapshot_date date not null,
    stall_factor numeric not null,
    critical_factor numeric not null,
    going_dark_days numeric not null,
    single_threaded_contacts numeric not null,
    heavy_discount_pct numeric not null,
    pushed_times numeric not null,
    champion_bonus int not null,
    needs_attention_below numeric not null,
    own_median_visits numeric not null,
    stuck_over_benchmark_days numeric not null,
    urgency_close_days numeric not null,
    urgency_critical_days numeric not null,
    urgency_high_days numeric not null,
    urgency_medium_days numeric not null,
    slip_high_factor numeric not null,
    slip_medium_factor numeric not null,
    escalate_below_health numeric not null,
    escalate_amount_rank numeric not null,
    velocity_change_pct numeric not null,
    velocity_red_days numeric not null,
    top_performer_share numeric not null,
    swing_deals int not null,
    variants int not null,
    known_as_of bigint not null,
    data_freshness timestamptz,
    primary key (tenant_id, snapshot_date)
);

create table staging.rep_days (
    tenant_id text not null,
    snapshot_date date not null,
    rep_id text not null,
    rep_name text not null,
    team_id text not null,
    team_name text not null,
    segment text,
    region text,
    role text,
    is_active boolean not null,
    known_as_of bigint not null,
    data_freshness timestamptz,
    primary key (tenant_id, snapshot_date, rep_id)
);

create table staging.quota_days (
    tenant_id text not null,
    snapshot_date date not null,
    rep_id text not null,
    quarter_target numeric(16, 2),
    next_quarter_target numeric(16, 2),
    year_to_date_target numeric(16, 2),
    known_as_of bigint not null,
    data_freshness timestamptz,
    primary key (tenant_id, snapshot_date, rep_id)
);

create table staging.deal_days (
    tenant_id text not null,
    snapshot_date date not null,
    opportunity_id text not null,
    as_of timestamptz not null,
    opportunity_name text,
    account_id text,
    pipeline_id text not null,
    stage_id text,
    stage_name text,
    stage_order numeric,
    days_in_stage float8,
    amount numeric(14, 2),
    currency text,
    close_date date,
    owner_id text not null,
    owner_name text not null,
    team_id text not null,
    team_name text not null,
    segment text,
    region text,
    forecast_category text not null check (forecast_category in ('Commit', 'Best Case', 'Pipeline', 'Omitted')),
    probability numeric,
    next_step text,
    discount_pct numeric,
    competitor text,
    competitor_status text,
    lead_source text,
    pushes_count int not null,
    reopenings_count int not null,
    days_open int not null,
    last_two_way_at timestamptz,
    days_since_two_way int not null,
    engaged_contacts_count int not null check (engaged_contacts_count >= 0),
    has_champion boolean not null,
    has_engaged_economic_buyer boolean not null,
    known_as_of bigint not null,
    data_freshness timestamptz,
    primary key (tenant_id, snapshot_date, opportunity_id)
);

create table staging.rep_closings (
    tenant_id text not null,
    snapshot_date date not null,
    rep_id text not null,
    won_today_count bigint not null,
    lost_today_count bigint not null,
    quarter_won_count bigint not null,
    quarter_won_without_amount_count bigint not null,
    quarter_won_amount numeric(16, 2) not null,
    next_quarter_won_count bigint not null,
    next_quarter_won_without_amount_count bigint not null,
    next_quarter_won_amount numeric(16, 2) not null,
    year_won_amount numeric(16, 2) not null,
    won_count bigint not null,
    lost_count bigint not null,
    won_with_amount_count bigint not null,
    won_amount numeric(16, 2) not null,
    lost_amount numeric(16, 2) not null,
    won_cycle_days numeric(16, 6) not null,
    known_as_of bigint not null,
    data_freshness timestamptz,
    primary key (tenant_id, snapshot_date, rep_id)
);

create table enriched.health_rules (
    tenant_id text not null,
    snapshot_date date not null,
    velocity_bounds float8[] not null,
    velocity_scores int[] not null,
    velocity_weight bigint not null,
    activity_bounds float8[] not null,
    activity_scores int[] not null,
    activity_weight bigint not null,
    stakeholder_bounds float8[] not null,
    stakeholder_scores int[] not null,
    stakeholder_weight bigint not null,
    competition_bounds float8[] not null,
    competition_scores int[] not null,
    competition_weight bigint not null,
    discount_bounds float8[] not null,
    discount_scores int[] not null,
    discount_weight bigint not null,
    category_bounds int[] not null,
    category_names text[] not null,
    risk_levels int[] not null,
    flags_in_order text[] not null,
    has_activity boolean not null,
    has_stakeholder boolean not null,
    has_competition boolean not null,
    has_discount boolean not null,
    has_roles boolean not null,
    known_as_of bigint not null,
    data_freshness timestamptz,
    primary key (tenant_id, snapshot_date)
);

create table enriched.stage_rules (
    tenant_id text not null,
    snapshot_date date not null,
    stage_id text not null,
    stage_name text not null,
    stage_order numeric,
    benchmark_days float8 check (benchmark_days > 0),
    benchmark_source text check (benchmark_source in ('tenant', 'source', 'default', 'own median')),
    own_median_days float8,
    own_visits_count bigint,
    stall_days float8,
    critical_days float8,
    needs_economic_buyer boolean not null,
    known_as_of bigint not null,
    data_freshness timestamptz,
    primary key (tenant_id, snapshot_date, stage_id)
);

create table enriched.deal_forecasts (
    tenant_id text not null,
    snapshot_date date not null,
    opportunity_id text not null,
    quarter text not null,
    owner_id text not null,
    forecast_category text not null check (forecast_category in ('Commit', 'Best Case', 'Pipeline')),
    amount numeric(14, 2),
    health_score int,
    weight numeric not null check (weight between 0 and 1),
    weighted_amount numeric(16, 4),
    known_as_of bigint not null,
    data_freshness timestamptz,
    primary key (tenant_id, snapshot_date, opportunity_id)
);

create table analytics.forecast_lines (
    tenant_id text not null,
    snapshot_date date not null,
    quarter text not null,
    team_id text not null,
    team_name text not null,
    segment text not null,
    region text not null,
    line text not null check (line in ('Closed Won', 'Commit', 'Best Case', 'Pipeline')),
    quarter_start date not null,
    quarter_end date not null,
    deals_count bigint not null,
    without_amount_count bigint not null,
    unjudged_count bigint not null,
    health_total bigint not null,
    amount numeric(16, 2),
    weighted_amount numeric(16, 2),
    known_as_of bigint not null,
    data_freshness timestamptz,
    primary key (tenant_id, snapshot_date, quarter, team_id, segment, region, line)
);

create table analytics.forecast_backtest (
    tenant_id text not null,
    snapshot_date date not null,
    quarter text not null,
    team_id text not null,
    team_name text not null,
    segment text not null,
    region text not null,
    method text not null check (method in ('default')),
    week_number int not null check (week_number between 1 and 13),
    week_end date not null,
    forecast_amount numeric(16, 2),
    actual_amount numeric(16, 2),
    error_amount numeric(16, 2),
    absolute_percentage_error numeric,
    bias numeric,
    known_as_of bigint not null,
    data_freshness timestamptz,
    primary key (tenant_id, snapshot_date, team_id, segment, region, method, week_number)
);

create table analytics.forecast_confidence (
    tenant_id text not null,
    snapshot_date date not null,
    quarter text not null,
    team_id text not null,
    team_name text not null,
    segment text not null,
    region text not null,
    line text not null check (line in ('Closed Won', 'Commit', 'Best Case', 'Pipeline', 'TOTAL FORECAST')),
    week_number int not null check (week_number between 0 and 13),
    deals_count bigint not null,
    without_amount_count bigint not null,
    unjudged_count bigint not null,
    mean_health_score numeric(5, 2),
    amount numeric(16, 2),
    weighted_amount numeric(16, 2),
    target numeric(16, 2),
    gap_to_target numeric(16, 2),
    shortfall_pct numeric(7, 4) check (shortfall_pct between 0 and 1),
    risk_level text check (risk_level in ('Low', 'Medium', 'High', 'Critical')),
    method text check (method in ('default')),
    ai_forecast numeric(16, 2),
    ai_forecast_confidence numeric(5, 4) check (ai_forecast_confidence between 0 and 1),
    confidence_basis text check (confidence_basis in ('backtest', 'weighted to unweighted')),
    backtest_quarters bigint,
    known_as_of bigint not null,
    data_freshness timestamptz,
    primary key (tenant_id, snapshot_date, quarter, team_id, segment, region, line)
);

create table analytics.rep_performance (
    tenant_id text not null,
    snapshot_date date not null,
    rep_id text not null,
    rep_name text not null,
    team_id text not null,
    team_name text not null,
    segment text,
    region text,
    is_active boolean not null,
    created_today_count bigint not null,
    won_today_count bigint not null,
    lost_today_count bigint not null,
    quarter_quota numeric(16, 2),
    quarter_won_count bigint not null,
    quarter_won_amount numeric(16, 2),
    quarter_attainment numeric,
    year_to_date_quota numeric(16, 2),
    year_won_amount numeric(16, 2),
    ytd_attainment numeric,
    won_count bigint not null,
    lost_count bigint not null,
    win_rate numeric(5, 4) check (win_rate between 0 and 1),
    amount_win_rate numeric(5, 4) check (amount_win_rate between 0 and 1),
    avg_deal_size numeric(16, 2),
    avg_sales_cycle_days numeric(10, 2),
    open_deals_count bigint not null,
    open_amount numeric(16, 2),
    mean_health_score numeric(5, 2),
    overall_rank bigint,
    total_reps bigint,
    team_win_rate numeric(5, 4),
    team_avg_deal_size numeric(16, 2),
    team_avg_sales_cycle_days numeric(10, 2),
    win_rate_vs_team numeric(5, 4),
    cycle_vs_team numeric(10, 2),
    attainment_change_qoq numeric,
    win_rate_change_qoq numeric(5, 4),
    rank_change_qoq bigint,
    performance_tier text check (
        performance_tier in ('Top Performer', 'On Track', 'Needs Improvement', 'At Risk')
    ),
    is_top_performer boolean not null,
    known_as_of bigint not null,
    data_freshness timestamptz,
    primary key (tenant_id, snapshot_date, rep_id),
    unique (tenant_id, snapshot_date, overall_rank)
);

create table analytics.rep_drivers (
    tenant_id text not null,
    snapshot_date date not null,
    rep_id text not null,
    metric_name text not null check (metric_name in (
        'stakeholders_engaged', 'days_to_first_meeting', 'champion_identified_rate', 'economic_buyer_engaged_rate',
        'activities_per_deal_week', 'average_discount'
    )),
    metric_value numeric not null,
    metric_total numeric not null,
    deals_count bigint not null check (deals_count > 0),
    team_value numeric,
    top_performer_value numeric,
    top_performer_deals_count bigint not null,
    known_as_of bigint not null,
    data_freshness timestamptz,
    primary key (tenant_id, snapshot_date, rep_id, metric_name)
);

create table analytics.top_performer_patterns (
    tenant_id text not null,
    snapshot_date date not null,
    metric_name text not null,
    top_performers_count bigint not null,
    top_performer_value numeric not null,
    top_performer_deals_count bigint not null,
    others_value numeric not null,
    others_deals_count bigint not null,
    difference numeric not null,
    known_as_of bigint not null,
    data_freshness timestamptz,
    primary key (tenant_id, snapshot_date, metric_name)
);

create table analytics.stage_velocity (
    tenant_id text not null,
    snapshot_date date not null,
    pipeline_id text not null,
    stage_id text not null,
    team_id text not null,
    team_name text not null,
    segment text not null,
    region text not null,
    stage_name text not null,
    stage_order numeric,
    completed_count bigint not null,
    avg_duration_days numeric(10, 4),
    median_duration_days numeric(10, 4),
    previous_completed_count bigint not null,
    previous_avg_duration_days numeric(10, 4),
    duration_change_days numeric(10, 4),
    duration_change_pct numeric,
    trend_direction text check (trend_direction in ('improving', 'stable', 'worsening')),
    advanced_count bigint not null,
    conversion_rate numeric(5, 4) check (conversion_rate between 0 and 1),
    benchmark_days float8,
    deviation_days numeric(10, 4),
    status_indicator text check (status_indicator in ('green', 'yellow', 'red')),
    deals_in_stage bigint not null,
    amount_in_stage numeric(16, 2),
    median_current_age_days numeric(10, 4),
    p90_current_age_days numeric(10, 4),
    known_as_of bigint not null,
    data_freshness timestamptz,
    primary key (tenant_id, snapshot_date, pipeline_id, stage_id, team_id, segment, region)
);

create table analytics.process_bottlenecks (
    tenant_id text not null,
    snapshot_date date not null,
    pipeline_id text not null,
    stage_id text not null,
    stage_name text not null,
    stage_order numeric,
    occurrences bigint not null,
    avg_days numeric(10, 4),
    stddev_days numeric(10, 4),
    min_days numeric(10, 4),
    max_days numeric(10, 4),
    benchmark_days float8,
    avg_deviation_days numeric(10, 4),
    delay_ratio numeric(10, 4),
    delay_level text check (delay_level in ('CRITICAL', 'HIGH', 'MEDIUM', 'LOW', 'ON TARGET')),
    delay_rank bigint,
    bottleneck_count bigint not null,
    rework_count bigint not null,
    open_bottleneck_count bigint not null,
    amount_in_bottleneck numeric(16, 2),
    known_as_of bigint not null,
    data_freshness timestamptz,
    primary key (tenant_id, snapshot_date, pipeline_id, stage_id)
);

create table analytics.rework_analysis (
    tenant_id text not null,
    snapshot_date date not null,
    rep_id text not null,
    pipeline_id text not null,
    stage_id text not null,
    entries_count bigint not null check (entries_count > 0),
    reentries_count bigint not null,
    rework_rate numeric(5, 4) not null check (rework_rate between 0 and 1),
    completed_reentries_count bigint not null,
    rework_days numeric(12, 4) not null,
    known_as_of bigint not null,
    data_freshness timestamptz,
    primary key (tenant_id, snapshot_date, rep_id, pipeline_id, stage_id)
);

create table analytics.process_variants (
    tenant_id text not null,
    snapshot_date date not null,
    pipeline_id text not null,
    variant_rank bigint not null,
    path text[] not null,
    path_names text not null,
    deals_count bigint not null,
    share numeric(5, 4) not null check (share between 0 and 1),
    won_count bigint not null,
    win_rate numeric(5, 4) check (win_rate between 0 and 1),
    avg_cycle_days numeric(10, 2) not null,
    known_as_of bigint not null,
    data_freshness timestamptz,
    primary key (tenant_id, snapshot_date, pipeline_id, variant_rank)
);

create table analytics.swing_deals (
    tenant_id text not null,
    snapshot_date date not null,
    quarter text not null,
    opportunity_id text not null,
    swing_rank bigint not null,
    owner_id text not null,
    forecast_category text not null,
    close_date date not null,
    amount numeric(14, 2) not null,
    weight numeric not null,
    upside_amount numeric(14, 2) not null,
    downside_amount numeric(14, 2) not null,
    target_share numeric,
    closes_gap boolean,
    health_score int,
    risk_flags text[] not null,
    known_as_of bigint not null,
    data_freshness timestamptz,
    primary key (tenant_id, snapshot_date, opportunity_id),
    unique (tenant_id, snapshot_date, quarter, swing_rank)
);

create table analytics.pipeline_changes (
    tenant_id text not null,
    snapshot_date date not null,
    quarter text not null,
    team_id text not null,
    team_name text not null,
    week_number int not null,
    week_start date not null,
    opening_count bigint not null,
    created_count bigint not null,
    pulled_in_count bigint not null,
    pushed_out_count bigint not null,
    won_count bigint not null,
    lost_count bigint not null,
    reopened_count bigint not null,
    moved_count bigint not null,
    deleted_count bigint not null,
    merged_count bigint not null,
    closing_count bigint not null,
    opening_amount numeric(16, 2) not null,
    created_amount numeric(16, 2) not null,
    pulled_in_amount numeric(16, 2) not null,
    increased_amount numeric(16, 2) not null,
    decreased_amount numeric(16, 2) not null,
    pushed_out_amount numeric(16, 2) not null,
    won_amount numeric(16, 2) not null,
    lost_amount numeric(16, 2) not null,
    reopened_amount numeric(16, 2) not null,
    moved_amount numeric(16, 2) not null,
    deleted_amount numeric(16, 2) not null,
    merged_amount numeric(16, 2) not null,
    closing_amount numeric(16, 2) not null,
    known_as_of bigint not null,
    data_freshness timestamptz,
    primary key (tenant_id, snapshot_date, quarter, team_id),
    constraint nothing_is_left_over_in_deals check (
        opening_count + created_count + pulled_in_count - pushed_out_count - lost_count - won_count + reopened_count
        + moved_count - deleted_count - merged_count = closing_count
    ),
    constraint nothing_is_left_over_in_money check (
        opening_amount + created_amount + pulled_in_amount + increased_amount - decreased_amount - pushed_out_amount
        - lost_amount - won_amount + reopened_amount + moved_amount - deleted_amount - merged_amount = closing_amount
    )
);

-- Days are read and replaced for all tenants at once.
create index on staging.deal_days (snapshot_date);
create index on enriched.deal_health_scores (snapshot_date);
create index on enriched.deal_forecasts (snapshot_date);
create index on analytics.forecast_lines (snapshot_date);
create index on analytics.forecast_confidence (snapshot_date);
create index on analytics.stage_velocity (snapshot_date);
