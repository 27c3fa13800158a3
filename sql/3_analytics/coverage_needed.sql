-- How much open pipeline the day's quarter and the next need, at the end of every day, by what the company's pipeline
-- has yielded: of what was open and due in a quarter on the same day of the last four quarters, which share was won by
-- that quarter's end. (For the next quarter: on the same day of the quarter before it.) All of what is left to win is
-- held against the open deals: those that are yet to be created or pulled in count for nothing. Omitted deals do not
-- count, nor do quarters on whose day the company's history had not begun. Of reps, teams and the company; the yield is
-- the company's.
--
-- Grain: tenant, day, quarter and rep; one for each team (rep_id All) and one for the company (team_id All).
-- Key: tenant_id, snapshot_date, quarter, team_id, rep_id
-- Preview: d.quarter_quota desc nulls last
-- Columns:
--   tenant_id text not null: company the row belongs to
--   snapshot_date date not null: the business day
--   quarter text not null: the quarter that deals are due in: the day's or the next
--   team_id text not null: All, a manager's id, none or -1
--   rep_id text not null: All, or the rep; -1 for deals of nobody
--   team_name text not null: All, or the manager's name
--   rep_name text not null: All, or the rep's name
--   quarter_quota numeric(16, 2): what is to be sold in it: the company's target, of teams their reps' quotas; null
--       without one
--   won_amount numeric(16, 2): what was won with a close date in it; null as long as the source has told no amounts or
--       no close dates
--   remaining_amount numeric(16, 2): what of the quota is yet to be won; 0 once it is met
--   open_count bigint not null, at least 0: open deals due in it
--   open_without_amount_count bigint not null, at least 0: those of them without an amount
--   open_amount numeric(16, 2): what the others are worth; null as won_amount is
--   past_quarters_count int not null, 0 to 4: quarters that had such pipeline on that day
--   past_open_amount numeric(16, 2): what was open in them on that day, summed
--   past_won_amount numeric(16, 2): what of that was won by each quarter's end, at the amount of that day
--   yield_pct numeric(5, 4), 0 to 1: past_won_amount / past_open_amount; null with fewer than two quarters
--   coverage_needed numeric(16, 4): 1 / yield_pct: open pipeline per amount yet to be won; null where nothing was won
--   coverage_ratio numeric(16, 4): open_amount / remaining_amount; null once the quota is met
--   needed_amount numeric(16, 2): open pipeline that remaining_amount needs at that yield
--   gap_amount numeric(16, 2): open_amount less needed_amount; below 0 where pipeline is missing
with quarters as (
    select
        r.tenant_id,
        r.day,
        r.quarter_start as day_quarter_start,
        q.place,
        q.quarter,
        q.quarter_start,
        q.quarter_end
    from pg_temp.run_days as r
    inner join ops.quarters_ahead as q on r.day = q.day
),

past_quarters as (
    select
        q.tenant_id,
        q.day,
        q.place,
        p.quarter_start,
        p.quarter_end,
        p.same_day
    from quarters as q
    cross join lateral generate_series(1, 4) as n (quarters)
    cross join
        lateral (
            select
                (q.day_quarter_start - make_interval(months => 3 * n.quarters))::date as quarter_start,
                (q.day_quarter_start - make_interval(months => 3 * (n.quarters - 1)))::date - 1 as quarter_end,
                ops.same_day(q.day, q.day_quarter_start, n.quarters + q.place - 1) as same_day
        ) as p
    inner join staging.source_coverage as h
        on q.tenant_id = h.tenant_id and h.matter = 'deals' and p.same_day >= h.since_date
),

spans as (
    select
        tenant_id,
        opportunity_id,
        d_from,
        d_to,
        status,
        amount,
        close_date,
        range_agg(ops.valid_days(d_from, d_to)) filter (where status = 'won') over deal as won_days
    from staging.deal_intervals
    where
        (status = 'won' or status = 'open' and ops.forecast_category(forecast_category) <> 'Omitted')
        and d_from < :window_end
        and d_to > (select min(p.same_day) from past_quarters as p)
    window deal as (partition by tenant_id, opportunity_id)
),

-- Deals open and due in a quarter, with what had become of them by its end.
due_deals as (
    select
        o.tenant_id,
        q.quarter_start,
        o.d_from,
        o.d_to,
        o.amount,
        case when o.won_days @> q.quarter_end then o.amount else 0 end as won_amount
    from spans as o
    inner join ops.calendar as q on o.close_date = q.day
    where o.status = 'open' and o.amount is not null and q.quarter_end < :window_end
),

past_pipelines as (
    select
        p.tenant_id,
        p.day,
        p.place,
        p.quarter_start,
        sum(d.amount) as open_amount,
        sum(d.won_amount) as won_amount
    from past_quarters as p
    inner join due_deals as d
        on
            p.tenant_id = d.tenant_id and p.quarter_start = d.quarter_start
            and p.same_day >= d.d_from and p.same_day < d.d_to
    group by p.tenant_id, p.day, p.place, p.quarter_start
),

yields as (
    select
        tenant_id,
        day,
        place,
        count(*) as past_quarters_count,
        sum(open_amount) as past_open_amount,
        sum(won_amount) as past_won_amount,
        case
            when count(*) > 1 and sum(open_amount) > 0 then ops.share(sum(won_amount) / sum(open_amount))
        end as yield_pct
    from past_pipelines
    group by tenant_id, day, place
),

open_deals as (
    select
        q.tenant_id,
        q.day,
        q.place,
        d.owner_id as rep_id,
        null::numeric as quota,
        0 as won_amount,
        count(*) as open_count,
        count(*) filter (where d.amount is null) as open_without_amount_count,
        sum(d.amount) as open_amount
    from quarters as q
    inner join staging.deal_days as d
        on
            q.tenant_id = d.tenant_id and q.day = d.snapshot_date
            and q.quarter_start <= d.close_date and q.quarter_end >= d.close_date
    where
        d.snapshot_date >= :window_start and d.snapshot_date < :window_end
        and d.forecast_category <> 'Omitted'
    group by q.tenant_id, q.day, q.place, d.owner_id
),

results as (
    select
        c.tenant_id,
        c.snapshot_date as day,
        w.place,
        c.rep_id,
        null::numeric as quota,
        sum(w.amount) as won_amount,
        0 as open_count,
        0 as open_without_amount_count,
        0 as open_amount
    from staging.rep_closings as c
    cross join
        lateral (
            values
            (1, c.quarter_won_count, c.quarter_won_amount), (2, c.next_quarter_won_count, c.next_quarter_won_amount)
        ) as w (place, deals_count, amount)
    where c.snapshot_date >= :window_start and c.snapshot_date < :window_end and (w.deals_count > 0 or w.amount <> 0)
    group by c.tenant_id, c.snapshot_date, w.place, c.rep_id
),

quotas as (
    select
        q.tenant_id,
        q.snapshot_date as day,
        w.place,
        q.rep_id,
        w.quota,
        0 as won_amount,
        0 as open_count,
        0 as open_without_amount_count,
        0 as open_amount
    from staging.quota_days as q
    cross join lateral (values (1, q.quarter_target), (2, q.next_quarter_target)) as w (place, quota)
    where q.snapshot_date >= :window_start and q.snapshot_date < :window_end and w.quota is not null
),

-- The company's own quota is no rep's; a quarter of which nothing is known has the company's row.
parts as (
    select
        d.*,
        p.team_id,
        p.team_name,
        p.rep_name
    from (
        select * from open_deals
        union all
        select * from results
        union all
        select * from quotas
    ) as d
    inner join staging.rep_days as p
        on d.tenant_id = p.tenant_id and d.day = p.snapshot_date and d.rep_id = p.rep_id
    union all
    select
        tenant_id,
        day,
        place,
        null as rep_id,
        null as quota,
        0 as won_amount,
        0 as open_count,
        0 as open_without_amount_count,
        0 as open_amount,
        null as team_id,
        null as team_name,
        null as rep_name
    from quarters
),

summed as (
    select
        tenant_id,
        day,
        place,
        ops.or_all(grouping(team_id), team_id) as team_id,
        ops.or_all(grouping(rep_id), rep_id) as rep_id,
        ops.or_all(grouping(team_id), max(team_name)) as team_name,
        ops.or_all(grouping(rep_id), max(rep_name)) as rep_name,
        sum(quota) as quota,
        coalesce(sum(won_amount), 0) as won_amount,
        sum(open_count) as open_count,
        sum(open_without_amount_count) as open_without_amount_count,
        coalesce(sum(open_amount), 0) as open_amount
    from parts
    group by tenant_id, day, place, grouping sets ((team_id, rep_id), (team_id), ())
    having grouping(team_id) = 1 or team_id is not null
),

judged as (
    select
        s.*,
        q.quarter,
        coalesce(t.money_since <= s.day, false) as has_money,
        case when s.team_id = 'All' then c.quota else s.quota end as quarter_quota,
        y.past_quarters_count,
        y.past_open_amount,
        y.past_won_amount,
        y.yield_pct
    from summed as s
    inner join quarters as q on s.tenant_id = q.tenant_id and s.day = q.day and s.place = q.place
    left join quotas as c on s.tenant_id = c.tenant_id and s.day = c.day and s.place = c.place and c.rep_id = 'All'
    left join yields as y on s.tenant_id = y.tenant_id and s.day = y.day and s.place = y.place
    left join staging.coverage_dates as t on s.tenant_id = t.tenant_id
),

measured as (
    select
        *,
        case when has_money then won_amount end as told_amount,
        case when has_money and quarter_quota is not null then greatest(quarter_quota - won_amount, 0) end
            as remaining_amount,
        case when has_money then open_amount end as told_open_amount,
        case
            when has_money and quarter_quota is not null
                then round(greatest(quarter_quota - won_amount, 0) / nullif(yield_pct, 0), 2)
        end as needed_amount
    from judged
)

select
    tenant_id,
    day as snapshot_date,
    quarter,
    team_id,
    rep_id,
    team_name,
    rep_name,
    quarter_quota,
    told_amount as won_amount,
    remaining_amount,
    open_count,
    open_without_amount_count,
    told_open_amount as open_amount,
    coalesce(past_quarters_count, 0) as past_quarters_count,
    past_open_amount,
    past_won_amount,
    yield_pct,
    round(1 / nullif(yield_pct, 0), 4) as coverage_needed,
    case
        when remaining_amount > 0 and told_open_amount >= 0 then round(told_open_amount / remaining_amount, 4)
    end as coverage_ratio,
    needed_amount,
    told_open_amount - needed_amount as gap_amount
from measured
