-- The open deals that could swing the quarter, at the end of every day: the largest of those whose close date lies in
-- the day's quarter or the next, with what the forecast gains if they are won and loses if they are not.
--
-- Grain: tenant, day, quarter and deal, as many a quarter as the threshold swing_deals says.
-- Key: tenant_id, snapshot_date, opportunity_id
-- Unique: tenant_id, snapshot_date, quarter, swing_rank
-- Preview: d.amount desc nulls last
-- Columns:
--   tenant_id text not null: company the row belongs to
--   snapshot_date date not null: the business day
--   quarter text not null: the quarter
--   opportunity_id text not null: the deal
--   swing_rank bigint not null: 1 for the largest
--   owner_id text not null: who owned it; -1 if nobody
--   forecast_category text not null: Commit, Best Case or Pipeline
--   close_date date not null: when it is to close, as known on the day
--   amount numeric(18, 2) not null: what it is worth
--   weight numeric not null: share of it that the forecast counts
--   upside_amount numeric(18, 2) not null: what the forecast gains if it is won
--   downside_amount numeric(18, 2) not null: what the forecast loses if it is not
--   target_share numeric: amount as a share of the quarter's target
--   closes_gap boolean: whether winning it would bring a forecast that is short to the target; null without a target
--   health_score int: its health
--   risk_flags text[] not null: what is wrong, worst first
with totals as (
    select
        tenant_id,
        snapshot_date,
        quarter,
        target,
        gap_to_target
    from analytics.forecast_confidence
    where
        snapshot_date >= :window_start and snapshot_date < :window_end
        and team_id = 'All' and segment = 'All' and region = 'All' and line = 'TOTAL FORECAST'
),

deals as (
    select
        f.*,
        d.close_date,
        h.risk_flags,
        row_number() over (
            partition by f.tenant_id, f.snapshot_date, f.quarter order by f.amount desc, f.opportunity_id asc
        ) as swing_rank
    from enriched.deal_forecasts as f
    inner join staging.deal_days as d
        on f.tenant_id = d.tenant_id and f.snapshot_date = d.snapshot_date and f.opportunity_id = d.opportunity_id
    inner join enriched.deal_health_scores as h
        on f.tenant_id = h.tenant_id and f.snapshot_date = h.snapshot_date and f.opportunity_id = h.opportunity_id
    where f.snapshot_date >= :window_start and f.snapshot_date < :window_end and f.amount is not null
)

select
    d.tenant_id,
    d.snapshot_date,
    d.quarter,
    d.opportunity_id,
    d.swing_rank,
    d.owner_id,
    d.forecast_category,
    d.close_date,
    d.amount,
    d.weight,
    d.amount - round(d.weighted_amount, 2) as upside_amount,
    round(d.weighted_amount, 2) as downside_amount,
    round(d.amount / nullif(t.target, 0), 4) as target_share,
    t.gap_to_target < 0 and d.amount - round(d.weighted_amount, 2) + t.gap_to_target >= 0 as closes_gap,
    d.health_score,
    d.risk_flags
from deals as d
inner join staging.thresholds as h on d.tenant_id = h.tenant_id and d.snapshot_date = h.snapshot_date
left join totals as t on d.tenant_id = t.tenant_id and d.snapshot_date = t.snapshot_date and d.quarter = t.quarter
where d.swing_rank <= h.swing_deals
