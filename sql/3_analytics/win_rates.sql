-- How often deals were won that stood alike, learned on the last day of every week (of the quarter) from what the
-- company's deals did by then: each deal as it stood at the ends of the Fridays of the :window, and whether it was won
-- within 7 to 90 days. Only Fridays whose outcome was known count, each the less the older it is. A group's rate leans
-- on that of the larger group that it is part of, as much as learn_prior deals would. Other days have no rows.
--
-- Window: 728 days
-- Grain: tenant, last day of a week and group of deals (the company, pipeline, stage, time in it, visit, forecast
--       category, time to the close date, one within the other).
-- Key: tenant_id, snapshot_date, deal_group
-- Columns:
--   tenant_id text not null: company the row belongs to
--   snapshot_date date not null: last day of the week, which it was learned on
--   deal_group text[] not null: the group, from coarse to fine (ops.win_group); empty for all deals
--   sightings_count bigint not null: deals as they stood on Fridays
--   deals_count bigint not null: the deals among them
--   won_count bigint not null: those of them that were won by the day
--   lost_count bigint not null: those of them that were lost by the day
--   half_life_days int not null: days after which a Friday counts half
--   probabilities float8[]: won within 7, 14, 21, 30, 45, 60, 75 and 90 days; one is null where no Friday is that old,
--       all are with fewer won or lost deals than it takes (thresholds)
--   win_rate float8: won rather than lost, of those that had ended by the day
with recursive cuts as (
    select
        r.tenant_id,
        r.day as learned_on,
        t.learn_prior::float8 as prior,
        t.learn_half_life_won,
        t.learn_won,
        t.learn_lost
    from pg_temp.run_days as r
    inner join staging.thresholds as t on r.tenant_id = t.tenant_id and r.day = t.snapshot_date
    where r.day = r.quarter_end or r.week_of_quarter < 13 and (r.day - r.quarter_start) % 7 = 6
),

-- Spans, and when the deal was won or lost next.
lives as (
    select
        i.*,
        min(i.d_from) filter (where i.is_closing and i.status = 'won') over later as won_on,
        min(i.d_from) filter (where i.is_closing and i.status = 'lost') over later as lost_on
    from (
        select
            tenant_id,
            opportunity_id,
            d_from,
            d_to,
            status,
            pipeline_id,
            stage_id,
            stage_entered_at,
            visit_number,
            forecast_category,
            close_date,
            (closed_at at time zone (select ops.timezone()))::date = d_from as is_closing
        from staging.deal_intervals
        where d_from < :window_end and exists (select from cuts)
    ) as i
    window later as (
        partition by i.tenant_id, i.opportunity_id order by i.d_from rows between 1 following and unbounded following
    )
),

wins as (
    select
        c.tenant_id,
        c.learned_on,
        l.d_from as won_on,
        row_number() over (partition by c.tenant_id, c.learned_on order by l.d_from desc) as place
    from cuts as c
    inner join lives as l
        on
            c.tenant_id = l.tenant_id and c.learned_on >= l.d_from and c.learned_on < l.d_from + :window_days
            and l.is_closing and l.status = 'won'
),

-- What was seen counts half after the time in which so many deals were won: a week to a year.
paces as (
    select
        c.*,
        least(greatest(coalesce(c.learned_on - w.won_on, 364), 7), 364) as half_life_days
    from cuts as c
    left join wins as w
        on c.tenant_id = w.tenant_id and c.learned_on = w.learned_on and c.learn_half_life_won = w.place
),

seen as (
    select
        p.tenant_id,
        p.learned_on,
        p.half_life_days::float8 as half_life,
        l.opportunity_id,
        ops.win_group(
            l.pipeline_id, l.stage_id, extract(epoch from s.ends_at - l.stage_entered_at)::float8 / 86400,
            l.visit_number, ops.forecast_category(l.forecast_category), l.close_date, s.day
        ) as deal_group,
        p.learned_on - s.day as age,
        case when l.won_on <= coalesce(l.lost_on, 'infinity') then l.won_on - s.day end as days_to_win,
        case
            when least(l.won_on, l.lost_on) <= p.learned_on
                then coalesce(l.won_on < coalesce(l.lost_on, 'infinity'), false)
        end as is_won
    from paces as p
    inner join lives as l on p.tenant_id = l.tenant_id and l.status = 'open'
    inner join ops.calendar as s
        on
            l.d_from <= s.day and l.d_to > s.day and s.weekday = 5
            and p.learned_on > s.day and p.learned_on < s.day + :window_days
),

-- Won within each span of days, and Fridays of which that was known: with weight 1 where it has just become so. Of the
-- finest groups; what larger ones are is the sum of theirs.
finest as (
    select
        s.tenant_id,
        s.learned_on,
        s.deal_group,
        count(*) as sightings_count,
        array[
            sum(0.5 ^ ((s.age - 7) / s.half_life)) filter (where s.age >= 7),
            sum(0.5 ^ ((s.age - 14) / s.half_life)) filter (where s.age >= 14),
            sum(0.5 ^ ((s.age - 21) / s.half_life)) filter (where s.age >= 21),
            sum(0.5 ^ ((s.age - 30) / s.half_life)) filter (where s.age >= 30),
            sum(0.5 ^ ((s.age - 45) / s.half_life)) filter (where s.age >= 45),
            sum(0.5 ^ ((s.age - 60) / s.half_life)) filter (where s.age >= 60),
            sum(0.5 ^ ((s.age - 75) / s.half_life)) filter (where s.age >= 75),
            sum(0.5 ^ ((s.age - 90) / s.half_life)) filter (where s.age >= 90),
            sum(0.5 ^ (s.age / s.half_life)) filter (where s.is_won is not null)
        ] as weights,
        array[
            sum(0.5 ^ ((s.age - 7) / s.half_life)) filter (where s.age >= 7 and s.days_to_win between 1 and 7),
            sum(0.5 ^ ((s.age - 14) / s.half_life)) filter (where s.age >= 14 and s.days_to_win between 8 and 14),
            sum(0.5 ^ ((s.age - 21) / s.half_life)) filter (where s.age >= 21 and s.days_to_win between 15 and 21),
            sum(0.5 ^ ((s.age - 30) / s.half_life)) filter (where s.age >= 30 and s.days_to_win between 22 and 30),
            sum(0.5 ^ ((s.age - 45) / s.half_life)) filter (where s.age >= 45 and s.days_to_win between 31 and 45),
            sum(0.5 ^ ((s.age - 60) / s.half_life)) filter (where s.age >= 60 and s.days_to_win between 46 and 60),
            sum(0.5 ^ ((s.age - 75) / s.half_life)) filter (where s.age >= 75 and s.days_to_win between 61 and 75),
            sum(0.5 ^ ((s.age - 90) / s.half_life)) filter (where s.age >= 90 and s.days_to_win between 76 and 90),
            sum(0.5 ^ (s.age / s.half_life)) filter (where s.is_won)
        ] as won
    from seen as s
    group by s.tenant_id, s.learned_on, s.deal_group
),

-- Groups by number: a deal is counted once in each, and arrays of text are slow to compare.
parts as (
    select
        f.tenant_id,
        f.learned_on,
        f.deal_group as finest_group,
        cardinality(f.deal_group) - n.cut_off as depth,
        trim_array(f.deal_group, n.cut_off) as deal_group,
        dense_rank() over (order by f.tenant_id, f.learned_on, trim_array(f.deal_group, n.cut_off)) as group_number
    from finest as f
    cross join lateral generate_series(0, cardinality(f.deal_group)) as n (cut_off)
),

deals as (
    select
        d.group_number,
        count(*) as deals_count,
        count(*) filter (where d.is_won) as won_count,
        count(*) filter (where not d.is_won) as lost_count
    from (
        select distinct
            p.group_number,
            s.opportunity_id,
            s.is_won
        from (select distinct
            tenant_id,
            learned_on,
            deal_group,
            opportunity_id,
            is_won
        from seen) as s
        inner join parts as p
            on s.tenant_id = p.tenant_id and s.learned_on = p.learned_on and s.deal_group = p.finest_group
    ) as d
    group by d.group_number
),

counted as (
    select
        p.tenant_id,
        p.learned_on,
        p.deal_group,
        p.depth,
        p.group_number,
        sum(f.sightings_count)::bigint as sightings_count
    from parts as p
    inner join finest as f
        on p.tenant_id = f.tenant_id and p.learned_on = f.learned_on and p.finest_group = f.deal_group
    group by p.tenant_id, p.learned_on, p.deal_group, p.depth, p.group_number
),

rates as (
    select
        c.tenant_id,
        c.learned_on,
        c.deal_group,
        c.depth,
        case when c.depth > 0 then trim_array(c.deal_group, 1) end as larger_group,
        w.prior,
        c.sightings_count,
        h.place,
        coalesce(h.weight, 0) as weight,
        coalesce(h.won, 0) as won
    from counted as c
    inner join paces as w on c.tenant_id = w.tenant_id and c.learned_on = w.learned_on
    inner join (
        select
            p.group_number,
            u.place,
            sum(u.weight) as weight,
            sum(u.won) as won
        from parts as p
        inner join finest as f
            on p.tenant_id = f.tenant_id and p.learned_on = f.learned_on and p.finest_group = f.deal_group
        cross join lateral unnest(f.weights, f.won) with ordinality as u (weight, won, place)
        group by p.group_number, u.place
    ) as h on c.group_number = h.group_number
),

-- From the company down. A group that holds all of the larger one says nothing that it does not.
shrunk as (
    select
        *,
        won / nullif(weight, 0) as rate
    from rates
    where depth = 0
    union all
    select
        r.*,
        case
            when r.sightings_count = s.sightings_count then s.rate
            else (r.won + r.prior * s.rate) / (r.weight + r.prior)
        end as rate
    from shrunk as s
    inner join rates as r
        on
            s.tenant_id = r.tenant_id and s.learned_on = r.learned_on and r.depth = s.depth + 1
            and s.deal_group = r.larger_group and s.place = r.place
),

-- Within 14 days is within 7, and after them: each part by the newest Fridays of which it was known.
summed as (
    select
        tenant_id,
        learned_on,
        deal_group,
        place,
        case
            when place = 9 then rate
            when bool_and(rate is not null) over days then least(sum(rate) over days, 1)
        end as rate
    from shrunk
    window days as (partition by tenant_id, learned_on, deal_group, place = 9 order by place)
),

gathered as (
    select
        tenant_id,
        learned_on,
        deal_group,
        array_agg(rate order by place) filter (where place < 9) as probabilities,
        max(rate) filter (where place = 9) as win_rate
    from summed
    group by tenant_id, learned_on, deal_group
)

select
    c.tenant_id,
    c.learned_on as snapshot_date,
    c.deal_group,
    c.sightings_count,
    d.deals_count,
    d.won_count,
    d.lost_count,
    e.half_life_days,
    case when e.is_enough then g.probabilities end as probabilities,
    case when e.is_enough then g.win_rate end as win_rate
from counted as c
inner join deals as d on c.group_number = d.group_number
inner join gathered as g
    on c.tenant_id = g.tenant_id and c.learned_on = g.learned_on and c.deal_group = g.deal_group
inner join (
    select
        a.tenant_id,
        a.learned_on,
        p.half_life_days,
        n.won_count >= p.learn_won and n.lost_count >= p.learn_lost as is_enough
    from counted as a
    inner join deals as n on a.group_number = n.group_number
    inner join paces as p on a.tenant_id = p.tenant_id and a.learned_on = p.learned_on
    where a.depth = 0
) as e on c.tenant_id = e.tenant_id and c.learned_on = e.learned_on
