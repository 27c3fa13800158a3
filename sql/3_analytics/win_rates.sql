-- How often deals like it were won, learned on every month's last day from what the company's deals did by then: each deal
-- as it stood at the ends of the Sundays of the :window, and whether it was won within 7 to 90 days. Only Sundays whose
-- outcome was known count, each the less the older it is. A group's rate leans on that of the larger group that it is part
-- of, as much as learn_prior deals would. Other days have no rows.
--
-- Window: 728 days
-- Grain: tenant, last day of a month and group of deals (the company, pipeline, stage, time in it, visit, forecast
--       category, time to the close date, one within the other).
-- Key: tenant_id, snapshot_date, deal_group
-- Columns:
--   tenant_id text not null: company the row belongs to
--   snapshot_date date not null: last day of the month, which it was learned on
--   deal_group text[] not null: the group, from coarse to fine (ops.win_group); empty for all deals
--   sightings_count bigint not null: deals as they stood on Sundays
--   deals_count bigint not null: the deals among them
--   won_count bigint not null: those of them that were won by the day
--   lost_count bigint not null: those of them that were lost by the day
--   half_life_days int not null: days after which a Sunday counts half
--   probabilities float8[]: won within 7, 14, 21, 30, 45, 60, 75 and 90 days; null with fewer won or lost deals than it
--       takes (thresholds)
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
    where extract(day from r.day + 1) = 1
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

-- What was seen counts half after the time in which so many deals were won: two weeks to a year.
paces as (
    select
        c.*,
        least(greatest(coalesce(c.learned_on - w.won_on, 364), 14), 364) as half_life_days
    from cuts as c
    left join lateral (
        select l.d_from as won_on
        from lives as l
        where
            l.tenant_id = c.tenant_id and l.is_closing and l.status = 'won' and l.d_from <= c.learned_on
            and l.d_from > c.learned_on - :window_days
        order by l.d_from desc
        offset c.learn_half_life_won - 1
        limit 1
    ) as w on true
),

seen as (
    select
        p.tenant_id,
        p.learned_on,
        p.half_life_days,
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
    inner join ops.calendar as s
        on s.weekday = 7 and s.day < p.learned_on and s.day > p.learned_on - :window_days
    inner join lives as l
        on p.tenant_id = l.tenant_id and s.day >= l.d_from and s.day < l.d_to and l.status = 'open'
),

-- A Sunday's weight for each number of days: 1 where its outcome has just become known.
counted as (
    select
        s.tenant_id,
        s.learned_on,
        s.half_life_days,
        s.deal_group[1:n.depth] as deal_group,
        n.depth,
        count(*) as sightings_count,
        count(distinct s.opportunity_id) as deals_count,
        count(distinct s.opportunity_id) filter (where s.is_won) as won_count,
        count(distinct s.opportunity_id) filter (where not s.is_won) as lost_count,
        array[
            sum(0.5 ^ ((s.age - 7) / s.half_life_days::float8)) filter (where s.age >= 7),
            sum(0.5 ^ ((s.age - 14) / s.half_life_days::float8)) filter (where s.age >= 14),
            sum(0.5 ^ ((s.age - 21) / s.half_life_days::float8)) filter (where s.age >= 21),
            sum(0.5 ^ ((s.age - 30) / s.half_life_days::float8)) filter (where s.age >= 30),
            sum(0.5 ^ ((s.age - 45) / s.half_life_days::float8)) filter (where s.age >= 45),
            sum(0.5 ^ ((s.age - 60) / s.half_life_days::float8)) filter (where s.age >= 60),
            sum(0.5 ^ ((s.age - 75) / s.half_life_days::float8)) filter (where s.age >= 75),
            sum(0.5 ^ ((s.age - 90) / s.half_life_days::float8)) filter (where s.age >= 90),
            sum(0.5 ^ (s.age / s.half_life_days::float8)) filter (where s.is_won is not null)
        ] as weights,
        array[
            sum(0.5 ^ ((s.age - 7) / s.half_life_days::float8)) filter (where s.age >= 7 and s.days_to_win <= 7),
            sum(0.5 ^ ((s.age - 14) / s.half_life_days::float8)) filter (where s.age >= 14 and s.days_to_win <= 14),
            sum(0.5 ^ ((s.age - 21) / s.half_life_days::float8)) filter (where s.age >= 21 and s.days_to_win <= 21),
            sum(0.5 ^ ((s.age - 30) / s.half_life_days::float8)) filter (where s.age >= 30 and s.days_to_win <= 30),
            sum(0.5 ^ ((s.age - 45) / s.half_life_days::float8)) filter (where s.age >= 45 and s.days_to_win <= 45),
            sum(0.5 ^ ((s.age - 60) / s.half_life_days::float8)) filter (where s.age >= 60 and s.days_to_win <= 60),
            sum(0.5 ^ ((s.age - 75) / s.half_life_days::float8)) filter (where s.age >= 75 and s.days_to_win <= 75),
            sum(0.5 ^ ((s.age - 90) / s.half_life_days::float8)) filter (where s.age >= 90 and s.days_to_win <= 90),
            sum(0.5 ^ (s.age / s.half_life_days::float8)) filter (where s.is_won)
        ] as won
    from seen as s
    cross join lateral generate_series(0, cardinality(s.deal_group)) as n (depth)
    group by s.tenant_id, s.learned_on, s.half_life_days, s.deal_group[1:n.depth], n.depth
),

rates as (
    select
        c.tenant_id,
        c.learned_on,
        c.deal_group,
        c.depth,
        p.prior,
        c.sightings_count,
        h.place,
        coalesce(h.weight, 0) as weight,
        coalesce(h.won, 0) as won
    from counted as c
    inner join paces as p on c.tenant_id = p.tenant_id and c.learned_on = p.learned_on
    cross join lateral unnest(c.weights, c.won) with ordinality as h (weight, won, place)
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
            and s.deal_group = r.deal_group[1:s.depth] and s.place = r.place
),

-- Nobody is less likely to be won within more days.
rising as (
    select
        tenant_id,
        learned_on,
        deal_group,
        place,
        case when place < 9 then max(rate) over days else rate end as rate
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
    from rising
    group by tenant_id, learned_on, deal_group
)

select
    c.tenant_id,
    c.learned_on as snapshot_date,
    c.deal_group,
    c.sightings_count,
    c.deals_count,
    c.won_count,
    c.lost_count,
    c.half_life_days,
    case when e.is_enough then g.probabilities end as probabilities,
    case when e.is_enough then g.win_rate end as win_rate
from counted as c
inner join gathered as g
    on c.tenant_id = g.tenant_id and c.learned_on = g.learned_on and c.deal_group = g.deal_group
inner join (
    select
        a.tenant_id,
        a.learned_on,
        a.won_count >= p.learn_won and a.lost_count >= p.learn_lost as is_enough
    from counted as a
    inner join paces as p on a.tenant_id = p.tenant_id and a.learned_on = p.learned_on
    where a.depth = 0
) as e on c.tenant_id = e.tenant_id and c.learned_on = e.learned_on
