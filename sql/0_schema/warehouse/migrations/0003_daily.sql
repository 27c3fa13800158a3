-- Every day as it was: the calendar, reference tables dated in valid and in known time, deals as of each day, their health.

create schema enriched;
comment on schema enriched is 'Judgements on deals as of each day: health.';

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

create table ops.days_written (
    dataset text not null,
    tenant_id text not null,
    snapshot_date date not null,
    known_as_of bigint not null,
    primary key (dataset, tenant_id, snapshot_date)
);
comment on table ops.days_written is 'Which days of which dataset stand there, and the newest load they could see.';

create table ops.reference_files (
    name text primary key,
    sha256 text not null,
    known_from bigint not null
);
comment on table ops.reference_files is 'The files under sql/reference as they were last taken over.';

-- Lays out one reference table: its versions, as the file says, and what holds for each tenant and day.
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
    known_as_of bigint not null,
    data_freshness timestamptz,
    primary key (tenant_id, rep_id, valid_from)
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

create table staging.stage_benchmarks (
    tenant_id text not null,
    stage_id text not null,
    valid_from timestamptz not null,
    valid_to timestamptz not null,
    expected_days numeric not null,
    max_days numeric,
    historical_conversion numeric,
    known_as_of bigint not null,
    data_freshness timestamptz,
    primary key (tenant_id, stage_id, valid_from)
);

create table staging.evidence (
    tenant_id text not null,
    matter text not null,
    since_date date,
    known_as_of bigint not null,
    data_freshness timestamptz,
    primary key (tenant_id, matter)
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
    manager_id text,
    manager_name text,
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

create table staging.stage_medians (
    tenant_id text not null,
    snapshot_date date not null,
    stage_id text not null,
    visits_count bigint not null,
    median_days float8 not null,
    known_as_of bigint not null,
    data_freshness timestamptz,
    primary key (tenant_id, snapshot_date, stage_id)
);

create table enriched.deal_health_scores (
    tenant_id text not null,
    snapshot_date date not null,
    opportunity_id text not null,
    owner_id text not null,
    health_score int check (health_score between 0 and 100),
    health_category text check (health_category in ('Healthy', 'Monitor', 'At Risk', 'Critical')),
    risk_level int check (risk_level between 1 and 4),
    needs_attention boolean,
    health_change_7d int,
    top_driver text,
    risk_flags text[] not null,
    evidence text[] not null,
    evidence_pct numeric(5, 4) not null check (evidence_pct between 0 and 1),
    days_in_stage float8,
    benchmark_days float8,
    benchmark_source text check (benchmark_source in ('tenant', 'source', 'default', 'own median')),
    own_median_days float8,
    velocity_ratio float8,
    velocity_score int,
    velocity_contribution numeric(5, 2),
    days_since_two_way int,
    activity_score int,
    activity_contribution numeric(5, 2),
    engaged_contacts_count int,
    has_champion boolean,
    stakeholder_score int,
    stakeholder_contribution numeric(5, 2),
    competitor_status text,
    competition_score int,
    competition_contribution numeric(5, 2),
    discount_pct numeric,
    discount_score int,
    discount_contribution numeric(5, 2),
    known_as_of bigint not null,
    data_freshness timestamptz,
    primary key (tenant_id, snapshot_date, opportunity_id)
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
    stall_factor numeric not null,
    going_dark_days numeric not null,
    single_threaded_contacts numeric not null,
    heavy_discount_pct numeric not null,
    pushed_times numeric not null,
    champion_bonus int not null,
    needs_attention_below numeric not null,
    own_median_visits numeric not null,
    has_activity boolean not null,
    has_stakeholder boolean not null,
    has_competition boolean not null,
    has_discount boolean not null,
    has_roles boolean not null,
    known_as_of bigint not null,
    data_freshness timestamptz,
    primary key (tenant_id, snapshot_date)
);
