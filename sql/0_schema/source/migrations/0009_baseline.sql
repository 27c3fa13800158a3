-- The CRM source: tenants, loads, the canonical tables, and Pipedrive's exports as received. What a release changes is a
-- migration after this one.

create schema crm;
comment on schema crm is 'Canonical CRM records. crm.<table> is the current state, crm.<table>_versions all versions in transaction time.';

create schema crm_staging;
comment on schema crm_staging is 'Where loads put records before crm.finish_load(load_id) merges them into crm.';

create table crm.tenants (
    tenant_id text primary key check (tenant_id ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
    name text not null,
    created_at timestamptz not null default clock_timestamp()
);
comment on table crm.tenants is 'One row per company whose CRM is loaded; tenant_id is its slug.';

create table crm.loads (
    load_id bigint generated always as identity primary key,
    load_seq bigint unique,
    tenant_id text references crm.tenants,
    source text not null,
    directory text,
    status text not null default 'running' check (status in ('running', 'finished', 'failed')),
    started_at timestamptz not null default clock_timestamp(),
    finished_at timestamptz,
    rows_read bigint not null default 0,
    rows_inserted bigint not null default 0,
    rows_updated bigint not null default 0,
    rows_unchanged bigint not null default 0,
    rows_rejected bigint not null default 0,
    rows_conflicting bigint not null default 0,
    earliest_business_at timestamptz,
    error text,
    day_zone text,
    check ((status = 'finished') = (load_seq is not null))
);
comment on table crm.loads is 'Grain: load. A failed load left nothing but this row and a sample of its rejects.';
comment on column crm.loads.load_seq is 'Transaction time: the place in the order of commits, given under a lock held to commit.';
comment on column crm.loads.tenant_id is 'Company whose records were loaded; null: reference data, which is of all companies.';
comment on column crm.loads.day_zone is 'Time zone in which days without a time were taken to begin: the business zone then.';
comment on column crm.loads.rows_read is 'Records read from files; the other counts are of canonical records.';
comment on column crm.loads.earliest_business_at is 'Earliest instant whose figures this load can change; null if it changed nothing.';
create sequence crm.load_seq;

create table crm.load_files (
    load_id bigint not null references crm.loads,
    tenant_id text not null,
    source text not null,
    file_key text not null,
    file_name text not null,
    sha256 text not null,
    mapping_sha256 text not null,
    rows_read bigint not null,
    rows_rejected bigint not null,
    known_from bigint not null,
    known_to bigint not null default 9223372036854775807,
    primary key (load_id, file_key)
);
comment on table crm.load_files is
'One row per file of a load. known_from/known_to say when its raw rows were the current export of that file.';
comment on column crm.load_files.source is 'Where the raw rows went (a schema), or the mapping''s name if none are kept.';
create unique index load_files_current on crm.load_files (tenant_id, source, file_key)
where known_to = 9223372036854775807;

create table crm.load_tables (
    load_id bigint not null references crm.loads,
    table_name text not null,
    rows_staged bigint not null,
    rows_inserted bigint not null,
    rows_updated bigint not null,
    rows_late bigint not null,
    rows_unchanged bigint not null,
    rows_conflicting bigint not null,
    earliest_business_at timestamptz,
    primary key (load_id, table_name)
);
comment on table crm.load_tables is
'One row per load and canonical table. rows_late: versions older than the one already current, kept as history.';

create table crm.load_rejects (
    load_id bigint not null references crm.loads,
    tenant_id text not null,
    kind text not null check (kind in ('rejected', 'conflict')),
    file_name text,
    line_no bigint,
    reason text not null,
    record text
);
create index load_rejects_load on crm.load_rejects (load_id);
comment on table crm.load_rejects is
'rejected: a record that could not be loaded, as it stood in the file. conflict: a record that lost to a later row of the same load with the same id.';

create table crm.exports (
    tenant_id text not null,
    sha256 text not null,
    directory text not null,
    status text not null check (status in ('loaded', 'quarantined')),
    load_id bigint references crm.loads,
    error text,
    noted_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, sha256),
    check ((status = 'loaded') = (load_id is not null)),
    check ((status = 'quarantined') = (error is not null))
);
comment on table crm.exports is
'Grain: an export with a manifest that was loaded, or quarantined because it cannot be: neither is tried again.';
comment on column crm.exports.sha256 is 'Hash of the manifest: the same export is the same, wherever it is copied to.';

create table crm.canonical_tables (
    table_name text primary key,
    key_column text not null,
    business_at text not null,
    is_event boolean not null
);
comment on table crm.canonical_tables is
'The canonical tables. business_at: the column that says when a record matters first; is_event: a correction of it matters from that instant on, not from the modification.';

-- Lays out one canonical table: versions in two partitions (the current one is small, whatever the past), the
-- current view, and the staging table.
create function crm.define_table(
    p_table text, p_key text, p_columns text, p_business_at text, p_is_event boolean, p_comment text
) returns void language plpgsql as $$
declare
    v_constraint text;
begin
    execute format($ddl$
        create table crm.%1$I (
            tenant_id text not null,
            %2$I text not null check (length(%2$I) between 1 and 512),
            %3$s,
            modified_at timestamptz,
            is_deleted boolean not null default false,
            record jsonb,
            load_id bigint not null,
            line_no bigint,
            known_from bigint not null,
            known_to bigint not null default 9223372036854775807,
            constraint known_interval check (known_from <= known_to)
        ) partition by range (known_to)
    $ddl$, p_table || '_versions', p_key, p_columns);
    execute format('create table crm.%I partition of crm.%I for values from (9223372036854775807) to (maxvalue)',
        p_table || '_current', p_table || '_versions');
    execute format('create table crm.%I partition of crm.%I for values from (minvalue) to (9223372036854775807)',
        p_table || '_superseded', p_table || '_versions');
    execute format('create unique index on crm.%I (tenant_id, %I)', p_table || '_current', p_key);
    execute format('create index on crm.%I (tenant_id, %I, known_to)', p_table || '_superseded', p_key);
    execute format('create view crm.%I as select * from crm.%I where known_to = 9223372036854775807 and not is_deleted',
        p_table, p_table || '_versions');
    execute format($ddl$
        create unlogged table crm_staging.%1$I (
            load_id bigint, file_name text, line_no bigint, %2$I text, %3$s,
            modified_at timestamptz, is_deleted boolean not null default false, record jsonb
        )
    $ddl$, p_table, p_key, p_columns);
    for v_constraint in  -- staging takes what comes; the merge sets aside what the constraints refuse
        select conname from pg_constraint where conrelid = format('crm_staging.%I', p_table)::regclass and contype = 'c'
    loop
        execute format('alter table crm_staging.%I drop constraint %I', p_table, v_constraint);
    end loop;
    execute format('create index on crm_staging.%I (load_id)', p_table);
    execute format('comment on view crm.%I is %L', p_table, p_comment);
    execute format('comment on table crm.%I is %L', p_table || '_versions',
        p_comment || ' Every version: known from load known_from to before load known_to.');
    insert into crm.canonical_tables values (p_table, p_key, p_business_at, p_is_event);
end $$;

-- The canonical tables. Ids are the source's own, as text. merged_into_id: the record that lives on after a merge.

select crm.define_table('reps', 'rep_id', $$
    name text,
    email text,
    manager_id text,
    region text,
    segment text,
    role text,
    hire_date date
$$, 'modified_at', false, 'Users who sell: one row per rep.');

select crm.define_table('quotas', 'quota_id', $$
    rep_id text,
    period_start date,
    period_end date,
    amount numeric(14, 2),
    period_type text check (period_type in ('month', 'quarter', 'year')),
    quota_type text,
    check (period_start <= period_end)
$$, 'modified_at', false, 'What is to be sold in a period: by a rep, or by the company where rep_id is null. One row per quota.');

select crm.define_table('accounts', 'account_id', $$
    name text,
    industry text,
    segment text,
    region text,
    employees_count bigint,
    owner_id text,
    created_at timestamptz,
    merged_into_id text
$$, 'created_at', false, 'Companies that buy or may buy: one row per account.');

select crm.define_table('contacts', 'contact_id', $$
    account_id text,
    name text,
    email text,
    title text,
    created_at timestamptz,
    merged_into_id text
$$, 'created_at', false, 'People at accounts: one row per contact.');

select crm.define_table('opportunity_contacts', 'opportunity_contact_id', $$
    opportunity_id text,
    contact_id text,
    role text,
    is_primary boolean,
    created_at timestamptz
$$, 'created_at', false, 'Who plays which role on a deal, since created_at: one row per deal, contact and role.');

select crm.define_table('leads', 'lead_id', $$
    name text,
    company text,
    email text,
    source text,
    status text,
    owner_id text,
    created_at timestamptz,
    qualified_at timestamptz,
    converted_at timestamptz,
    converted_opportunity_id text,
    merged_into_id text
$$, 'created_at', false, 'Leads in their current state: one row per lead.');

select crm.define_table('lead_history', 'history_id', $$
    lead_id text check (length(lead_id) <= 512),
    field text,
    old_value text,
    new_value text,
    changed_at timestamptz,
    changed_by text
$$, 'changed_at', true, 'Every change of a lead''s tracked field: one row per change.');
create index on crm.lead_history_current (tenant_id, lead_id);

select crm.define_table('pipelines', 'pipeline_id', $$
    name text
$$, 'modified_at', false, 'Sales pipelines: one row per pipeline.');

select crm.define_table('pipeline_stages', 'stage_id', $$
    pipeline_id text,
    name text,
    stage_order numeric,
    probability numeric,
    outcome text default 'open' check (outcome in ('open', 'won', 'lost')),
    record_id text
$$, 'modified_at', false, 'Stages of pipelines, in stage_order: one row per stage.');

select crm.define_table('opportunities', 'opportunity_id', $$
    name text,
    account_id text,
    owner_id text,
    pipeline_id text,
    stage_id text,
    amount numeric(14, 2),
    currency text,
    probability numeric,
    forecast_category text,
    close_date date,
    created_at timestamptz,
    closed_at timestamptz,
    is_closed boolean default false,
    is_won boolean default false,
    loss_reason text,
    next_step text,
    lead_source text,
    discount_pct numeric,
    competitor text,
    competitor_status text check (competitor_status in ('named', 'active')),
    merged_into_id text,
    closing_known_by text
$$, 'created_at', false, 'Deals in their current state: one row per deal.');

select crm.define_table('opportunity_history', 'history_id', $$
    opportunity_id text check (length(opportunity_id) <= 512),
    field text,
    old_value text,
    new_value text,
    changed_at timestamptz,
    changed_by text
$$, 'changed_at', true, 'Every change of a tracked field: one row per change. Same-instant order: known_from, line_no.');
create index on crm.opportunity_history_current (tenant_id, opportunity_id);

select crm.define_table('activities', 'activity_id', $$
    type text check (type in ('call', 'email', 'meeting', 'demo', 'task')),
    subject text,
    opportunity_id text check (length(opportunity_id) <= 512),
    lead_id text,
    contact_id text,
    rep_id text,
    occurred_at timestamptz,
    is_done boolean,
    is_answered boolean
$$, 'occurred_at', true, 'Calls, emails, meetings, demos, tasks: one row per activity.');
create index on crm.activities_current (tenant_id, opportunity_id);

select crm.define_table('interactions', 'interaction_id', $$
    channel text,
    kind text,
    contact_id text,
    lead_id text,
    opportunity_id text,
    occurred_at timestamptz
$$, 'occurred_at', true, 'Marketing and web touches: one row per touch.');

select crm.define_table('stage_benchmarks', 'stage_benchmark_id', $$
    stage_id text,
    expected_days numeric check (expected_days > 0),
    max_days numeric,
    historical_conversion numeric check (historical_conversion between 0 and 1)
$$, 'modified_at', false, 'How long a stage should take and how many deals pass it: one row per stage.');

select crm.define_table('products', 'product_id', $$
    name text,
    family text,
    list_price_amount numeric(14, 2)
$$, 'modified_at', false, 'What is sold: one row per product.');

select crm.define_table('orders', 'order_id', $$
    account_id text,
    opportunity_id text,
    product_id text,
    channel text,
    status text,
    amount numeric(14, 2),
    ordered_at timestamptz,
    completed_at timestamptz
$$, 'ordered_at', false, 'Orders: one row per order.');

select crm.define_table('subscriptions', 'subscription_id', $$
    account_id text,
    product_id text,
    status text,
    mrr_amount numeric(14, 2),
    started_at timestamptz,
    ended_at timestamptz
$$, 'started_at', false, 'Subscriptions in their current state; mrr is monthly recurring revenue. One row per subscription.');

select crm.define_table('subscription_changes', 'change_id', $$
    subscription_id text,
    kind text,
    mrr_delta_amount numeric(14, 2),
    changed_at timestamptz
$$, 'changed_at', true, 'New, upgrade, expansion, downgrade, churn: one row per change of a subscription.');

select crm.define_table('user_events', 'event_id', $$
    account_id text,
    user_id text,
    feature text,
    occurred_at timestamptz
$$, 'occurred_at', true, 'What people do in the product: one row per event.');

select crm.define_table('tickets', 'ticket_id', $$
    account_id text,
    status text,
    priority text,
    created_at timestamptz,
    resolved_at timestamptz
$$, 'created_at', false, 'Support tickets in their current state: one row per ticket.');

select crm.define_table('infra_costs', 'cost_id', $$
    provider text,
    service text,
    amount numeric(14, 2),
    incurred_at timestamptz
$$, 'incurred_at', true, 'What running the product costs: one row per provider, service and day.');

select crm.define_table('opportunity_splits', 'split_id', $$
    opportunity_id text,
    rep_id text,
    percentage numeric check (percentage between 0 and 100),
    amount numeric(14, 2),
    split_type text,
    is_whole boolean
$$, 'modified_at', false, 'Who gets which share of a deal''s credit: one row per deal, rep and kind of split.');

select crm.define_table('exchange_rates', 'rate_id', $$
    currency text check (length(currency) between 1 and 10),
    rate numeric check (rate > 0),
    start_date date,
    end_date date,
    is_home boolean
$$, 'modified_at', false, 'Units of a currency for one of the company''s own: one row per currency and span of days.');

-- Whether a deal is closed, where nobody says so, is what its stage makes of it: crm.settle_closings.
alter table crm_staging.opportunities alter column is_closed drop default, alter column is_won drop default;
comment on column crm.pipeline_stages_versions.record_id is
'The source''s own id of the stage where stage_id is its label; null where stage_id is that id.';

-- A change of a typed field must carry a value of that type: a change that does not is rejected by the merge, so that
-- every past state can be read without a cast that fails.

create function crm.is_date(p_text text) returns boolean language sql immutable parallel safe as $$
    select p_text ~ '^\d{4}-(02-(0[1-9]|1\d|2[0-8])|(0[13-9]|1[0-2])-(0[1-9]|[12]\d|30)|(0[13578]|1[02])-31)$'
        or p_text ~ '^(\d\d(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29$'
$$;
comment on function crm.is_date is 'Whether a text is a calendar day of the form YYYY-MM-DD.';

create function crm.fits_opportunity(p_field text, p_value text) returns boolean language sql immutable parallel safe as $$
    select case
        when p_value is null then true
        when p_field in ('amount', 'probability', 'discount_pct') then p_value ~ '^[+-]?\d{1,12}(\.\d{0,20})?$'
        when p_field = 'close_date' then crm.is_date(p_value)
        when p_field = 'competitor_status' then p_value in ('named', 'active')
        else true
    end
$$;
comment on function crm.fits_opportunity is 'Whether a value from the change log can be a value of that column of crm.opportunities.';

alter table crm.opportunity_history_versions
add constraint values_fit_their_field
check (crm.fits_opportunity(field, old_value) and crm.fits_opportunity(field, new_value)) not valid;

-- Past states of one deal are read from both parts of its versions.
create index on crm.opportunity_history_superseded (tenant_id, opportunity_id);
create index on crm.activities_superseded (tenant_id, opportunity_id);

-- Whether a source closes deals by a status or a loss reason is asked for each company.
create index on crm.opportunity_history_current (tenant_id, known_from) where field in ('status', 'loss_reason');
create index on crm.opportunity_history_superseded (tenant_id, known_from) where field in ('status', 'loss_reason');

-- A rule in a user's words: the merge puts field and value before it.
comment on constraint quotas_versions_check on crm.quotas_versions is 'must not end before it begins';
comment on constraint quotas_versions_period_type_check on crm.quotas_versions is 'must be month, quarter or year';
comment on constraint pipeline_stages_versions_outcome_check on crm.pipeline_stages_versions is 'must be open, won or lost';
comment on constraint opportunities_versions_competitor_status_check on crm.opportunities_versions is 'must be named or active';
comment on constraint opportunity_history_versions_opportunity_id_check on crm.opportunity_history_versions is 'must have at most 512 characters';
comment on constraint lead_history_versions_lead_id_check on crm.lead_history_versions is 'must have at most 512 characters';
comment on constraint activities_versions_opportunity_id_check on crm.activities_versions is 'must have at most 512 characters';
comment on constraint activities_versions_type_check on crm.activities_versions is 'must be call, email, meeting, demo or task';
comment on constraint stage_benchmarks_versions_expected_days_check on crm.stage_benchmarks_versions is 'must be more than 0 days';
comment on constraint stage_benchmarks_versions_historical_conversion_check on crm.stage_benchmarks_versions is 'must be a share between 0 and 1';
comment on constraint opportunity_splits_versions_percentage_check on crm.opportunity_splits_versions is 'must be between 0 and 100 percent';
comment on constraint exchange_rates_versions_rate_check on crm.exchange_rates_versions is 'must be more than 0';
comment on constraint exchange_rates_versions_currency_check on crm.exchange_rates_versions is 'must be a currency code such as USD';
comment on constraint values_fit_their_field on crm.opportunity_history_versions is
'=crm.history_fault(s.field, s.old_value, s.new_value)';

do $do$
declare
    v_table crm.canonical_tables;
begin
    for v_table in select t.* from crm.canonical_tables as t loop
        execute format('comment on constraint %I on crm.%I is %L', v_table.table_name || '_versions_' || v_table.key_column || '_check',
            v_table.table_name || '_versions', 'must have between 1 and 512 characters');
    end loop;
end $do$;

-- Pipedrive's six tables verbatim: one row per file line, text as exported (an empty field is null), every load kept.
-- pipedrive_raw.<table> is the current export, <table>_versions all exports with their known time.

create schema pipedrive_raw;
comment on schema pipedrive_raw is 'Pipedrive exports as received, row for row, nothing deduplicated.';

create function pg_temp.define_raw(p_table text, p_columns text[]) returns void language plpgsql as $$
declare
    v_ddl text := (select string_agg(format('%I text', c), ', ' order by n) from unnest(p_columns) with ordinality as u (c, n));
    v_list text := (select string_agg(format('r.%I', c), ', ' order by n) from unnest(p_columns) with ordinality as u (c, n));
begin
    execute format('create table pipedrive_raw.%I (load_id bigint not null, line_no bigint not null, %s, extra jsonb)',
        p_table || '_lines', v_ddl);
    execute format('create index on pipedrive_raw.%I (load_id)', p_table || '_lines');
    execute format($ddl$
        create view pipedrive_raw.%1$I as
        select f.tenant_id, f.known_from, f.known_to, r.load_id, r.line_no, %3$s, r.extra
        from pipedrive_raw.%2$I as r
        inner join crm.load_files as f on f.load_id = r.load_id and f.file_key = %4$L
    $ddl$, p_table || '_versions', p_table || '_lines', v_list, p_table);
    execute format($ddl$
        create view pipedrive_raw.%I as
        select r.tenant_id, %s, r.extra from pipedrive_raw.%I as r where r.known_to = 9223372036854775807
    $ddl$, p_table, v_list, p_table || '_versions');
end $$;

select pg_temp.define_raw('activity', '{activity_id,type,assigned_to_user,deal_id,done,due_to}');
select pg_temp.define_raw('activity_types', '{id,name,active,type}');
select pg_temp.define_raw('deal_changes', '{deal_id,change_time,changed_field_key,new_value}');
select pg_temp.define_raw('fields', '{id,field_key,name,field_value_options}');
select pg_temp.define_raw('stages', '{stage_id,stage_name}');
select pg_temp.define_raw('users', '{id,name,email,modified}');
