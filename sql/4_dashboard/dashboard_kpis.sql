-- The quarter in one line, at the end of every day, for the day's quarter and the next and every combination of team,
-- segment and region: target, forecast and how far to trust it, commit, won, gap, coverage, risk, and the change in a
-- week, which forecast_history's snapshot of seven days before tells.
--
-- Grain: tenant, day, quarter, team, segment and region.
-- Key: tenant_id, snapshot_date, quarter, team_id, segment, region
-- Unique: tenant_id, snapshot_date, quarter, team_filter, segment, region
-- Restatements: kept where team_id = 'All' and segment = 'All' and region = 'All'
-- Columns:
--   tenant_id text not null: company the row belongs to
--   snapshot_date date not null: the business day
--   quarter text not null: the quarter
--   team_filter text not null: All, or a manager's name
--   segment text not null: All, a segment, or Unknown
--   region text not null: All, a region, or Unknown
--   team_id text not null: All, a manager's id, none or -1
--   quarter_target numeric(18, 2): what is to be sold
--   ai_forecast numeric(18, 2): the forecast
--   ai_forecast_confidence numeric(5, 4), 0 to 1: how far to trust it, 0 to 1; null where nothing can be said
--   commit_amount numeric(18, 2): won and open Commit
--   commit_confidence numeric(5, 4), 0 to 1: won and weighted open Commit, as a share of it; null where negative
--       amounts make it no share
--   closed_won_amount numeric(18, 2): won
--   gap_to_target numeric(18, 2): forecast less target, below 0 when short
--   gap_pct numeric, 0 to 1: size of what is short, as a share of the target
--   coverage_ratio numeric, at least 0: open pipeline of the quarter / target not yet won; null once it is met, or
--       below 0
--   risk_level text, one of Low, Medium, High, Critical: Low, Medium, High or Critical
--   forecast_change_1w numeric(18, 2): against the snapshot of seven days before; null if that has none
--   commit_change_1w numeric(18, 2): the same of commit
--   open_deals_count bigint not null, at least 0: open deals of the quarter
--   open_pipeline_amount numeric(18, 2): what they are worth
--   without_amount_count bigint not null, at least 0: deals of the quarter without an amount
--   forecast_method text, one of default, learned, stage_weighted, commit, closed_so_far, run_rate: how it is forecast
--       (analytics.forecast_methods)
--   confidence_basis text, one of backtest, too few quarters, next quarter: what the confidence is from, or why there
--       is none: backtest, too few quarters, or next quarter
--   backtest_quarters bigint, at least 0: past quarters that the confidence is from
-- Rules:
--   gap_to_target is not forecast less target unless gap_to_target = ai_forecast - quarter_target
--   gap_pct does not agree with gap_to_target unless (gap_pct > 0) = (gap_to_target < 0) or abs(gap_to_target) <
--       quarter_target / 10000
--   quarter is not of the form Q4 2024 unless quarter ~ '^Q[1-4] [0-9]{4}$'
with kpis as (
    select
        tenant_id,
        snapshot_date,
        quarter,
        team_id,
        segment,
        region,
        max(team_name) as team_filter,
        max(target) as quarter_target,
        max(ai_forecast) as ai_forecast,
        max(ai_forecast_confidence) as ai_forecast_confidence,
        max(amount) filter (where line = 'Closed Won') as closed_won_amount,
        max(amount) filter (where line = 'Commit') as open_commit_amount,
        max(weighted_amount) filter (where line = 'Commit') as weighted_commit_amount,
        sum(amount) filter (where line in ('Commit', 'Best Case', 'Pipeline')) as open_pipeline_amount,
        sum(deals_count) filter (where line in ('Commit', 'Best Case', 'Pipeline')) as open_deals_count,
        max(without_amount_count) filter (where line = 'TOTAL FORECAST') as without_amount_count,
        max(gap_to_target) as gap_to_target,
        max(shortfall_pct) as gap_pct,
        max(risk_level) as risk_level,
        max(method) as forecast_method,
        max(confidence_basis) as confidence_basis,
        max(backtest_quarters) as backtest_quarters
    from analytics.forecast_confidence
    where snapshot_date >= :window_start and snapshot_date < :window_end
    group by tenant_id, snapshot_date, quarter, team_id, segment, region
),

-- The forecast history tells of a quarter's own weeks; what was said of it before them was said as of the next quarter.
a_week_ago as (
    select
        f.tenant_id,
        f.snapshot_date,
        f.quarter,
        f.team_id,
        f.segment,
        f.region,
        coalesce(max(h.cumulative_forecast), max(f.ai_forecast)) as cumulative_forecast,
        coalesce(
            max(h.cumulative_commit),
            max(f.amount) filter (where f.line = 'Closed Won') + max(f.amount) filter (where f.line = 'Commit')
        ) as cumulative_commit
    from analytics.forecast_confidence as f
    left join dashboard.forecast_history as h
        on
            f.tenant_id = h.tenant_id and f.snapshot_date = h.snapshot_date and f.quarter = h.quarter
            and f.team_id = h.team_id and f.segment = h.segment and f.region = h.region
            and h.as_of_date = h.snapshot_date
    where f.snapshot_date >= cast(:window_start as date) - 7 and f.snapshot_date < cast(:window_end as date) - 7
    group by f.tenant_id, f.snapshot_date, f.quarter, f.team_id, f.segment, f.region
)

select
    k.tenant_id,
    k.snapshot_date,
    k.quarter,
    k.team_filter,
    k.segment,
    k.region,
    k.team_id,
    k.quarter_target,
    k.ai_forecast,
    k.ai_forecast_confidence,
    k.closed_won_amount + k.open_commit_amount as commit_amount,
    ops.share(
        (k.closed_won_amount + k.weighted_commit_amount) / nullif(k.closed_won_amount + k.open_commit_amount, 0)
    ) as commit_confidence,
    k.closed_won_amount,
    k.gap_to_target,
    k.gap_pct,
    case
        when k.quarter_target > k.closed_won_amount and k.open_pipeline_amount >= 0
            then round(k.open_pipeline_amount / (k.quarter_target - k.closed_won_amount), 4)
    end as coverage_ratio,
    k.risk_level,
    k.ai_forecast - a.cumulative_forecast as forecast_change_1w,
    k.closed_won_amount + k.open_commit_amount - a.cumulative_commit as commit_change_1w,
    k.open_deals_count,
    k.open_pipeline_amount,
    k.without_amount_count,
    k.forecast_method,
    k.confidence_basis,
    k.backtest_quarters
from kpis as k
left join a_week_ago as a
    on
        k.tenant_id = a.tenant_id and k.snapshot_date - 7 = a.snapshot_date and k.quarter = a.quarter
        and k.team_id = a.team_id and k.segment = a.segment and k.region = a.region
