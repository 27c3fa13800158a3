-- The canonical tables that a deal pipeline needs. Ids are the source's own, as text.

select crm.define_table('reps', 'rep_id', $$
    name text,
    email text,
    manager_id text,
    region text,
    segment text,
    role text,
    hire_date date
$$, 'modified_at', false, 'Users who sell: one row per rep.');

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
    competitor_status text
$$, 'created_at', false, 'Deals in their current state: one row per deal.');

select crm.define_table('opportunity_history', 'history_id', $$
    opportunity_id text,
    field text,
    old_value text,
    new_value text,
    changed_at timestamptz,
    changed_by text
$$, 'changed_at', true, 'Every change of a tracked field: one row per change. Same-instant order: known_from, line_no.');
create index on crm.opportunity_history_current (tenant_id, opportunity_id);

select crm.define_table('activities', 'activity_id', $$
    type text,
    subject text,
    opportunity_id text,
    lead_id text,
    contact_id text,
    rep_id text,
    occurred_at timestamptz,
    is_done boolean,
    is_answered boolean
$$, 'occurred_at', true, 'Calls, emails, meetings, demos, tasks: one row per activity.');
