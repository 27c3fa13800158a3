-- Detects: quarters in which the open pipeline of teams, or of reps, does not add up to the company's.
-- Why: a rep whose deals are missing seems to need pipeline, and deals counted twice hide that it is missing.
-- A row means: on this day, for this quarter, the company has more or fewer open deals, or money, than its reps.
with sums as (
    select
        tenant_id,
        snapshot_date,
        quarter,
        max(open_count) filter (where team_id = 'All') as company_count,
        coalesce(sum(open_count) filter (where team_id <> 'All' and rep_id = 'All'), 0) as teams_count,
        coalesce(sum(open_count) filter (where rep_id <> 'All'), 0) as reps_count,
        max(open_amount) filter (where team_id = 'All') as company_amount,
        sum(open_amount) filter (where team_id <> 'All' and rep_id = 'All') as teams_amount,
        sum(open_amount) filter (where rep_id <> 'All') as reps_amount
    from analytics.coverage_needed
    where snapshot_date > (select max(c.snapshot_date) from analytics.coverage_needed as c) - 7
    group by tenant_id, snapshot_date, quarter
)

select
    tenant_id,
    snapshot_date,
    quarter,
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
