-- What exports of real CRMs need: quotas without an end, split credit, several currencies, closings without an instant,
-- days without a time, and rules that say in a user's words what a record must be.

alter table crm.quotas_versions add column period_type text, add column quota_type text,
add constraint quotas_versions_period_type_check check (period_type in ('month', 'quarter', 'year'));
alter table crm_staging.quotas add column period_type text, add column quota_type text;
create or replace view crm.quotas as
select * from crm.quotas_versions where known_to = 9223372036854775807 and not is_deleted;

alter table crm.opportunities_versions add column closing_known_by text;
alter table crm_staging.opportunities add column closing_known_by text;
create or replace view crm.opportunities as
select * from crm.opportunities_versions where known_to = 9223372036854775807 and not is_deleted;
-- Whether a deal is closed, where nobody says so, is what its stage makes of it: crm.settle_closings.
alter table crm_staging.opportunities alter column is_closed drop default, alter column is_won drop default;

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

alter table crm.loads add column day_zone text;
comment on column crm.loads.day_zone is 'Time zone in which days without a time were taken to begin: the business zone then.';

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
