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
    outcome text default 'open' check (outcome in ('open', 'won', 'lost'))
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
    merged_into_id text
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
