-- Detects: stages in which the teams' deals do not add up to the company's.
-- Why: an open deal stands in one stage of one team.
-- A row means: on this day the deals in this stage differ between All and the sum of the teams.
select
    tenant_id,
    snapshot_date,
    pipeline_id,
    stage_id,
    max(deals_in_stage) filter (where team_id = 'All') as company_count,
    sum(deals_in_stage) filter (where team_id <> 'All') as teams_count
from dashboard.stage_velocity
where
    segment = 'All' and region = 'All'
    and snapshot_date > (select max(n.snapshot_date) from dashboard.stage_velocity as n) - 7
group by tenant_id, snapshot_date, pipeline_id, stage_id
having
    max(deals_in_stage) filter (where team_id = 'All')
    <> coalesce(sum(deals_in_stage) filter (where team_id <> 'All'), 0)
