-- The running week's changes of a quarter's pipeline.
select p.*
from analytics.pipeline_changes as p
where p.tenant_id = :tenant and p.snapshot_date = :day and p.quarter = :quarter and p.team_id = :team
