-- How wrong each method's forecasts were at each week's end of the last eight quarters, on the last day of the newest
-- of them: what the next quarter's forecasts are chosen and trusted by. Other days have no rows.
--
-- Grain: tenant, quarter (by its last day), team, segment, region, method and week with a forecast in a quarter that
--       sold.
-- Key: tenant_id, snapshot_date, team_id, segment, region, method, week_number
-- Columns:
--   tenant_id text not null: company the row belongs to
--   snapshot_date date not null: last day of the newest quarter
--   team_id text not null: All, a manager's id, none or -1
--   segment text not null: All, a segment, or Unknown
--   region text not null: All, a region, or Unknown
--   method text not null: how it was forecast (analytics.forecast_methods)
--   week_number int not null, 1 to 13: 1 to 13
--   quarters_count bigint not null: quarters that sold and had a forecast at that week's end
--   error numeric: their errors' sizes, summed, as a share of what they sold (WAPE); null without such a quarter
--   square_error numeric: mean square of the errors as shares of the forecasts
--   choice_quarters bigint not null: quarters with one at that week's end, the one's before or the one's after
--   choice_error numeric not null: their WAPE over the three weeks: few quarters tell little
--   interval_quarters bigint: quarters at that week's end of which the errors of those before gave bounds (80 %
--       interval)
--   within_quarters bigint: those of them whose actual lay within
with past as (
    select
        r.day,
        b.*
    from pg_temp.run_days as r
    inner join analytics.forecast_backtest as b
        on
            r.tenant_id = b.tenant_id and r.day >= b.snapshot_date
            and b.snapshot_date >= (r.quarter_end + 1 - interval '24 months')::date
    where r.day = r.quarter_end and b.actual_amount > 0 and b.error_amount is not null
),

-- With the bounds that each quarter's forecast would have had, by the errors of the quarters before.
bounded as (
    select
        p.*,
        case
            when count(*) over earlier >= h.confidence_quarters
                then abs(p.forecast_amount) * ops.student_t(count(*) over earlier) * sqrt(
                    avg((p.error_amount / nullif(p.forecast_amount, 0)) ^ 2) over earlier
                )
        end as reach
    from past as p
    inner join staging.thresholds as h on p.tenant_id = h.tenant_id and p.day = h.snapshot_date
    window earlier as (
        partition by p.tenant_id, p.day, p.team_id, p.segment, p.region, p.method, p.week_number
        order by p.snapshot_date rows between unbounded preceding and 1 preceding
    )
)

select
    p.tenant_id,
    p.day as snapshot_date,
    p.team_id,
    p.segment,
    p.region,
    p.method,
    w.week_number,
    count(*) filter (where p.week_number = w.week_number) as quarters_count,
    sum(abs(p.error_amount)) filter (where p.week_number = w.week_number)
    / sum(p.actual_amount) filter (where p.week_number = w.week_number) as error,
    avg((p.error_amount / nullif(p.forecast_amount, 0)) ^ 2) filter (where p.week_number = w.week_number)
        as square_error,
    count(distinct p.snapshot_date) as choice_quarters,
    sum(abs(p.error_amount)) / sum(p.actual_amount) as choice_error,
    count(p.reach) filter (where p.week_number = w.week_number) as interval_quarters,
    count(*) filter (where p.week_number = w.week_number and abs(p.error_amount) <= p.reach) as within_quarters
from bounded as p
cross join lateral (values (p.week_number - 1), (p.week_number), (p.week_number + 1)) as w (week_number)
where w.week_number between 1 and 13
group by p.tenant_id, p.day, p.team_id, p.segment, p.region, p.method, w.week_number
