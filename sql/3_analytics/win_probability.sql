-- How likely every open deal is to be won, at the end of every day: within 30, 60 and 90 days and by the quarter's end,
-- as learned by the end of the week before from deals that stood alike (analytics.win_rates); where too few have ended
-- to learn from, by the rule of thumb of the forecast: the weight of its category and health if its close date lies
-- within the time, else 0.
--
-- Grain: tenant, day and open deal.
-- Key: tenant_id, snapshot_date, opportunity_id
-- Index: (snapshot_date)
-- Preview: d.won_by_quarter_end desc nulls last
-- Columns:
--   tenant_id text not null: company the row belongs to
--   snapshot_date date not null: the business day
--   opportunity_id text not null: the deal
--   owner_id text not null: who owned it; -1 if nobody
--   amount numeric(18, 2): what it is worth; null if nobody said
--   method text not null, one of learned, rule of thumb: where the probabilities come from
--   learned_on date: day by whose end they were learned
--   deal_group text[]: deals that it is likened to, from coarse to fine: the finest group that there had been any of
--   group_deals_count bigint: deals of that group that they were learned from
--   won_within_30 numeric(7, 6), 0 to 1: probability of being won within 30 days; this and the others null where
--       nothing that old is known
--   won_within_60 numeric(7, 6), 0 to 1: within 60 days
--   won_within_90 numeric(7, 6), 0 to 1: within 90 days
--   won_by_quarter_end numeric(7, 6), 0 to 1: by the end of the day's quarter
--   won_by_quarter_end_low numeric(7, 6), 0 to 1: lower bound of that (80 % interval, Wilson)
--   won_by_quarter_end_high numeric(7, 6), 0 to 1: upper bound of it
--   win_rate numeric(7, 6), 0 to 1: probability of being won rather than lost when it ends; null by rule of thumb
--   expected_amount numeric(18, 4): amount times the probability by the quarter's end
with deals as (
    select
        d.tenant_id,
        d.snapshot_date,
        d.opportunity_id,
        d.owner_id,
        d.amount,
        d.forecast_category,
        d.close_date,
        r.quarter_end,
        t.learn_prior::float8 as prior,
        ops.week_start(r.quarter_start, r.week_of_quarter) - 1 as learned_on,
        case when d.stage_id is null then g.deal_group else g.deal_group || h.health_category end as deal_group
    from staging.deal_days as d
    inner join pg_temp.run_days as r on d.tenant_id = r.tenant_id and d.snapshot_date = r.day
    inner join staging.thresholds as t on d.tenant_id = t.tenant_id and d.snapshot_date = t.snapshot_date
    inner join staging.deal_intervals as i
        on
            d.tenant_id = i.tenant_id and d.opportunity_id = i.opportunity_id
            and d.snapshot_date >= i.d_from and d.snapshot_date < i.d_to
    left join enriched.deal_health_scores as h
        on
            d.tenant_id = h.tenant_id and d.snapshot_date = h.snapshot_date and d.opportunity_id = h.opportunity_id
    cross join
        lateral (
            select ops.win_group(
                d.pipeline_id, d.stage_id, d.days_in_stage, i.visit_number, d.forecast_category, d.close_date,
                d.snapshot_date
            ) as deal_group
        ) as g
    where d.snapshot_date >= :window_start and d.snapshot_date < :window_end
),

-- Of the groups that a deal is of, the finest that there had been any of.
likened as (
    select distinct on (d.tenant_id, d.snapshot_date, d.opportunity_id)
        d.tenant_id,
        d.snapshot_date,
        d.opportunity_id,
        w.deal_group,
        w.deals_count,
        w.probabilities,
        w.win_rate
    from deals as d
    cross join lateral generate_series(0, cardinality(d.deal_group)) as n (cut_off)
    inner join analytics.win_rates as w
        on
            d.tenant_id = w.tenant_id and d.learned_on = w.snapshot_date
            and trim_array(d.deal_group, n.cut_off) = w.deal_group
    where w.probabilities is not null
    order by d.tenant_id, d.snapshot_date, d.opportunity_id, n.cut_off
),

judged as (
    select
        d.*,
        l.deal_group as likened_to,
        l.deals_count,
        l.win_rate,
        l.probabilities is not null as is_learned,
        case
            when l.probabilities is not null
                then array[
                    ops.won_within(l.probabilities, 30), ops.won_within(l.probabilities, 60),
                    ops.won_within(l.probabilities, 90),
                    ops.won_within(l.probabilities, d.quarter_end - d.snapshot_date)
                ]
            else array[
                case when d.close_date <= d.snapshot_date + 30 then coalesce(f.weight, 0) else 0 end,
                case when d.close_date <= d.snapshot_date + 60 then coalesce(f.weight, 0) else 0 end,
                case when d.close_date <= d.snapshot_date + 90 then coalesce(f.weight, 0) else 0 end,
                case when d.close_date <= d.quarter_end then coalesce(f.weight, 0) else 0 end
            ]
        end as won
    from deals as d
    left join likened as l
        on
            d.tenant_id = l.tenant_id and d.snapshot_date = l.snapshot_date and d.opportunity_id = l.opportunity_id
    left join enriched.deal_forecasts as f
        on
            d.tenant_id = f.tenant_id and d.snapshot_date = f.snapshot_date and d.opportunity_id = f.opportunity_id
)

select
    j.tenant_id,
    j.snapshot_date,
    j.opportunity_id,
    j.owner_id,
    j.amount,
    case when j.is_learned then 'learned' else 'rule of thumb' end as method,
    case when j.is_learned then j.learned_on end as learned_on,
    j.likened_to as deal_group,
    j.deals_count as group_deals_count,
    round(j.won[1]::numeric, 6) as won_within_30,
    round(j.won[2]::numeric, 6) as won_within_60,
    round(j.won[3]::numeric, 6) as won_within_90,
    round(j.won[4]::numeric, 6) as won_by_quarter_end,
    round(b.bounds[1]::numeric, 6) as won_by_quarter_end_low,
    round(b.bounds[2]::numeric, 6) as won_by_quarter_end_high,
    round(j.win_rate::numeric, 6) as win_rate,
    j.amount * round(j.won[4]::numeric, 6) as expected_amount
from judged as j
cross join
    lateral (
        select case when j.is_learned then ops.wilson(j.won[4], j.deals_count + j.prior, 1.2816) end as bounds
    ) as b
