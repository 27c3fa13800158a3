-- Detects: quarters in which what the teams have won does not add up to what the company has.
-- Why: every deal belongs to one team (or to none, which is one); a difference is money counted twice or not at all.
-- A row means: on this day, for this quarter, the teams' closed won differs from that of All.
select
    tenant_id,
    snapshot_date,
    quarter,
    max(closed_won_amount) filter (where team_id = 'All') as company_amount,
    sum(closed_won_amount) filter (where team_id <> 'All') as teams_amount
from dashboard.dashboard_kpis
where
    segment = 'All' and region = 'All'
    and snapshot_date > (select max(k.snapshot_date) from dashboard.dashboard_kpis as k) - 7
group by tenant_id, snapshot_date, quarter
having
    max(closed_won_amount) filter (where team_id = 'All')
    <> coalesce(sum(closed_won_amount) filter (where team_id <> 'All'), 0)
