-- Detects: days on which what teams, or reps, have won does not add up to what the company has.
-- Why: every won deal belongs to one rep (or to nobody, who is one); a difference is money counted twice or not at all.
-- A row means: on this day the company's won amount or number of won deals is not that of its teams, or of its reps.
with sums as (
    select
        tenant_id,
        snapshot_date,
        max(won_count) filter (where team_id = 'All') as company_count,
        coalesce(sum(won_count) filter (where team_id <> 'All' and rep_id = 'All'), 0) as teams_count,
        coalesce(sum(won_count) filter (where rep_id <> 'All'), 0) as reps_count,
        max(won_amount) filter (where team_id = 'All') as company_amount,
        sum(won_amount) filter (where team_id <> 'All' and rep_id = 'All') as teams_amount,
        sum(won_amount) filter (where rep_id <> 'All') as reps_amount
    from analytics.quota_pacing
    where snapshot_date > (select max(p.snapshot_date) from analytics.quota_pacing as p) - 7
    group by tenant_id, snapshot_date
)

select
    tenant_id,
    snapshot_date,
    company_count,
    teams_count,
    reps_count,
    company_amount,
    teams_amount,
    reps_amount
from sums
where
    company_count <> teams_count or company_count <> reps_count
    or company_amount <> coalesce(teams_amount, 0) or company_amount <> coalesce(reps_amount, 0)
