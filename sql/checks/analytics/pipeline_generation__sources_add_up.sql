-- Detects: days on which created deals by lead source, or by rep, do not add up to all that were created.
-- Why: a deal has one source (or none, which is one) and one first owner; else a deal is counted twice or not at all.
-- A row means: on this day the company's created deals are not those of its sources, or of its reps.
with sums as (
    select
        tenant_id,
        snapshot_date,
        coalesce(sum(created_count) filter (where team_id = 'All' and lead_source = 'All'), 0) as all_count,
        coalesce(sum(created_count) filter (where team_id = 'All' and lead_source <> 'All'), 0) as sources_count,
        coalesce(sum(created_count) filter (where rep_id <> 'All' and lead_source = 'All'), 0) as reps_count
    from analytics.pipeline_generation
    where snapshot_date > (select max(p.snapshot_date) from analytics.pipeline_generation as p) - 7
    group by tenant_id, snapshot_date
)

select
    tenant_id,
    snapshot_date,
    all_count,
    sources_count,
    reps_count
from sums
where all_count <> sources_count or all_count <> reps_count
