-- Who calls the quarter how well: on its last day, for each week of it, what had been called by the week's end, beside
-- what came, with the errors of the last eight quarters, this one included. Of each rep, of each team's and of the
-- company's sum: the reps' own calls, the overrides, and what stood; for teams and the company the AI forecast's, too.
-- Other days have no rows.
--
-- Grain: tenant, quarter (by its last day), team, rep, forecast category, kind of call and week; all weeks together as
--     week 0.
-- Key: tenant_id, snapshot_date, team_id, rep_id, category, kind, week_number
-- Preview: d.wape nulls last
-- Columns:
--   tenant_id text not null: company the row belongs to
--   snapshot_date date not null: last day of the quarter
--   quarter text not null: the quarter
--   team_id text not null: All, a manager's id, none or -1, on that day
--   rep_id text not null: All, or whose number was called
--   category text not null: forecast category that was called; All for ai
--   kind text not null, one of call, override, standing, ai: the reps' own calls, overrides of them, which of the two
--       stood, or what the AI forecast said then
--   week_number int not null, 0 to 13: 1 to 13; 0 for all of them
--   team_name text not null: All, or the manager's name
--   rep_name text not null: All, or the rep's name
--   callers_count bigint: of a week's sum: reps whose calls it is of; null for ai
--   forecast_amount numeric(18, 2): of a week: what was called by its end; of the 13th by the end of the day before its
--       last
--   actual_amount numeric(18, 2): of a week: won in the quarter, as of its end, by those who were called for
--   error_amount numeric(18, 2): of a week: forecast less actual
--   forecasts_count bigint not null, at least 0: forecasts of the week in the last eight quarters with an actual above
--       0; of week 0 of all weeks
--   wape numeric: their errors' sizes, summed, as a share of their actuals' sum
--   bias numeric: their errors, summed, as a share of their actuals' sum; above 0 for too high
--   error_sum numeric: the quarter's own errors, their sizes summed; what later quarters add up
--   signed_error_sum numeric: the same with their signs
--   actual_sum numeric: the actuals that they are of
--   own_count bigint not null, at least 0: how many they are
-- Rules:
--   error_amount is not forecast less actual unless error_amount is not distinct from forecast_amount - actual_amount
with weeks as (
    select
        r.tenant_id,
        r.day,
        r.quarter,
        c.week_of_quarter as week_number,
        max(c.day) filter (where c.day < c.quarter_end) as week_end
    from pg_temp.run_days as r
    inner join ops.calendar as c on r.quarter_start <= c.day and r.quarter_end >= c.day
    where r.day = r.quarter_end
    group by r.tenant_id, r.day, r.quarter, c.week_of_quarter
),

groups as (
    select distinct
        d.tenant_id,
        d.snapshot_date,
        d.team_id,
        d.team_name
    from weeks as w
    inner join analytics.forecast_calls as d
        on w.tenant_id = d.tenant_id and w.day = d.snapshot_date and w.quarter = d.quarter
    where d.rep_id = 'All'
),

-- A rep's calls are the rep's in whatever team; a team's are those of who was in it then.
called as (
    select
        w.tenant_id,
        w.day,
        w.quarter,
        e.team_id,
        e.rep_id,
        e.category,
        k.kind,
        w.week_number,
        e.team_name,
        e.rep_name,
        case when e.rep_id = 'All' then k.callers_count end as callers_count,
        k.amount as forecast_amount,
        e.won_amount as actual_amount
    from weeks as w
    inner join analytics.forecast_calls as e
        on w.tenant_id = e.tenant_id and w.day = e.snapshot_date and w.quarter = e.quarter
    inner join analytics.forecast_calls as c
        on
            w.tenant_id = c.tenant_id and w.week_end = c.snapshot_date and w.quarter = c.quarter
            and e.rep_id = c.rep_id and e.category = c.category and (e.rep_id <> 'All' or e.team_id = c.team_id)
    cross join
        lateral (
            values
            ('call', c.call_amount, c.callers_count), ('override', c.override_amount, c.overrides_count),
            ('standing', c.standing_amount, c.callers_count)
        ) as k (kind, amount, callers_count)
    where k.amount is not null
    union all
    select
        f.tenant_id,
        f.snapshot_date as day,
        f.quarter,
        f.team_id,
        'All' as rep_id,
        'All' as category,
        'ai' as kind,
        f.week_number,
        e.team_name,
        'All' as rep_name,
        null as callers_count,
        f.forecast_amount,
        f.actual_amount
    from analytics.forecast_record as f
    inner join groups as e
        on f.tenant_id = e.tenant_id and f.snapshot_date = e.snapshot_date and f.team_id = e.team_id
    where f.method = 'ai' and f.segment = 'All' and f.region = 'All' and f.forecast_amount is not null
),

own as (
    select
        tenant_id,
        day,
        max(quarter) as quarter,
        team_id,
        rep_id,
        category,
        kind,
        case when grouping(week_number) = 1 then 0 else week_number end as week_number,
        max(team_name) as team_name,
        max(rep_name) as rep_name,
        max(callers_count) as callers_count,
        max(forecast_amount) as forecast_amount,
        max(actual_amount) as actual_amount,
        sum(abs(forecast_amount - actual_amount)) filter (where actual_amount > 0) as error_sum,
        sum(forecast_amount - actual_amount) filter (where actual_amount > 0) as signed_error_sum,
        sum(actual_amount) filter (where actual_amount > 0) as actual_sum,
        count(*) filter (where actual_amount > 0) as own_count
    from called
    group by tenant_id, day, team_id, rep_id, category, kind, grouping sets ((week_number), ())
),

-- Their own, and of the seven quarters before what the same rep's or team's record then was of.
quarters as (
    select
        tenant_id,
        day,
        team_id,
        rep_id,
        category,
        kind,
        week_number,
        quarter,
        team_name,
        rep_name,
        callers_count,
        case when week_number > 0 then forecast_amount end as forecast_amount,
        case when week_number > 0 then actual_amount end as actual_amount,
        error_sum,
        signed_error_sum,
        actual_sum,
        own_count,
        true as is_own
    from own
    union all
    select
        o.tenant_id,
        o.day,
        o.team_id,
        p.rep_id,
        p.category,
        p.kind,
        p.week_number,
        null as quarter,
        null as team_name,
        null as rep_name,
        null as callers_count,
        null as forecast_amount,
        null as actual_amount,
        p.error_sum,
        p.signed_error_sum,
        p.actual_sum,
        p.own_count,
        false as is_own
    from (select distinct
        d.tenant_id,
        d.day,
        d.team_id,
        d.rep_id
    from own as d) as o
    inner join analytics.caller_record as p
        on
            o.tenant_id = p.tenant_id and o.day > p.snapshot_date
            and p.snapshot_date > (o.day + 1 - interval '24 months')::date
            and o.rep_id = p.rep_id and (o.rep_id <> 'All' or o.team_id = p.team_id)
)

select
    tenant_id,
    day as snapshot_date,
    max(quarter) as quarter,
    team_id,
    rep_id,
    category,
    kind,
    week_number,
    max(team_name) as team_name,
    max(rep_name) as rep_name,
    case when week_number > 0 then max(callers_count) end as callers_count,
    max(forecast_amount) as forecast_amount,
    max(actual_amount) as actual_amount,
    max(forecast_amount) - max(actual_amount) as error_amount,
    coalesce(sum(own_count), 0) as forecasts_count,
    round(sum(error_sum) / sum(actual_sum), 4) as wape,
    round(sum(signed_error_sum) / sum(actual_sum), 4) as bias,
    max(error_sum) filter (where is_own) as error_sum,
    max(signed_error_sum) filter (where is_own) as signed_error_sum,
    max(actual_sum) filter (where is_own) as actual_sum,
    max(own_count) filter (where is_own) as own_count
from quarters
group by tenant_id, day, team_id, rep_id, category, kind, week_number
having bool_or(is_own)
