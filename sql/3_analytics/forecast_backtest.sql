-- How right forecasts were: on the last day of a quarter, what each week of it had forecast by its end, beside what was
-- won by then. Other days have no rows.
--
-- Grain: tenant, quarter (by its last day), team, segment, region, method and week.
-- Key: tenant_id, snapshot_date, team_id, segment, region, method, week_number
-- Columns:
--   tenant_id text not null: company the row belongs to
--   snapshot_date date not null: last day of the quarter
--   quarter text not null: the quarter
--   team_id text not null: All, a manager's id, none or -1
--   team_name text not null: All, or the manager's name
--   segment text not null: All, a segment, or Unknown
--   region text not null: All, a region, or Unknown
--   method text not null, one of default, learned, stage_weighted, commit, closed_so_far, run_rate: how it was forecast
--       (analytics.forecast_methods)
--   week_number int not null, 1 to 13: 1 to 13
--   week_end date not null: last day of the week; of the 13th the day before, as the quarter's last day knows what was
--       won
--   forecast_amount numeric(16, 2): what was forecast, as of the week's end; null where the method had nothing to go by
--   actual_amount numeric(16, 2): won, as of the quarter's end
--   error_amount numeric(16, 2): forecast less actual
--   absolute_percentage_error numeric: size of the error as a share of the actual; null if nothing was won
--   bias numeric: error as a share of the actual, above 0 for too high; null if nothing was won
with weeks as (
    select
        r.tenant_id,
        r.day as snapshot_date,
        r.quarter,
        c.week_of_quarter as week_number,
        max(c.day) filter (where c.day < c.quarter_end) as week_end
    from pg_temp.run_days as r
    inner join ops.calendar as c on r.quarter_start <= c.day and r.quarter_end >= c.day
    where r.day = r.quarter_end
    group by r.tenant_id, r.day, r.quarter, c.week_of_quarter
),

-- What was forecast, and what was won: rows of both. A join of the two, planned for few rows, would read every group's
-- forecasts of all days.
told as (
    select
        w.tenant_id,
        w.snapshot_date,
        w.quarter,
        m.team_id,
        m.team_name,
        m.segment,
        m.region,
        m.method,
        w.week_number,
        w.week_end,
        m.forecast_amount,
        null::numeric as won_amount
    from weeks as w
    inner join analytics.forecast_methods as m
        on w.tenant_id = m.tenant_id and w.week_end = m.snapshot_date and w.quarter = m.quarter
    union all
    select
        r.tenant_id,
        r.day as snapshot_date,
        r.quarter,
        l.team_id,
        null as team_name,
        l.segment,
        l.region,
        null as method,
        null as week_number,
        null as week_end,
        null as forecast_amount,
        l.amount as won_amount
    from pg_temp.run_days as r
    inner join analytics.forecast_lines as l
        on r.tenant_id = l.tenant_id and r.day = l.snapshot_date and r.quarter = l.quarter
    where r.day = r.quarter_end and l.line = 'Closed Won'
),

compared as (
    select
        *,
        max(won_amount) over in_group as actual_amount,
        bool_or(method is null) over in_group as has_line
    from told
    window in_group as (partition by tenant_id, snapshot_date, team_id, segment, region)
)

select
    tenant_id,
    snapshot_date,
    quarter,
    team_id,
    team_name,
    segment,
    region,
    method,
    week_number,
    week_end,
    forecast_amount,
    actual_amount,
    forecast_amount - actual_amount as error_amount,
    round(abs(forecast_amount - actual_amount) / nullif(actual_amount, 0), 4) as absolute_percentage_error,
    round((forecast_amount - actual_amount) / nullif(actual_amount, 0), 4) as bias
from compared
where has_line and method is not null
