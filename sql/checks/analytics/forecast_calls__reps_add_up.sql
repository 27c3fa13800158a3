-- Detects: days on which what was called for reps does not add up to what was called for the company.
-- Why: a call that is lost, or counted with its manager's, makes the called quarter wrong.
-- A row means: on this day, of this quarter and category, the company's standing amount is not that of its reps.
with sums as (
    select
        tenant_id,
        snapshot_date,
        quarter,
        category,
        coalesce(sum(standing_amount) filter (where team_id = 'All'), 0) as all_amount,
        coalesce(sum(standing_amount) filter (where rep_id <> 'All' and not leads_team), 0) as reps_amount,
        coalesce(sum(standing_amount) filter (where rep_id = 'All' and team_id <> 'All'), 0) as teams_amount
    from analytics.forecast_calls
    where snapshot_date > (select max(f.snapshot_date) from analytics.forecast_calls as f) - 7
    group by tenant_id, snapshot_date, quarter, category
)

select
    tenant_id,
    snapshot_date,
    quarter,
    category,
    all_amount,
    reps_amount,
    teams_amount
from sums
where all_amount <> reps_amount or all_amount <> teams_amount
