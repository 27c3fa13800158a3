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
    inner join ops.calendar as c on q.quarter_start = c.quarter_start
    group by r.tenant_id, r.day, c.quarter, c.quarter_start, c.quarter_end, c.week_of_quarter
),

groups as (
    select
        tenant_id,
        snapshot_date,
        quarter,
        team_id,
        team_name,
        segment,
        region,
        target
    from analytics.forecast_confidence
    where snapshot_date >= :window_start and snapshot_date < :window_end and line = 'TOTAL FORECAST'
),

said as (
    select
        tenant_id,
        snapshot_date,
        quarter,
        team_id,
        segment,
        region,
        max(amount) filter (where line = 'Closed Won') as closed_amount,
        max(amount) filter (where line = 'Commit') as commit_amount,
        max(amount) filter (where line = 'Best Case') as best_case_amount,
        max(amount) filter (where line = 'Pipeline') as pipeline_amount,
        max(target) as target,
        max(ai_forecast) as ai_forecast,
        max(ai_forecast_confidence) as ai_forecast_confidence,
        max(mean_health_score) filter (where line = 'TOTAL FORECAST') as mean_health_score
    from analytics.forecast_confidence
    where snapshot_date in (select as_of_date from weeks)
    group by tenant_id, snapshot_date, quarter, team_id, segment, region
)

select
    g.tenant_id,
    g.snapshot_date,
    g.quarter,
    g.team_name as team_filter,
    g.segment,
    g.region,
    w.week_number,
    g.team_id,
    w.week_end,
    w.as_of_date,
    round(
        coalesce(s.target, g.target) * (w.week_end - w.quarter_start + 1) / (w.quarter_end - w.quarter_start + 1), 2
    ) as cumulative_target,
    s.closed_amount as cumulative_closed,
    s.closed_amount + s.commit_amount as cumulative_commit,
    s.ai_forecast as cumulative_forecast,
    s.commit_amount as pipeline_commit,
    s.best_case_amount as pipeline_best_case,
    s.commit_amount + s.best_case_amount + s.pipeline_amount as pipeline_total,
    s.mean_health_score as avg_pipeline_health,
    s.ai_forecast_confidence as forecast_confidence
from groups as g
inner join weeks as w
    on g.tenant_id = w.tenant_id and g.snapshot_date = w.snapshot_date and g.quarter = w.quarter
left join said as s
    on
        g.tenant_id = s.tenant_id and w.as_of_date = s.snapshot_date and g.quarter = s.quarter
        and g.team_id = s.team_id and g.segment = s.segment and g.region = s.region
