-- The forecast of each day's quarter and the next, line by line and in total: what is won, what open deals add by the
-- weights of their category and health, and how that compares with the target. ai_forecast is that of the method which
-- was wrong by least at the same time of the last eight quarters (analytics.forecast_errors), the weights where too
-- few quarters tell; its confidence is 1 less that error, summed over the quarters as a share of what was sold (WAPE),
-- between the ends of two weeks in proportion to the days; its bounds are what those errors say for four cases of five.
-- Of the next quarter, whose forecast holds no deals that are yet to be created, nothing is said. For every combination
-- of team, segment and region.
--
-- Grain: tenant, day, quarter, team, segment, region and line.
-- Key: tenant_id, snapshot_date, quarter, team_id, segment, region, line
-- Index: (snapshot_date)
-- Columns:
--   tenant_id text not null: company the row belongs to
--   snapshot_date date not null: the business day
--   quarter text not null: the quarter that is forecast
--   team_id text not null: All, a manager's id, none or -1
--   team_name text not null: All, or the manager's name
--   segment text not null: All, a segment, or Unknown
--   region text not null: All, a region, or Unknown
--   line text not null, one of Closed Won, Commit, Best Case, Pipeline, TOTAL FORECAST: Closed Won, Commit, Best Case,
--       Pipeline or TOTAL FORECAST
--   week_number int not null, 0 to 13: the day's week of the quarter; 0 for the next quarter
--   deals_count bigint not null: deals
--   without_amount_count bigint not null: those of them without an amount
--   unjudged_count bigint not null: open deals without a health score, weighed as the unhealthiest
--   mean_health_score numeric(5, 2): mean health of the open deals that have a score
--   amount numeric(16, 2): what the deals are worth
--   weighted_amount numeric(16, 2): the same, each deal's amount times its weight; won deals count in full
--   target numeric(16, 2): in the total: what is to be sold; of All the company's target, else the reps' quotas
--   gap_to_target numeric(16, 2): in the total: ai_forecast less target, below 0 when short
--   shortfall_pct numeric(7, 4), 0 to 1: in the total: size of what is short as a share of the target, 0 if nothing is
--   risk_level text, one of Low, Medium, High, Critical: in the total of the day's quarter: Low, Medium, High or
--       Critical, by the shortfall
--   method text, one of default, learned, stage_weighted, commit, closed_so_far, run_rate: in the total: how
--       ai_forecast is forecast (analytics.forecast_methods)
--   ai_forecast numeric(16, 2): in the total: the forecast
--   ai_forecast_confidence numeric(5, 4), 0 to 1: in the total: how far to trust it, 0 to 1; null where nothing can be
--       said
--   confidence_basis text, one of backtest, too few quarters, next quarter: in the total: what it is from, or why
--       there is none: backtest, too few quarters, or next quarter
--   backtest_quarters bigint: in the total: past quarters with sales and a forecast at that time
--   forecast_low numeric(18, 2): in the total: lower bound of ai_forecast (80 % interval by past errors)
--   forecast_high numeric(18, 2): in the total: upper bound of it
--   interval_quarters bigint: in the total: past quarters in which the method could have said bounds at the end of that
--       week, by the quarters before
--   within_quarters bigint: in the total: those of them whose actual lay within
with lines as (
    select
        l.*,
        case when l.quarter = r.quarter then r.week_of_quarter else 0 end as week_number,
        r.quarter_start as this_quarter_start,
        r.quarter_end as this_quarter_end
    from analytics.forecast_lines as l
    inner join pg_temp.run_days as r on l.tenant_id = r.tenant_id and l.snapshot_date = r.day
    where l.snapshot_date >= :window_start and l.snapshot_date < :window_end
),

totals as (
    select
        tenant_id,
        snapshot_date,
        quarter,
        team_id,
        team_name,
        segment,
        region,
        week_number,
        this_quarter_start,
        this_quarter_end,
        sum(deals_count) as deals_count,
        sum(without_amount_count) as without_amount_count,
        sum(unjudged_count) as unjudged_count,
        sum(health_total) as health_total,
        sum(deals_count - unjudged_count) filter (where line <> 'Closed Won') as judged_count,
        sum(amount) as amount,
        sum(weighted_amount) as weighted_amount
    from lines
    group by
        tenant_id, snapshot_date, quarter, team_id, team_name, segment, region, week_number, this_quarter_start,
        this_quarter_end
),

-- From the end of the week before to this one's; the first week has none before, the 13th ends a day early.
timed as (
    select
        t.*,
        case when t.week_number > 1 then t.week_number - 1 else 1 end as week_before,
        case
            when t.week_number <= 1 then 1
            else least(
                (t.snapshot_date - (t.this_quarter_start + 7 * (t.week_number - 1) - 1))::numeric
                / case
                    when t.week_number < 13 then 7
                    else t.this_quarter_end - 1 - (t.this_quarter_start + 7 * 12 - 1)
                end, 1
            )
        end as passed
    from totals as t
),

-- What each method says of the day's quarter, how wrong it was, and which was wrong by least.
recorded as (
    select
        t.*,
        coalesce(m.method, 'default') as method,
        case when m.method is null then t.weighted_amount else m.forecast_amount end as ai_forecast,
        case
            when e.choice_quarters >= h.choice_quarters and m.forecast_amount is not null then e.choice_error
        end as choice_error,
        case when t.passed = 1 then e.error else p.error + (e.error - p.error) * t.passed end as error,
        case
            when t.passed = 1 then coalesce(e.quarters_count, 0)
            else least(coalesce(e.quarters_count, 0), coalesce(p.quarters_count, 0))
        end as backtest_quarters,
        sqrt(
            case
                when t.passed = 1 then e.square_error
                else p.square_error + (e.square_error - p.square_error) * t.passed
            end
        ) as relative_error,
        e.interval_quarters,
        e.within_quarters
    from timed as t
    left join analytics.forecast_methods as m
        on
            t.tenant_id = m.tenant_id and t.snapshot_date = m.snapshot_date and t.quarter = m.quarter
            and t.team_id = m.team_id and t.segment = m.segment and t.region = m.region
    inner join staging.thresholds as h on t.tenant_id = h.tenant_id and t.snapshot_date = h.snapshot_date
    left join analytics.forecast_errors as e
        on
            t.tenant_id = e.tenant_id and t.this_quarter_start - 1 = e.snapshot_date and t.team_id = e.team_id
            and t.segment = e.segment and t.region = e.region and m.method = e.method
            and t.week_number = e.week_number
    left join analytics.forecast_errors as p
        on
            t.tenant_id = p.tenant_id and t.this_quarter_start - 1 = p.snapshot_date and t.team_id = p.team_id
            and t.segment = p.segment and t.region = p.region and m.method = p.method
            and t.week_before = p.week_number
),

chosen as (
    select
        *,
        row_number() over (
            partition by tenant_id, snapshot_date, quarter, team_id, segment, region
            order by choice_error asc nulls last, method <> 'default' asc, method asc
        ) as place
    from recorded
    where method = 'default' or choice_error is not null
),

judged as (
    select
        c.*,
        g.target
    from chosen as c
    left join analytics.forecast_targets as g
        on
            c.tenant_id = g.tenant_id and c.snapshot_date = g.snapshot_date and c.quarter = g.quarter
            and c.team_id = g.team_id and c.segment = g.segment and c.region = g.region
    where c.place = 1
),

short as (
    select
        *,
        -- A forecast below 0 (credits) is short of the whole target, not of more.
        -- One that nobody knows is short of nothing that one could tell.
        case
            when target > 0 and ai_forecast is not null
                then least(greatest(target - ai_forecast, 0) / target, 1)
        end as shortfall
    from judged
)

select
    tenant_id,
    snapshot_date,
    quarter,
    team_id,
    team_name,
    segment,
    region,
    line,
    week_number,
    deals_count,
    without_amount_count,
    unjudged_count,
    case
        when line <> 'Closed Won' then round(health_total::numeric / nullif(deals_count - unjudged_count, 0), 2)
    end as mean_health_score,
    amount,
    weighted_amount,
    null::numeric as target,
    null::numeric as gap_to_target,
    null::numeric as shortfall_pct,
    null as risk_level,
    null as method,
    null::numeric as ai_forecast,
    null::numeric as ai_forecast_confidence,
    null as confidence_basis,
    null::bigint as backtest_quarters,
    null::numeric as forecast_low,
    null::numeric as forecast_high,
    null::bigint as interval_quarters,
    null::bigint as within_quarters
from lines
union all
select
    s.tenant_id,
    s.snapshot_date,
    s.quarter,
    s.team_id,
    s.team_name,
    s.segment,
    s.region,
    'TOTAL FORECAST' as line,
    s.week_number,
    s.deals_count,
    s.without_amount_count,
    s.unjudged_count,
    round(s.health_total / nullif(s.judged_count, 0), 2) as mean_health_score,
    s.amount,
    s.weighted_amount,
    s.target,
    s.ai_forecast - s.target as gap_to_target,
    round(s.shortfall, 4) as shortfall_pct,
    k.risk_level,
    s.method,
    s.ai_forecast,
    case
        when s.error is not null and s.backtest_quarters >= h.confidence_quarters
            then round(greatest(1 - s.error, 0), 4)
    end as ai_forecast_confidence,
    case
        when s.ai_forecast is null then null
        when s.week_number = 0 then 'next quarter'
        when s.backtest_quarters >= h.confidence_quarters then 'backtest'
        else 'too few quarters'
    end as confidence_basis,
    s.backtest_quarters,
    round(s.ai_forecast * (1 - e.reach), 2) as forecast_low,
    round(s.ai_forecast * (1 + e.reach), 2) as forecast_high,
    case when e.reach is not null then s.interval_quarters end as interval_quarters,
    case when e.reach is not null then s.within_quarters end as within_quarters
from short as s
inner join staging.thresholds as h on s.tenant_id = h.tenant_id and s.snapshot_date = h.snapshot_date
left join lateral (
    select f.risk_level
    from reference.forecast_risk as f
    where
        f.tenant_id = s.tenant_id and s.snapshot_date >= f.valid_from and s.snapshot_date < f.valid_to
        and s.shortfall <= coalesce(f.shortfall_at_most, 'infinity')
    order by f.shortfall_at_most asc nulls last
    limit 1
) as k on s.shortfall is not null and s.week_number > 0
left join lateral (
    select s.relative_error * ops.student_t(s.backtest_quarters) as reach
) as e on s.week_number > 0 and s.backtest_quarters >= h.confidence_quarters
