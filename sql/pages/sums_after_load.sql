-- A quarter's sums of one day, as they read after a load.
with restated as (
    select distinct on (dataset, row_key)
        dataset,
        row_key,
        was
    from semantic.restatements
    where
        tenant_id = :tenant and snapshot_date = :day and coalesce(restated_by, 9223372036854775807) > :load
        and dataset in ('enriched.deal_forecasts', 'dashboard.dashboard_kpis')
    order by dataset, row_key, restated_by, restated_at
),

kpis as (
    select was as row from restated
    where dataset = 'dashboard.dashboard_kpis' and row_key ->> 'quarter' = :quarter
    union all
    select to_jsonb(k) as row
    from dashboard.dashboard_kpis as k
    where
        k.tenant_id = :tenant and k.snapshot_date = :day and k.quarter = :quarter
        and k.team_id = 'All' and k.segment = 'All' and k.region = 'All'
        and not exists (
            select
            from restated as r
            where r.dataset = 'dashboard.dashboard_kpis' and r.row_key ->> 'quarter' = :quarter
        )
),

deals as (
    select (was ->> 'weighted_amount')::numeric as weighted_amount from restated
    where dataset = 'enriched.deal_forecasts' and was ->> 'quarter' = :quarter
    union all
    select d.weighted_amount
    from enriched.deal_forecasts as d
    where
        d.tenant_id = :tenant and d.snapshot_date = :day and d.quarter = :quarter
        and not exists (
            select from restated as r
            where r.dataset = 'enriched.deal_forecasts' and r.row_key ->> 'opportunity_id' = d.opportunity_id
        )
)

select
    (k.row ->> 'ai_forecast')::numeric as ai_forecast,
    (k.row ->> 'closed_won_amount')::numeric as closed_won_amount,
    (k.row ->> 'commit_amount')::numeric as commit_amount,
    (select sum(d.weighted_amount) from deals as d) as weighted_open
from kpis as k
where k.row is not null
