-- Detects: days on which the teams' open deals do not add up to the company's.
-- Why: every open deal stands in one band of one team; a difference is a deal lost or counted twice.
-- A row means: on this day, for this quarter, the deals of All differ from the sum of the teams'.
select
    tenant_id,
    snapshot_date,
    quarter,
    max(deals_count) filter (where team_id = 'All') as company_count,
    sum(deals_count) filter (where team_id <> 'All') as teams_count
from dashboard.health_distribution
where
    segment = 'All' and region = 'All'
    and snapshot_date > (select max(n.snapshot_date) from dashboard.health_distribution as n) - 7
group by tenant_id, snapshot_date, quarter
having max(deals_count) filter (where team_id = 'All') <> coalesce(sum(deals_count) filter (where team_id <> 'All'), 0)
