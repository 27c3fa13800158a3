-- Detects: days on which deals by number of pushes, or by rep, do not add up to all deals of the report.
-- Why: a deal has one owner and one number of pushes; a difference is a deal counted twice or not at all.
-- A row means: on this day the company's deals, of the quarter and of those before, are not those of its parts.
with sums as (
    select
        tenant_id,
        snapshot_date,
        coalesce(sum(deals_count + past_deals_count) filter (where team_id = 'All' and pushes = 'All'), 0) as all_count,
        coalesce(sum(deals_count + past_deals_count) filter (where team_id = 'All' and pushes <> 'All'), 0)
            as pushes_count,
        coalesce(sum(deals_count + past_deals_count) filter (where rep_id <> 'All' and pushes = 'All'), 0) as reps_count
    from analytics.push_report
    where snapshot_date > (select max(p.snapshot_date) from analytics.push_report as p) - 7
    group by tenant_id, snapshot_date
)

select
    tenant_id,
    snapshot_date,
    all_count,
    pushes_count,
    reps_count
from sums
where all_count <> pushes_count or all_count <> reps_count
