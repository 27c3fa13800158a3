-- How often deals were won that stood alike, learned on the last day of every week (of the quarter) from what the
-- company's deals did by then: each deal as it stood at the ends of the Fridays of the :window, and whether it was won
-- within 7 to 90 days. Only Fridays whose outcome was known count, each the less the older it is. A group's rate leans
-- on that of the larger group that it is part of, as much as learn_prior deals would. The finest groups are of one
-- health, which is known at months' ends: how its deals fared at the last twelve of them, beside all deals there. Other
-- days have no rows.
--
-- Window: 728 days
-- Grain: tenant, last day of a week and group of deals (the company, pipeline, stage, time in it, visit, forecast
--       category, time to the close date, health category, one within the other).
-- Key: tenant_id, snapshot_date, deal_group
-- Columns:
--   tenant_id text not null: company the row belongs to
--   snapshot_date date not null: last day of the week, which it was learned on
--   deal_group text[] not null: the group, from coarse to fine (ops.win_group, then the health category); empty for all
--       deals
--   sightings_count bigint not null: deals as they stood on Fridays; of one health: at months' ends
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
    where ops.ends_week(r.day, r.quarter_start, r.quarter_end)
),

wins as (
    select
        c.tenant_id,
        c.learned_on,
        i.d_from as won_on,
        row_number() over (partition by c.tenant_id, c.learned_on order by i.d_from desc) as place
    from cuts as c
    inner join staging.deal_intervals as i
        on
            c.tenant_id = i.tenant_id and c.learned_on >= i.d_from and c.learned_on < i.d_from + :window_days
            and i.status = 'won' and i.d_from = (i.closed_at at time zone (select ops.timezone()))::date
),

-- What was seen counts half after the time in which so many deals were won: a week to a year.
paces as (
    select
        c.*,
        least(greatest(coalesce(c.learned_on - w.won_on, 364), 7), 364) as half_life_days,
        row_number() over (order by c.tenant_id, c.learned_on) << 32 as cut_number
    from cuts as c
    left join wins as w
        on c.tenant_id = w.tenant_id and c.learned_on = w.learned_on and c.learn_half_life_won = w.place
),

-- On Fridays deals are of the finest group but for health; at months' ends, whose health is stored, of that alone.
stood as (
    select
        s.tenant_id,
        s.opportunity_id,
        s.day,
        case when s.is_friday then s.deal_group else s.deal_group || h.health_category end as deal_group,
        not s.is_friday as is_of_one_health,
        s.ended_on,
        s.is_won,
        s.days_to_win
    from
        ops.deal_sightings(
            (select array_agg(distinct c.tenant_id) from cuts as c),
            cast(:window_start as date) - :window_days, cast(:window_end as date)
        ) as s
    left join enriched.deal_health_scores as h
        on
            not s.is_friday and s.tenant_id = h.tenant_id and s.day = h.snapshot_date
            and s.opportunity_id = h.opportunity_id
    where
        s.is_friday or h.health_category is not null and cardinality(s.deal_group) > 1
        and s.day >= (cast(:window_start as date) - interval '12 months')::date
),

-- Groups and deals by number: numbers are sorted and joined many times faster than arrays of texts.
sightings as materialized (
    select
        s.*,
        dense_rank() over (order by s.tenant_id, s.deal_group) as finest,
        dense_rank() over (order by s.tenant_id, s.opportunity_id) as deal_number
    from stood as s
),

-- Parts of a group's name that are left out, for each larger group that it is part of.
depths (cut_off) as (
    values (0), (1), (2), (3), (4), (5), (6)
),

-- The groups that each finest one is part of, itself included, and of each the next larger one. What was seen at
-- months' ends counts in groups of one health only: the larger ones have their Fridays.
parts as materialized (
    select *
    from (
        select
            n.*,
            lead(n.group_number) over (partition by n.finest order by n.cut_off) as larger
        from (
            select
                f.finest,
                f.is_of_one_health,
                f.tenant_id,
                d.cut_off,
                trim_array(f.deal_group, d.cut_off) as deal_group,
                dense_rank() over (order by f.tenant_id, trim_array(f.deal_group, d.cut_off)) as group_number
            from (select distinct
                s.finest,
                s.is_of_one_health,
                s.tenant_id,
                s.deal_group
            from sightings as s) as f
            inner join depths as d on cardinality(f.deal_group) >= d.cut_off
        ) as n
    ) as p
    where not is_of_one_health or cut_off = 0
),

seen as (
    select
        p.cut_number,
        s.finest,
        s.deal_number,
        p.learned_on - s.day as age,
        (2 ^ 50 * 0.5 ^ ((p.learned_on - s.day)::float8 / p.half_life_days))::bigint as weight,
        s.days_to_win,
        case when s.ended_on <= p.learned_on then s.is_won end as is_won
    from paces as p
    inner join sightings as s
        on
            p.tenant_id = s.tenant_id and p.learned_on > s.day and p.learned_on < s.day + :window_days
            and (not s.is_of_one_health or s.day >= p.learned_on - interval '12 months')
),

-- Won within each span of days, and Fridays of which that was known. Whole numbers: their sum is the same in any order.
-- Of the finest groups; what larger ones are is the sum of theirs.
finest as (
    select
        s.cut_number,
        s.finest,
        count(*) as sightings_count,
        array[
            sum(s.weight) filter (where s.age >= 7),
            sum(s.weight) filter (where s.age >= 14),
            sum(s.weight) filter (where s.age >= 21),
            sum(s.weight) filter (where s.age >= 30),
            sum(s.weight) filter (where s.age >= 45),
            sum(s.weight) filter (where s.age >= 60),
            sum(s.weight) filter (where s.age >= 75),
            sum(s.weight) filter (where s.age >= 90),
            sum(s.weight) filter (where s.is_won is not null)
        ] as weights,
        array[
            sum(s.weight) filter (where s.age >= 7 and s.days_to_win between 1 and 7),
            sum(s.weight) filter (where s.age >= 14 and s.days_to_win between 8 and 14),
            sum(s.weight) filter (where s.age >= 21 and s.days_to_win between 15 and 21),
            sum(s.weight) filter (where s.age >= 30 and s.days_to_win between 22 and 30),
            sum(s.weight) filter (where s.age >= 45 and s.days_to_win between 31 and 45),
            sum(s.weight) filter (where s.age >= 60 and s.days_to_win between 46 and 60),
            sum(s.weight) filter (where s.age >= 75 and s.days_to_win between 61 and 75),
            sum(s.weight) filter (where s.age >= 90 and s.days_to_win between 76 and 90),
            sum(s.weight) filter (where s.is_won)
        ] as won
    from seen as s
    group by s.cut_number, s.finest
),

-- Of each group the sums of its finest groups'.
groups as (
    select
        f.cut_number,
        p.group_number,
        sum(f.sightings_count)::bigint as sightings_count,
        array[
            coalesce(sum(f.weights[1]), 0),
            coalesce(sum(f.weights[2]), 0),
            coalesce(sum(f.weights[3]), 0),
            coalesce(sum(f.weights[4]), 0),
            coalesce(sum(f.weights[5]), 0),
            coalesce(sum(f.weights[6]), 0),
            coalesce(sum(f.weights[7]), 0),
            coalesce(sum(f.weights[8]), 0),
            coalesce(sum(f.weights[9]), 0)
        ] as weights,
        array[
            coalesce(sum(f.won[1]), 0),
            coalesce(sum(f.won[2]), 0),
            coalesce(sum(f.won[3]), 0),
            coalesce(sum(f.won[4]), 0),
            coalesce(sum(f.won[5]), 0),
            coalesce(sum(f.won[6]), 0),
            coalesce(sum(f.won[7]), 0),
            coalesce(sum(f.won[8]), 0),
            coalesce(sum(f.won[9]), 0)
        ] as won
    from finest as f
    inner join parts as p on f.finest = p.finest
    group by f.cut_number, p.group_number
),

-- A Friday weighs 1 when it has just become known. Day and group are one number, `place`: a join of both, planned for
-- few rows, compares each with each.
named as (
    select
        g.cut_number + g.group_number as place,
        g.cut_number + n.larger as larger_place,
        p.tenant_id,
        p.learned_on,
        n.deal_group,
        n.is_of_one_health,
        g.sightings_count,
        p.prior,
        p.half_life_days,
        p.learn_won,
        p.learn_lost,
        array(
            select u.weight * 2 ^ (coalesce(u.days, 0)::float8 / p.half_life_days - 50)
            from unnest(g.weights, ops.win_horizons()) with ordinality as u (weight, days, place)
            order by u.place
        ) as weights,
        array(
            select u.won * 2 ^ (coalesce(u.days, 0)::float8 / p.half_life_days - 50)
            from unnest(g.won, ops.win_horizons()) with ordinality as u (won, days, place)
            order by u.place
        ) as won
    from groups as g
    inner join (select distinct
        a.group_number,
        a.larger,
        a.deal_group,
        a.is_of_one_health
    from parts as a) as n on g.group_number = n.group_number
    inner join paces as p on g.cut_number = p.cut_number
),

-- What was won of each group at the months' ends, of whatever health: of whole numbers.
months_ends as (
    select
        p.larger_place,
        array_agg((p.won / nullif(p.weight, 0))::float8 order by p.place) as rates
    from (
        select
            g.cut_number + n.larger as larger_place,
            u.place,
            sum(u.won) as won,
            sum(u.weight) as weight
        from groups as g
        inner join parts as n on g.group_number = n.group_number and n.is_of_one_health
        cross join lateral unnest(g.won, g.weights) with ordinality as u (won, weight, place)
        group by g.cut_number + n.larger, u.place
    ) as p
    group by p.larger_place
),

grouped as (
    select
        n.*,
        m.rates as at_months_ends
    from named as n
    left join months_ends as m on n.larger_place = m.larger_place and n.is_of_one_health
),

-- From the company down, each by the one that it is part of. A group that holds all of the larger one says nothing that
-- it does not. A group of one health is the larger one times what deals of that health had over all at months' ends.
shrunk as (
    select
        g.tenant_id,
        g.learned_on,
        g.deal_group,
        g.place,
        g.sightings_count,
        g.prior,
        g.half_life_days,
        g.learn_won,
        g.learn_lost,
        array(
            select u.won / nullif(u.weight, 0)
            from unnest(g.weights, g.won) with ordinality as u (weight, won, place)
            order by u.place
        ) as rates
    from grouped as g
    where g.larger_place is null
    union all
    select
        g.tenant_id,
        g.learned_on,
        g.deal_group,
        g.place,
        g.sightings_count,
        g.prior,
        g.half_life_days,
        g.learn_won,
        g.learn_lost,
        array(
            select
                case
                    when u.larger_rate is null then null  -- least() would pass over it
                    when g.is_of_one_health
                        then least(
                            u.larger_rate * coalesce(
                                (u.won + g.prior * u.over_all) / (u.weight + g.prior) / nullif(u.over_all, 0), 1
                            ), 1
                        )
                    when g.sightings_count = s.sightings_count then u.larger_rate
                    else (u.won + g.prior * u.larger_rate) / (u.weight + g.prior)
                end
            from
                unnest(g.weights, g.won, s.rates, g.at_months_ends) with ordinality
                    as u (weight, won, larger_rate, over_all, place)
            order by u.place
        ) as rates
    from shrunk as s
    inner join grouped as g on s.place = g.larger_place
),

deals as (
    select
        s.cut_number + p.group_number as place,
        count(distinct s.deal_number) as deals_count,
        count(distinct s.deal_number) filter (where s.is_won) as won_count,
        count(distinct s.deal_number) filter (where not s.is_won) as lost_count
    from (select distinct
        d.cut_number,
        d.finest,
        d.deal_number,
        d.is_won
    from seen as d) as s
    inner join parts as p on s.finest = p.finest
    group by s.cut_number + p.group_number
),

whole as (
    select
        s.*,
        d.deals_count,
        d.won_count,
        d.lost_count,
        max(d.won_count) over company >= s.learn_won and max(d.lost_count) over company >= s.learn_lost as is_enough
    from shrunk as s
    inner join deals as d on s.place = d.place
    window company as (partition by s.tenant_id, s.learned_on)
)

-- Within 14 days is within 7, and after them: each part by the newest Fridays of which it was known.
select
    tenant_id,
    learned_on as snapshot_date,
    deal_group,
    sightings_count,
    deals_count,
    won_count,
    lost_count,
    half_life_days,
    case
        when is_enough
            then array(
                select
                    case
                        when bool_and(u.rate is not null) over (order by u.place)
                            then least(sum(u.rate) over (order by u.place), 1)
                    end
                from unnest(rates) with ordinality as u (rate, place)
                where u.place < 9
                order by u.place
            )
    end as probabilities,
    case when is_enough then rates[9] end as win_rate
from whole
