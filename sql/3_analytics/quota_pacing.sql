-- Whether each rep, team and the company are on pace for the quarter's quota, at the end of every day: what was won
-- beside what had been won by the same day of the company's last four quarters, as a share of what those won in all.
-- Quarters that began before the company's history count for nothing. Reps with a quota or a deal won in the quarter.
--
-- Grain: tenant, day and rep; one for each team (rep_id All) and one for the company (team_id All).
-- Key: tenant_id, snapshot_date, team_id, rep_id
-- Preview: d.quarter_quota desc nulls last
-- Columns:
--   tenant_id text not null: company the row belongs to
--   snapshot_date date not null: the business day
--   team_id text not null: All, a manager's id, none or -1
--   rep_id text not null: All, or the rep; -1 for deals of nobody
--   team_name text not null: All, or the manager's name
--   rep_name text not null: All, or the rep's name
--   quarter text not null: the quarter
--   quarter_quota numeric(16, 2): what is to be sold in it: the company's target, of teams their reps' quotas; null
--       without one
--   won_count bigint not null, at least 0: won deals with a close date in the quarter
--   won_without_amount_count bigint not null, at least 0: those of them without an amount
--   won_amount numeric(16, 2): what was won; null as long as the source has told no amounts
--   attainment_pct numeric(16, 4): won_amount / quarter_quota
--   passed_pct numeric(5, 4) not null: share of the quarter's days that have passed
--   past_quarters_count int not null, 0 to 4: quarters that the expected share is from
--   expected_pct numeric(5, 4): share that had been won by the same day of those, their mean; null with fewer than two
--   expected_amount numeric(16, 2): that share of the quota
--   ahead_amount numeric(16, 2): won_amount less expected_amount; below 0 where it is behind
--   remaining_amount numeric(16, 2): what of the quota is yet to be won; 0 once it is met
--   needed_per_week_amount numeric(16, 2): the same by weeks that remain, at least one; null on the quarter's last day
with past_quarters as (
    select
        r.tenant_id,
        r.day,
        p.quarter_start,
        p.quarter_end,
        ops.same_day(r.day, r.quarter_start, n.quarters) as same_day
    from pg_temp.run_days as r
    cross join lateral generate_series(1, 4) as n (quarters)
    cross join
        lateral (
            select
                (r.quarter_start - make_interval(months => 3 * n.quarters))::date as quarter_start,
                (r.quarter_start - make_interval(months => 3 * (n.quarters - 1)))::date - 1 as quarter_end
        ) as p
    inner join staging.source_coverage as h
        on r.tenant_id = h.tenant_id and h.matter = 'deals' and p.quarter_start >= h.since_date
),

won_deals as (
    select
        i.tenant_id,
        q.quarter_start,
        i.d_from,
        i.d_to,
        i.amount
    from staging.deal_intervals as i
    inner join ops.calendar as q
        on coalesce(i.close_date, (i.closed_at at time zone (select ops.timezone()))::date) = q.day
    where
        i.status = 'won' and i.amount is not null and i.d_from < :window_end
        and q.quarter_start >= (select min(p.quarter_start) from past_quarters as p)
),

bookings as (
    select
        p.tenant_id,
        p.day,
        p.quarter_start,
        sum(w.amount) filter (where w.d_from <= p.same_day and w.d_to > p.same_day) as booked_amount,
        sum(w.amount) filter (where w.d_from <= p.quarter_end and w.d_to > p.quarter_end) as final_amount
    from past_quarters as p
    inner join won_deals as w on p.tenant_id = w.tenant_id and p.quarter_start = w.quarter_start
    group by p.tenant_id, p.day, p.quarter_start
),

paces as (
    select
        b.tenant_id,
        b.day,
        count(s.booked_share) as past_quarters_count,
        case when count(s.booked_share) > 1 then round(avg(s.booked_share), 4) end as expected_pct
    from bookings as b
    cross join
        lateral (
            select
                case
                    when b.final_amount > 0 then ops.share(coalesce(b.booked_amount, 0) / b.final_amount)
                end as booked_share
        ) as s
    group by b.tenant_id, b.day
),

results as (
    select
        tenant_id,
        snapshot_date,
        rep_id,
        sum(quarter_won_count) as won_count,
        sum(quarter_won_without_amount_count) as won_without_amount_count,
        sum(quarter_won_amount) as won_amount
    from staging.rep_closings
    where snapshot_date >= :window_start and snapshot_date < :window_end
    group by tenant_id, snapshot_date, rep_id
    having sum(quarter_won_count) > 0 or sum(quarter_won_amount) <> 0
),

reps as (
    select
        p.tenant_id,
        p.snapshot_date as day,
        p.team_id,
        p.team_name,
        p.rep_id,
        p.rep_name,
        q.quarter_target,
        w.won_count,
        w.won_without_amount_count,
        w.won_amount
    from staging.rep_days as p
    left join staging.quota_days as q
        on p.tenant_id = q.tenant_id and p.snapshot_date = q.snapshot_date and p.rep_id = q.rep_id
    left join results as w
        on p.tenant_id = w.tenant_id and p.snapshot_date = w.snapshot_date and p.rep_id = w.rep_id
    where
        p.snapshot_date >= :window_start and p.snapshot_date < :window_end
        and (q.quarter_target is not null or w.rep_id is not null)
    union all
    select
        r.tenant_id,
        r.day,
        null as team_id,
        null as team_name,
        null as rep_id,
        null as rep_name,
        null as quarter_target,
        0 as won_count,
        0 as won_without_amount_count,
        0 as won_amount
    from pg_temp.run_days as r
),

summed as (
    select
        tenant_id,
        day,
        ops.or_all(grouping(team_id), team_id) as team_id,
        ops.or_all(grouping(rep_id), rep_id) as rep_id,
        ops.or_all(grouping(team_id), max(team_name)) as team_name,
        ops.or_all(grouping(rep_id), max(rep_name)) as rep_name,
        sum(quarter_target) as quarter_target,
        coalesce(sum(won_count), 0) as won_count,
        coalesce(sum(won_without_amount_count), 0) as won_without_amount_count,
        coalesce(sum(won_amount), 0) as won_amount
    from reps
    group by tenant_id, day, grouping sets ((team_id, rep_id), (team_id), ())
    having grouping(team_id) = 1 or team_id is not null
),

judged as (
    select
        s.*,
        r.quarter,
        r.quarter_end - r.day as days_left,
        (r.day - r.quarter_start + 1)::numeric / (r.quarter_end - r.quarter_start + 1) as passed_pct,
        case when s.team_id = 'All' then c.quarter_target else s.quarter_target end as quarter_quota,
        case when t.amount_since <= s.day then s.won_amount end as told_amount,
        coalesce(e.past_quarters_count, 0) as past_quarters_count,
        e.expected_pct
    from summed as s
    inner join pg_temp.run_days as r on s.tenant_id = r.tenant_id and s.day = r.day
    left join staging.quota_days as c
        on s.tenant_id = c.tenant_id and s.day = c.snapshot_date and c.rep_id = 'All'
    left join paces as e on s.tenant_id = e.tenant_id and s.day = e.day
    left join staging.coverage_dates as t on s.tenant_id = t.tenant_id
)

select
    tenant_id,
    day as snapshot_date,
    team_id,
    rep_id,
    team_name,
    rep_name,
    quarter,
    quarter_quota,
    won_count,
    won_without_amount_count,
    told_amount as won_amount,
    round(told_amount / nullif(quarter_quota, 0), 4) as attainment_pct,
    round(passed_pct, 4) as passed_pct,
    past_quarters_count,
    expected_pct,
    round(quarter_quota * expected_pct, 2) as expected_amount,
    told_amount - round(quarter_quota * expected_pct, 2) as ahead_amount,
    case
        when quarter_quota is not null and told_amount is not null then greatest(quarter_quota - told_amount, 0)
    end as remaining_amount,
    case
        when days_left > 0 and quarter_quota is not null and told_amount is not null
            then round(greatest(quarter_quota - told_amount, 0) / greatest(days_left / 7.0, 1), 2)
    end as needed_per_week_amount
from judged
