-- How far scores could be trusted, by deals that have ended. On every day: deals that were won or lost in the :window
-- up to it, as they stood at the last end of a week that lies 30, 60 or 90 days or more before they ended.
-- health_score: as a rank, and as if its hundredth were a probability; win_rate: the probability of being won when it
-- ends (analytics.win_probability). On a month's last day also the deals that were open at the weeks' ends: won_within
-- (of analytics.win_probability) and logistic_within (of analytics.logistic_probability), by whether they then were won
-- within 30, 60 or 90 days.
--
-- Window: 365 days
-- Grain: tenant, day, score, days before and tenth of the score (0 for all of them).
-- Key: tenant_id, snapshot_date, score, days_before, tenth
-- Columns:
--   tenant_id text not null: company the row belongs to
--   snapshot_date date not null: the business day
--   score text not null, one of health_score, win_rate, won_within, logistic_within: what is judged
--   days_before int not null, one of 30, 60, 90: days before the end; of won_within and logistic_within the days within
--       which
--   tenth int not null, 0 to 10: 1 for scores below a tenth, to 10; 0 for all
--   deals_count bigint not null: deals (of won_within and logistic_within: deals as they stood at weeks' ends)
--   won_count bigint not null: those of them that were won (of won_within and logistic_within: within the days)
--   mean_score numeric(7, 6): mean of the score as a share
--   won_share numeric(7, 6): share that was won
--   auc numeric(7, 6), 0 to 1: of all: probability that a won deal had a higher score than one that was not; 0.5 is
--       chance
--   auc_error numeric(7, 6): of all: its standard error (Hanley and McNeil)
--   brier numeric(7, 6): of all: mean square of score less outcome
--   base_brier numeric(7, 6): of all: the same if everybody had the share that was won
--   skill numeric: of all: share of that which the score takes away; below 0 if it adds to it
--   calibration_error numeric(7, 6): of all: mean distance of the tenths' mean scores from what came (ECE)
with ended as (
    select
        e.tenant_id,
        e.closed_on,
        e.known_on,
        e.is_won,
        e.days_before,
        h.health_score / 100.0 as health_score,
        p.win_rate
    from
        ops.endings_seen(
            (select array_agg(distinct r.tenant_id) from pg_temp.run_days as r),
            cast(:window_start as date) - :window_days + 1, cast(:window_end as date)
        ) as e
    inner join analytics.win_probability as p
        on e.tenant_id = p.tenant_id and e.seen_on = p.snapshot_date and e.opportunity_id = p.opportunity_id
    inner join enriched.deal_health_scores as h
        on e.tenant_id = h.tenant_id and e.seen_on = h.snapshot_date and e.opportunity_id = h.opportunity_id
),

-- As they stood at the weeks' ends of the year and the 90 days before, with their next closing that was known by the
-- day.
open_deals as (
    select
        r.tenant_id,
        r.day,
        p.snapshot_date as seen_on,
        p.won_within_30,
        p.won_within_60,
        p.won_within_90,
        g.won_within_30 as logistic_within_30,
        g.won_within_60 as logistic_within_60,
        g.won_within_90 as logistic_within_90,
        c.closed_on,
        c.is_won
    from pg_temp.run_days as r
    inner join ops.calendar as k
        on k.day > r.day - :window_days - 90 and r.day > k.day and ops.ends_week(k.day, k.quarter_start, k.quarter_end)
    inner join analytics.win_probability as p on r.tenant_id = p.tenant_id and k.day = p.snapshot_date
    left join analytics.logistic_probability as g
        on
            p.tenant_id = g.tenant_id and p.snapshot_date = g.snapshot_date and p.opportunity_id = g.opportunity_id
    left join lateral (
        select
            f.closed_on,
            f.is_won
        from staging.closing_facts as f
        where
            f.tenant_id = p.tenant_id and f.opportunity_id = p.opportunity_id and f.closed_on > p.snapshot_date
            and f.closed_on <= r.day and f.d_from <= r.day
        order by f.closed_on
        limit 1
    ) as c on true
    where ops.ends_month(r.day)
),

scored as (
    select
        r.tenant_id,
        r.day,
        v.score,
        e.days_before,
        v.value,
        e.is_won
    from pg_temp.run_days as r
    inner join ended as e
        on
            r.tenant_id = e.tenant_id and e.closed_on > r.day - :window_days and r.day >= e.closed_on
            and r.day >= e.known_on
    cross join lateral (values ('health_score', e.health_score), ('win_rate', e.win_rate)) as v (score, value)
    where v.value is not null
    union all
    select
        o.tenant_id,
        o.day,
        v.score,
        v.days_before,
        v.value,
        coalesce(o.is_won and o.closed_on <= o.seen_on + v.days_before, false) as is_won
    from open_deals as o
    cross join
        lateral (
            values
            ('won_within', 30, o.won_within_30),
            ('won_within', 60, o.won_within_60),
            ('won_within', 90, o.won_within_90),
            ('logistic_within', 30, o.logistic_within_30),
            ('logistic_within', 60, o.logistic_within_60),
            ('logistic_within', 90, o.logistic_within_90)
        ) as v (score, days_before, value)
    where
        o.seen_on + v.days_before <= o.day and o.seen_on + v.days_before > o.day - :window_days
        and v.value is not null
),

ranked as (
    select
        *,
        least(floor(value * 10), 9)::int + 1 as tenth,
        rank() over scores + (count(*) over (partition by tenant_id, day, score, days_before, value) - 1) / 2.0 as place
    from scored
    window scores as (partition by tenant_id, day, score, days_before order by value)
),

tenths as (
    select
        tenant_id,
        day,
        score,
        days_before,
        tenth,
        count(*) as deals_count,
        count(*) filter (where is_won) as won_count,
        avg(value) as mean_score,
        avg(is_won::int) as won_share
    from ranked
    group by tenant_id, day, score, days_before, tenth
),

wholes as (
    select
        tenant_id,
        day,
        score,
        days_before,
        count(*) as deals_count,
        count(*) filter (where is_won) as won_count,
        count(*) filter (where not is_won) as others_count,
        avg(value) as mean_score,
        avg(is_won::int) as won_share,
        avg((value - is_won::int) ^ 2) as brier,
        (
            sum(place) filter (where is_won)
            - count(*) filter (where is_won) * (count(*) filter (where is_won) + 1) / 2.0
        ) / nullif(count(*) filter (where is_won) * count(*) filter (where not is_won), 0) as auc
    from ranked
    group by tenant_id, day, score, days_before
)

select
    tenant_id,
    day as snapshot_date,
    score,
    days_before,
    tenth,
    deals_count,
    won_count,
    round(mean_score, 6) as mean_score,
    round(won_share, 6) as won_share,
    null::numeric as auc,
    null::numeric as auc_error,
    null::numeric as brier,
    null::numeric as base_brier,
    null::numeric as skill,
    null::numeric as calibration_error
from tenths
union all
select
    w.tenant_id,
    w.day as snapshot_date,
    w.score,
    w.days_before,
    0 as tenth,
    w.deals_count,
    w.won_count,
    round(w.mean_score, 6) as mean_score,
    round(w.won_share, 6) as won_share,
    round(w.auc, 6) as auc,
    round(
        sqrt(
            (
                w.auc * (1 - w.auc) + (w.won_count - 1) * (w.auc / (2 - w.auc) - w.auc * w.auc)
                + (w.others_count - 1) * (2 * w.auc * w.auc / (1 + w.auc) - w.auc * w.auc)
            ) / nullif(w.won_count * w.others_count, 0)
        ), 6
    ) as auc_error,
    round(w.brier, 6) as brier,
    round(w.won_share * (1 - w.won_share), 6) as base_brier,
    round(1 - w.brier / nullif(w.won_share * (1 - w.won_share), 0), 4) as skill,
    round(e.calibration_error, 6) as calibration_error
from wholes as w
inner join (
    select
        tenant_id,
        day,
        score,
        days_before,
        sum(abs(mean_score - won_share) * deals_count) / sum(deals_count) as calibration_error
    from tenths
    group by tenant_id, day, score, days_before
) as e using (tenant_id, day, score, days_before)
