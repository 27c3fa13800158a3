-- What every rep had sold, was to sell and has open, as of the end of every day, counted and summed: what performance
-- is worked out from. Reps with a quota, an open deal or one closed lately; deals of nobody stand under -1.
--
-- Grain: tenant, day and rep.
-- Key: tenant_id, snapshot_date, rep_id
-- Columns:
--   tenant_id text not null: company the row belongs to
--   snapshot_date date not null: the business day
--   rep_id text not null: the rep; -1 for deals of nobody
--   rep_name text not null: name, for people
--   team_id text not null: the manager's id; none or -1
--   team_name text not null: the manager's name
--   segment text: segment
--   region text: region
--   is_active boolean not null: whether the source lists the rep, as not removed and already hired
--   has_money boolean not null: whether the source had told of any amount by the day
--   has_outcomes boolean not null: whether it had told of a won and of a lost deal
--   quarter_quota numeric(16, 2): quota for the quarter
--   year_to_date_quota numeric(16, 2): quota for the fiscal year's days up to this one
--   created_today_count bigint not null: deals created on this day and owned by the rep at its end
--   won_today_count bigint not null: deals won on this day
--   lost_today_count bigint not null: deals lost on this day
--   quarter_won_count bigint not null: won deals with a close date in the quarter
--   quarter_won_amount numeric(16, 2) not null: what they are worth
--   year_won_amount numeric(16, 2) not null: what was won in the fiscal year up to this day, by close date
--   won_count bigint not null: won deals of the last 365 days, by close date
--   lost_count bigint not null: lost deals, likewise
--   won_with_amount_count bigint not null: won deals that have an amount, likewise
--   won_amount numeric(16, 2) not null: what those are worth
--   lost_amount numeric(16, 2) not null: what the lost deals were worth
--   won_cycle_days numeric(16, 6) not null: elapsed days from creation to winning, summed over won_count
--   open_deals_count bigint not null: open deals
--   open_amount numeric(16, 2) not null: what they are worth
--   mean_health_score numeric(5, 2): their mean health score
with open_deals as (
    select
        d.tenant_id,
        d.snapshot_date,
        d.owner_id as rep_id,
        count(*) as open_deals_count,
        sum(d.amount) as open_amount,
        round(avg(h.health_score), 2) as mean_health_score
    from staging.deal_days as d
    inner join enriched.deal_health_scores as h
        on d.tenant_id = h.tenant_id and d.snapshot_date = h.snapshot_date and d.opportunity_id = h.opportunity_id
    where d.snapshot_date >= :window_start and d.snapshot_date < :window_end
    group by d.tenant_id, d.snapshot_date, d.owner_id
),

created as (
    select
        tenant_id,
        d_from as snapshot_date,
        coalesce(owner_id, '-1') as rep_id,
        count(*) as created_today_count
    from staging.deal_intervals
    where
        d_from >= :window_start and d_from < :window_end
        and d_from = (opened_at at time zone (select ops.timezone()))::date
    group by tenant_id, d_from, coalesce(owner_id, '-1')
),

closings as (
    select
        tenant_id,
        snapshot_date,
        rep_id,
        sum(won_today_count) as won_today_count,
        sum(lost_today_count) as lost_today_count,
        sum(quarter_won_count) as quarter_won_count,
        sum(quarter_won_amount) as quarter_won_amount,
        sum(year_won_amount) as year_won_amount,
        sum(won_count) as won_count,
        sum(lost_count) as lost_count,
        sum(won_with_amount_count) as won_with_amount_count,
        sum(won_amount) as won_amount,
        sum(lost_amount) as lost_amount,
        sum(won_cycle_days) as won_cycle_days
    from staging.rep_closings
    where snapshot_date >= :window_start and snapshot_date < :window_end
    group by tenant_id, snapshot_date, rep_id
)

select
    p.tenant_id,
    p.snapshot_date,
    p.rep_id,
    p.rep_name,
    p.team_id,
    p.team_name,
    p.segment,
    p.region,
    p.is_active,
    coalesce(t.amount_since <= p.snapshot_date, false) as has_money,
    coalesce(t.outcomes_since <= p.snapshot_date, false) as has_outcomes,
    q.quarter_target as quarter_quota,
    q.year_to_date_target as year_to_date_quota,
    coalesce(n.created_today_count, 0) as created_today_count,
    coalesce(c.won_today_count, 0) as won_today_count,
    coalesce(c.lost_today_count, 0) as lost_today_count,
    coalesce(c.quarter_won_count, 0) as quarter_won_count,
    coalesce(c.quarter_won_amount, 0) as quarter_won_amount,
    coalesce(c.year_won_amount, 0) as year_won_amount,
    coalesce(c.won_count, 0) as won_count,
    coalesce(c.lost_count, 0) as lost_count,
    coalesce(c.won_with_amount_count, 0) as won_with_amount_count,
    coalesce(c.won_amount, 0) as won_amount,
    coalesce(c.lost_amount, 0) as lost_amount,
    coalesce(c.won_cycle_days, 0) as won_cycle_days,
    coalesce(o.open_deals_count, 0) as open_deals_count,
    coalesce(o.open_amount, 0) as open_amount,
    o.mean_health_score
from staging.rep_days as p
left join staging.quota_days as q
    on p.tenant_id = q.tenant_id and p.snapshot_date = q.snapshot_date and p.rep_id = q.rep_id
left join closings as c
    on p.tenant_id = c.tenant_id and p.snapshot_date = c.snapshot_date and p.rep_id = c.rep_id
left join open_deals as o
    on p.tenant_id = o.tenant_id and p.snapshot_date = o.snapshot_date and p.rep_id = o.rep_id
left join created as n
    on p.tenant_id = n.tenant_id and p.snapshot_date = n.snapshot_date and p.rep_id = n.rep_id
left join staging.coverage_dates as t on p.tenant_id = t.tenant_id
where
    p.snapshot_date >= :window_start and p.snapshot_date < :window_end
    and (q.rep_id is not null and p.is_active or c.rep_id is not null or o.rep_id is not null)
