-- What each day says of its quarter and the next: deals whose close date, as known on the day, lies in it, won ones in
-- full, open ones weighed by forecast category and health. For every combination of team, segment and region, All of
-- them included: those of the deal's owner (won deals: of whoever is credited) on the day, the segment of its account
-- where the CRM says that. Omitted deals do not count.
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
--   line text not null, one of Closed Won, Commit, Best Case, Pipeline: Closed Won, Commit, Best Case or Pipeline
--   quarter_start date not null: first day of the quarter
--   quarter_end date not null: last day of the quarter
--   deals_count bigint not null: deals
--   without_amount_count bigint not null: those of them without an amount
--   unjudged_count bigint not null: open deals without a health score, weighed as the unhealthiest
--   health_total bigint not null: sum of the open deals' health scores, of those that have one
--   amount numeric(16, 2): what the deals are worth; null as long as the source has told no amounts or no close dates
--   weighted_amount numeric(16, 2): the same, each deal's amount times its weight
with quarters as (
    select
        r.tenant_id,
        r.day,
        q.place,
        q.quarter,
        q.quarter_start,
        q.quarter_end,
        coalesce(e.money_since <= r.day, false) as has_money
    from pg_temp.run_days as r
    inner join ops.quarters_ahead as q on r.day = q.day
    left join staging.coverage_dates as e on r.tenant_id = e.tenant_id
),

open_deals as (
    select
        d.tenant_id,
        d.snapshot_date,
        q.place,
        d.owner_id as rep_id,
        s.segment,
        d.forecast_category as line,
        count(*) as deals_count,
        count(*) filter (where d.amount is null) as without_amount_count,
        count(*) filter (where d.health_score is null) as unjudged_count,
        coalesce(sum(d.health_score), 0) as health_total,
        sum(d.amount) as amount,
        sum(d.weighted_amount) as weighted_amount
    from enriched.deal_forecasts as d
    inner join quarters as q on d.tenant_id = q.tenant_id and d.snapshot_date = q.day and d.quarter = q.quarter
    inner join staging.deal_days as s
        on
            d.tenant_id = s.tenant_id and d.snapshot_date = s.snapshot_date and d.opportunity_id = s.opportunity_id
    where d.snapshot_date >= :window_start and d.snapshot_date < :window_end
    group by d.tenant_id, d.snapshot_date, q.place, d.owner_id, s.segment, d.forecast_category
),

won_deals as (
    select
        c.tenant_id,
        c.snapshot_date,
        w.place,
        c.rep_id,
        nullif(c.account_segment, 'none') as segment,
        'Closed Won' as line,
        w.deals_count,
        w.without_amount_count,
        0 as unjudged_count,
        0 as health_total,
        w.amount,
        w.amount as weighted_amount
    from staging.rep_closings as c
    cross join
        lateral (
            values
            (1, c.quarter_won_count, c.quarter_won_without_amount_count, c.quarter_won_amount),
            (2, c.next_quarter_won_count, c.next_quarter_won_without_amount_count, c.next_quarter_won_amount)
        ) as w (place, deals_count, without_amount_count, amount)
    where c.snapshot_date >= :window_start and c.snapshot_date < :window_end and (w.deals_count > 0 or w.amount <> 0)
),

deals as (
    select * from open_deals
    union all
    select * from won_deals
),

-- Who sells to which segment: the reps to their own (a company of nobody, nobody), deals add those of their accounts.
members as (
    select
        p.tenant_id,
        p.snapshot_date,
        p.rep_id,
        p.segment
    from staging.rep_days as p
    where
        p.snapshot_date >= :window_start and p.snapshot_date < :window_end
        and (
            p.is_active
            or p.rep_id = '-1' and not exists (
                select
                from staging.rep_days as o
                where o.tenant_id = p.tenant_id and o.snapshot_date = p.snapshot_date and o.is_active
            )
        )
    union
    select
        d.tenant_id,
        d.snapshot_date,
        d.rep_id,
        d.segment
    from deals as d
),

-- Every group that has somebody in it has all lines.
grid as (
    select
        m.tenant_id,
        m.snapshot_date,
        q.place,
        m.rep_id,
        m.segment,
        l.line,
        0 as deals_count,
        0 as without_amount_count,
        0 as unjudged_count,
        0 as health_total,
        0 as amount,
        0 as weighted_amount
    from members as m
    cross join (values (1), (2)) as q (place)
    cross join (values ('Closed Won'), ('Commit'), ('Best Case'), ('Pipeline')) as l (line)
),

summed as (
    select
        d.tenant_id,
        d.snapshot_date,
        d.place,
        d.line,
        ops.or_all(grouping(p.team_id), p.team_id) as team_id,
        ops.or_all(grouping(p.team_id), max(p.team_name)) as team_name,
        ops.or_all(grouping(coalesce(d.segment, p.segment)), coalesce(d.segment, p.segment)) as segment,
        ops.or_all(grouping(p.region), p.region) as region,
        sum(d.deals_count) as deals_count,
        sum(d.without_amount_count) as without_amount_count,
        sum(d.unjudged_count) as unjudged_count,
        sum(d.health_total) as health_total,
        coalesce(sum(d.amount), 0) as amount,
        round(coalesce(sum(d.weighted_amount), 0), 2) as weighted_amount
    from (
        select * from deals
        union all
        select * from grid
    ) as d
    inner join staging.rep_days as p
        on d.tenant_id = p.tenant_id and d.snapshot_date = p.snapshot_date and d.rep_id = p.rep_id
    group by
        d.tenant_id, d.snapshot_date, d.place, d.line,
        cube (p.team_id, coalesce(d.segment, p.segment), p.region)
)

select
    s.tenant_id,
    s.snapshot_date,
    q.quarter,
    s.team_id,
    s.team_name,
    s.segment,
    s.region,
    s.line,
    q.quarter_start,
    q.quarter_end,
    s.deals_count,
    s.without_amount_count,
    s.unjudged_count,
    s.health_total,
    case when q.has_money then s.amount end as amount,
    case when q.has_money then s.weighted_amount end as weighted_amount
from summed as s
inner join quarters as q on s.tenant_id = q.tenant_id and s.snapshot_date = q.day and s.place = q.place
