-- How right each method's forecasts have been: on the last day of a quarter, for each week of it, what the method
-- forecast, beside its errors of the last eight quarters. ai: what was said then (ai_forecast of
-- analytics.forecast_confidence), with whether what came lay within its bounds, and in how many quarters it did. Other
-- days have no rows.
--
-- Grain: tenant, quarter (by its last day), team, segment, region, method and week.
-- Key: tenant_id, snapshot_date, team_id, segment, region, method, week_number
-- Columns:
--   tenant_id text not null: company the row belongs to
--   snapshot_date date not null: last day of the quarter
--   quarter text not null: the quarter
--   team_id text not null: All, a manager's id, none or -1
--   segment text not null: All, a segment, or Unknown
--   region text not null: All, a region, or Unknown
--   method text not null, one of ai, default, learned, stage_weighted, commit, closed_so_far, run_rate: how it was
--       forecast
--   week_number int not null, 1 to 13: 1 to 13
--   forecast_amount numeric(18, 2): what was forecast as of the week's end; null where nothing was
--   actual_amount numeric(16, 2): won, as of the quarter's end
--   error_amount numeric(18, 2): forecast less actual
--   forecast_low numeric(18, 2): of ai: lower bound that was said
--   forecast_high numeric(18, 2): of ai: upper bound that was said
--   is_within boolean: of ai: whether the actual lies within the bounds; null without bounds
--   quarters_count bigint not null: quarters of the last eight with a forecast and an actual above 0
--   wape numeric: their errors' sizes, summed, as a share of their actuals' sum
--   bias numeric: their errors, summed, as a share of their actuals' sum; above 0 for too high
--   interval_quarters bigint not null: of ai: quarters of the last eight with bounds
--   within_quarters bigint not null: of ai: those of them whose actual lay within
with said as (
    select
        b.tenant_id,
        b.snapshot_date,
        b.quarter,
        b.team_id,
        b.segment,
        b.region,
        b.method,
        b.week_number,
        b.forecast_amount,
        b.actual_amount,
        null::numeric as forecast_low,
        null::numeric as forecast_high
    from analytics.forecast_backtest as b
    where b.snapshot_date >= :window_start and b.snapshot_date < :window_end
    union all
    select
        b.tenant_id,
        b.snapshot_date,
        b.quarter,
        b.team_id,
        b.segment,
        b.region,
        'ai' as method,
        b.week_number,
        c.ai_forecast as forecast_amount,
        b.actual_amount,
        c.forecast_low,
        c.forecast_high
    from analytics.forecast_backtest as b
    inner join analytics.forecast_confidence as c
        on
            b.tenant_id = c.tenant_id and b.week_end = c.snapshot_date and b.quarter = c.quarter
            and b.team_id = c.team_id and b.segment = c.segment and b.region = c.region
            and c.line = 'TOTAL FORECAST'
    where b.snapshot_date >= :window_start and b.snapshot_date < :window_end and b.method = 'default'
),

quarters as (
    select
        *,
        true as is_own,
        actual_amount between forecast_low and forecast_high as is_within
    from said
    union all
    select
        s.tenant_id,
        s.snapshot_date,
        null as quarter,
        p.team_id,
        p.segment,
        p.region,
        p.method,
        p.week_number,
        p.forecast_amount,
        p.actual_amount,
        null as forecast_low,
        null as forecast_high,
        false as is_own,
        p.is_within
    from (select distinct
        d.tenant_id,
        d.snapshot_date
    from said as d) as s
    inner join analytics.forecast_record as p
        on
            s.tenant_id = p.tenant_id and s.snapshot_date > p.snapshot_date
            and p.snapshot_date > (s.snapshot_date + 1 - interval '24 months')::date
)

select
    tenant_id,
    snapshot_date,
    max(quarter) as quarter,
    team_id,
    segment,
    region,
    method,
    week_number,
    max(forecast_amount) filter (where is_own) as forecast_amount,
    max(actual_amount) filter (where is_own) as actual_amount,
    max(forecast_amount - actual_amount) filter (where is_own) as error_amount,
    max(forecast_low) as forecast_low,
    max(forecast_high) as forecast_high,
    bool_or(is_within) filter (where is_own) as is_within,
    count(*) filter (where actual_amount > 0 and forecast_amount is not null) as quarters_count,
    round(
        sum(abs(forecast_amount - actual_amount)) filter (where actual_amount > 0)
        / sum(actual_amount) filter (where actual_amount > 0 and forecast_amount is not null), 4
    ) as wape,
    round(
        sum(forecast_amount - actual_amount) filter (where actual_amount > 0)
        / sum(actual_amount) filter (where actual_amount > 0 and forecast_amount is not null), 4
    ) as bias,
    count(is_within) as interval_quarters,
    count(*) filter (where is_within) as within_quarters
from quarters
group by tenant_id, snapshot_date, team_id, segment, region, method, week_number
having bool_or(is_own)
