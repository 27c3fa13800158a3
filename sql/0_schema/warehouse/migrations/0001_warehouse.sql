-- The warehouse: foreign schemas of the source, the project's own bookkeeping, and the Pipedrive wing's tables.

create extension if not exists postgres_fdw;

create schema ops;
comment on schema ops is 'Bookkeeping of the warehouse itself.';
create schema reference;
comment on schema reference is 'Small tables that people keep in sql/reference/*.csv.';
create schema crm_remote;
comment on schema crm_remote is 'The source database''s schema crm, read over postgres_fdw.';
create schema pipedrive_remote;
comment on schema pipedrive_remote is 'The source database''s schema pipedrive_raw, read over postgres_fdw.';
create schema pipedrive;
comment on schema pipedrive is 'The Pipedrive monthly sales funnel: staging views, intermediate and reporting tables.';

create table reference.funnel_steps (
    funnel_step numeric primary key,
    step_name text not null,
    stage_id text unique,
    activity_type text unique,
    check ((stage_id is null) <> (activity_type is null))
);
comment on table reference.funnel_steps is
'Steps of the monthly sales funnel: entered when a deal first enters stage_id, or by a done activity of activity_type.';

create table pipedrive.int_completed_activities (
    tenant_id text not null,
    activity_id text not null,
    deal_id text,
    user_id text,
    activity_type text,
    activity_type_name text,
    due_at timestamptz,
    known_as_of bigint not null,
    data_freshness timestamptz
);

create table pipedrive.int_deal_stage_history (
    tenant_id text not null,
    deal_id text not null,
    stage_id text not null,
    stage_name text,
    entered_at timestamptz not null,
    known_as_of bigint not null,
    data_freshness timestamptz,
    primary key (tenant_id, deal_id, stage_id)
);

create table pipedrive.rep_sales_funnel_monthly (
    tenant_id text not null,
    month date not null,
    kpi_name text not null,
    funnel_step numeric not null,
    deals_count bigint not null,
    known_as_of bigint not null,
    data_freshness timestamptz,
    primary key (tenant_id, month, funnel_step)
);
