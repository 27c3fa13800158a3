-- The forecast of each day's quarter, and of the next, week by week as it was said then: a week's row is what
-- analytics.forecast_confidence said on the week's last day; the running week's is that of the day; later weeks have
-- their target only, in proportion to the days. For every combination of team, segment and region.
--
-- Grain: tenant, day, quarter, team, segment, region and week.
-- Key: tenant_id, snapshot_date, quarter, team_id, segment, region, week_number
-- Index: (snapshot_date)
-- Columns:
--   tenant_id text not null: company the row belongs to
--   snapshot_date date not null: the business day that the row is known as of
--   quarter text not null: the quarter
--   team_filter text not null: All, or a manager's name
--   segment text not null: All, a segment, or Unknown
--   region text not null: All, a region, or Unknown
--   week_number int not null, 1 to 13: 1 to 13
--   team_id text not null: All, a manager's id, none or -1
--   week_end date not null: last day of the week
--   as_of_date date: the day whose forecast the row holds; null in later weeks
--   cumulative_target numeric(18, 2): what is to be sold by the week's end
--   cumulative_closed numeric(18, 2): won
--   cumulative_commit numeric(18, 2): won and open Commit
--   cumulative_forecast numeric(18, 2): the forecast
--   pipeline_commit numeric(18, 2): open Commit
--   pipeline_best_case numeric(18, 2): open Best Case
--   pipeline_total numeric(18, 2): open Commit, Best Case and Pipeline
--   avg_pipeline_health numeric(5, 2), 0 to 100: mean health of the open deals
--   forecast_confidence numeric(5, 4), 0 to 1: how far to trust the forecast, 0 to 1
-- Rules:
--   as_of_date lies after the week or the snapshot unless as_of_date <= least(snapshot_date, week_end)
--   cumulative_closed tells of a week to come unless as_of_date is not null or cumulative_closed is null
--   cumulative_forecast tells of a week to come unless as_of_date is not null or cumulative_forecast is null
--   cumulative_commit is not closed plus commit unless cumulative_commit = cumulative_closed + pipeline_commit
--   week_number is not one of the 13 weeks of the quarter unless count(*) over (partition by tenant_id, snapshot_date,
--       quarter, team_id, segment, region) = 13
with weeks as (
    select
        r.tenant_id,
        r.day as snapshot_date,
        c.quarter,
        c.quarter_start,
        c.quarter_end,
        c.week_of_quarter as week_number,
        max(c.day) as week_end,
        case when min(c.day) <= r.day then least(max(c.day), r.day) end as as_of_date
    from pg_temp.run_days as r
    inner join ops.quarters_ahead as q on r.day = q.day
    inner join ops.calendar as c on c.day between q.quarter_start and q.quarter_end
    group by r.tenant_id, r.day, c.quarter, c.quarter_start, c.quarter_end, c.week_of_quarter
),

-- A week reads what was said at its end, and what its day says itself (the groups of today, their present target). One
-- aggregate over both: as a join of the two, planned for few rows, each group of the day met every group of every week.
days_read as (
    select
        *,
        as_of_date as read_date,
        false as is_own
    from weeks
    union all
    select
        *,
        snapshot_date as read_date,
        true as is_own
    from weeks
),

said as (
    select
        d.tenant_id,
        d.snapshot_date,
        d.quarter,
        d.quarter_start,
        d.quarter_end,
        d.week_number,
        d.week_end,
        d.as_of_date,
        f.team_id,
        f.segment,
        f.region,
        max(f.team_name) filter (where d.is_own) as team_name,
        coalesce(max(f.target) filter (where not d.is_own), max(f.target) filter (where d.is_own)) as target,
        max(f.amount) filter (where not d.is_own and f.line = 'Closed Won') as closed_amount,
        max(f.amount) filter (where not d.is_own and f.line = 'Commit') as commit_amount,
        max(f.amount) filter (where not d.is_own and f.line = 'Best Case') as best_case_amount,
        max(f.amount) filter (where not d.is_own and f.line = 'Pipeline') as pipeline_amount,
        max(f.ai_forecast) filter (where not d.is_own) as ai_forecast,
        max(f.ai_forecast_confidence) filter (where not d.is_own) as ai_forecast_confidence,
        max(f.mean_health_score) filter (where not d.is_own and f.line = 'TOTAL FORECAST') as mean_health_score
    from days_read as d
    inner join analytics.forecast_confidence as f
        on d.tenant_id = f.tenant_id and d.read_date = f.snapshot_date and d.quarter = f.quarter
    where f.line = 'TOTAL FORECAST' or not d.is_own
    group by
        d.tenant_id, d.snapshot_date, d.quarter, d.quarter_start, d.quarter_end, d.week_number, d.week_end,
        d.as_of_date, f.team_id, f.segment, f.region
    having bool_or(d.is_own)
)

select
    tenant_id,
    snapshot_date,
    quarter,
    team_name as team_filter,
    segment,
    region,
    week_number,
    team_id,
    week_end,
    as_of_date,
    round(target * (week_end - quarter_start + 1) / (quarter_end - quarter_start + 1), 2) as cumulative_target,
    closed_amount as cumulative_closed,
    closed_amount + commit_amount as cumulative_commit,
    ai_forecast as cumulative_forecast,
    commit_amount as pipeline_commit,
    best_case_amount as pipeline_best_case,
    commit_amount + best_case_amount + pipeline_amount as pipeline_total,
    mean_health_score as avg_pipeline_health,
    ai_forecast_confidence as forecast_confidence
from said
