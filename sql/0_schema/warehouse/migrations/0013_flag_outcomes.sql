-- How deals with a risk flag fared, and what a delay risks by that.

create table analytics.flag_outcomes (
    tenant_id text not null,
    snapshot_date date not null,
    flag text not null,
    deals_count bigint not null,
    won_count bigint not null,
    others_count bigint not null,
    others_won_count bigint not null,
    win_rate_difference numeric(5, 4) not null,
    standard_errors numeric(10, 4),
    known_as_of bigint not null,
    data_freshness timestamptz,
    primary key (tenant_id, snapshot_date, flag)
);

alter table staging.thresholds add column outcome_deals int not null default 20;
alter table staging.thresholds alter column outcome_deals drop default;

update dashboard.next_best_actions set risk_if_delayed = null;
alter table dashboard.next_best_actions add column risk_amount numeric(18, 2), add column risk_basis text;

-- Days that stand read it from now on: it is built for them before anything behind it is built again.
insert into ops.rerun_requests (dataset, tenant_id, snapshot_date, reason)
select
    'analytics.flag_outcomes',
    tenant_id,
    snapshot_date,
    'a new dataset'
from ops.days_written
where dataset = 'dashboard.next_best_actions'
on conflict (dataset, tenant_id, snapshot_date) do nothing;
