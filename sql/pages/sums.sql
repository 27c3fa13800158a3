-- A quarter's sums on two days.
select
    k.snapshot_date,
    k.ai_forecast,
    k.closed_won_amount,
    k.commit_amount,
    k.known_as_of,
    k.data_freshness,
    (
        select sum(f.weighted_amount) from enriched.deal_forecasts as f
        where f.tenant_id = k.tenant_id and f.snapshot_date = k.snapshot_date and f.quarter = k.quarter
    ) as weighted_open
from dashboard.dashboard_kpis as k
where
    k.tenant_id = :tenant and k.snapshot_date in (:day, :other) and k.quarter = :quarter
    and k.team_id = 'All' and k.segment = 'All' and k.region = 'All'
