-- What each rep had won and lost, as of the end of every day, in the periods that figures are about. A deal is
-- credited to whoever owned it at the end of the day on which it was closed, and counts on its close date as known on
-- the day (without one: on the day it was closed). Where the CRM splits it (staging.deal_credits), the money of a
-- quarter and of the year is that of the shares; the deal itself, and what is averaged over deals, stays with its
-- owner.
--
-- Window: 365 days
-- Grain: tenant, day, rep and account segment with a deal closed in any of the periods.
-- Key: tenant_id, snapshot_date, rep_id, account_segment
-- Columns:
--   tenant_id text not null: company the row belongs to
--   snapshot_date date not null: the business day
--   rep_id text not null: the rep; -1 for deals of nobody
--   account_segment text not null: the segment of the deals' accounts on the day; none if nobody said
--   won_today_count bigint not null: deals won on this day, by the business date of the change, and won still at its
--       end
--   lost_today_count bigint not null: the same for lost
--   quarter_won_count bigint not null: won deals with a close date in the day's quarter
--   quarter_won_without_amount_count bigint not null: those of them without an amount
--   quarter_won_amount numeric(16, 2) not null: what the others are worth
--   next_quarter_won_count bigint not null: won deals with a close date in the quarter after it
--   next_quarter_won_without_amount_count bigint not null: those of them without an amount
--   next_quarter_won_amount numeric(16, 2) not null: what the others are worth
--   year_won_amount numeric(16, 2) not null: what was won in the fiscal year up to this day
--   won_count bigint not null: won deals with a close date in the :window up to this one
--   lost_count bigint not null: lost deals, likewise
--   won_with_amount_count bigint not null: won deals that have an amount, likewise
--   won_amount numeric(16, 2) not null: what those are worth
--   lost_amount numeric(16, 2) not null: what the lost deals were worth
--   won_cycle_days numeric(16, 6) not null: elapsed days from creation to winning, summed over won_count
with closings as (
    select
        i.tenant_id,
        coalesce(i.credited_owner_id, '-1') as rep_id,
        i.status,
        i.amount,
        i.opportunity_id,
        coalesce(a.segment, 'none') as account_segment,
        greatest(i.d_from, coalesce(a.d_from, '-infinity')) as d_from,
        least(i.d_to, coalesce(a.d_to, 'infinity')) as d_to,
        (i.closed_at at time zone (select ops.timezone()))::date as closed_day,
        coalesce(i.close_date, (i.closed_at at time zone (select ops.timezone()))::date) as closed_on,
        extract(epoch from i.closed_at - i.opened_at) / 86400 as cycle_days
    from staging.deal_intervals as i
    left join staging.accounts as a
        on
            i.tenant_id = a.tenant_id and i.account_id = a.account_id
            and greatest(i.d_from, a.d_from) < least(i.d_to, a.d_to)
    where i.status in ('won', 'lost') and i.d_from < :window_end and i.d_to > :window_start
),

dated as (
    select
        c.*,
        q.quarter_start,
        q.quarter_end,
        q.fiscal_year_start,
        (q.quarter_start - interval '3 months')::date as previous_quarter_start
    from closings as c
    inner join ops.calendar as q on c.closed_on = q.day
),

-- From which day on, and before which, a closing counts for what.
spans as (
    select
        d.tenant_id,
        d.opportunity_id,
        d.rep_id,
        d.account_segment,
        d.status,
        d.amount,
        d.cycle_days,
        s.kind,
        greatest(d.d_from, s.from_day, :window_start) as from_day,
        least(d.d_to, s.to_day, :window_end) as to_day
    from dated as d
    cross join
        lateral (
            values
            ('day', d.closed_day, d.closed_day + 1),
            ('quarter', d.quarter_start, d.quarter_end + 1),
            ('next quarter', d.previous_quarter_start, d.quarter_start),
            ('year', d.closed_on, (d.fiscal_year_start + interval '1 year')::date),
            ('recent', d.closed_on, d.closed_on + :window_days)
        ) as s (kind, from_day, to_day)
    where greatest(d.d_from, s.from_day, :window_start) < least(d.d_to, s.to_day, :window_end)
),

credits as (
    select
        s.*,
        greatest(s.from_day, c.d_from) as credit_from,
        least(s.to_day, c.d_to) as credit_to,
        c.rep_id as credited_rep_id,
        round(s.amount * c.share_to, 2) - round(s.amount * c.share_from, 2) as booked_amount
    from spans as s
    inner join (
        select
            tenant_id,
            opportunity_id,
            rep_id,
            share_from,
            share_to,
            (valid_from at time zone (select ops.timezone()))::date as d_from,
            (valid_to at time zone (select ops.timezone()))::date as d_to
        from staging.deal_credits
    ) as c
        on
            s.tenant_id = c.tenant_id and s.opportunity_id = c.opportunity_id
            and greatest(s.from_day, c.d_from) < least(s.to_day, c.d_to)
    where s.kind in ('quarter', 'next quarter', 'year')
),

-- The deal with its owner; what others are credited with of it, and the owner is not.
parts as (
    select
        tenant_id,
        rep_id,
        account_segment,
        status,
        kind,
        from_day,
        to_day,
        1 as deals,
        amount,
        amount as booked_amount,
        cycle_days
    from spans
    union all
    select
        c.tenant_id,
        p.rep_id,
        c.account_segment,
        c.status,
        c.kind,
        c.credit_from as from_day,
        c.credit_to as to_day,
        0 as deals,
        null as amount,
        p.booked_amount,
        null as cycle_days
    from credits as c
    cross join
        lateral (
            values (c.credited_rep_id, c.booked_amount), (c.rep_id, -c.booked_amount)
        ) as p (rep_id, booked_amount)
),

steps as (
    select
        s.tenant_id,
        s.rep_id,
        s.account_segment,
        t.day,
        s.status,
        s.kind,
        t.sign * s.deals as sign,
        s.deals = 1 and s.amount is null as is_bare,
        s.deals = 1 and s.amount is not null as is_priced,
        t.sign * s.amount as amount,
        t.sign * s.booked_amount as booked_amount,
        t.sign * s.cycle_days as cycle_days
    from parts as s
    cross join lateral (values (s.from_day, 1), (s.to_day, -1)) as t (day, sign)
),

changes as (
    select
        tenant_id,
        rep_id,
        account_segment,
        day,
        sum(sign) filter (where kind = 'day' and status = 'won') as won_today_count,
        sum(sign) filter (where kind = 'day' and status = 'lost') as lost_today_count,
        sum(sign) filter (where kind = 'quarter' and status = 'won') as quarter_won_count,
        sum(sign) filter (where kind = 'quarter' and status = 'won' and is_bare) as quarter_won_bare_count,
        sum(booked_amount) filter (where kind = 'quarter' and status = 'won') as quarter_won_amount,
        sum(sign) filter (where kind = 'next quarter' and status = 'won') as next_quarter_won_count,
        sum(sign) filter (where kind = 'next quarter' and status = 'won' and is_bare) as next_quarter_bare_count,
        sum(booked_amount) filter (where kind = 'next quarter' and status = 'won') as next_quarter_won_amount,
        sum(booked_amount) filter (where kind = 'year' and status = 'won') as year_won_amount,
        sum(sign) filter (where kind = 'recent' and status = 'won') as won_count,
        sum(sign) filter (where kind = 'recent' and status = 'lost') as lost_count,
        sum(sign) filter (where kind = 'recent' and status = 'won' and is_priced) as won_with_amount_count,
        sum(amount) filter (where kind = 'recent' and status = 'won') as won_amount,
        sum(amount) filter (where kind = 'recent' and status = 'lost') as lost_amount,
        sum(cycle_days) filter (where kind = 'recent' and status = 'won') as won_cycle_days
    from steps
    group by tenant_id, rep_id, account_segment, day
),

grid as (
    select
        p.tenant_id,
        p.rep_id,
        p.account_segment,
        cast(:window_start as date) + n.days as day
    from (select distinct
        c.tenant_id,
        c.rep_id,
        c.account_segment
    from changes as c) as p
    cross join lateral generate_series(0, cast(:window_end as date) - cast(:window_start as date) - 1) as n (days)
),

running as (
    select
        g.tenant_id,
        g.day as snapshot_date,
        g.rep_id,
        g.account_segment,
        coalesce(sum(c.won_today_count) over so_far, 0) as won_today_count,
        coalesce(sum(c.lost_today_count) over so_far, 0) as lost_today_count,
        coalesce(sum(c.quarter_won_count) over so_far, 0) as quarter_won_count,
        coalesce(sum(c.quarter_won_bare_count) over so_far, 0) as quarter_won_without_amount_count,
        coalesce(sum(c.quarter_won_amount) over so_far, 0) as quarter_won_amount,
        coalesce(sum(c.next_quarter_won_count) over so_far, 0) as next_quarter_won_count,
        coalesce(sum(c.next_quarter_bare_count) over so_far, 0) as next_quarter_won_without_amount_count,
        coalesce(sum(c.next_quarter_won_amount) over so_far, 0) as next_quarter_won_amount,
        coalesce(sum(c.year_won_amount) over so_far, 0) as year_won_amount,
        coalesce(sum(c.won_count) over so_far, 0) as won_count,
        coalesce(sum(c.lost_count) over so_far, 0) as lost_count,
        coalesce(sum(c.won_with_amount_count) over so_far, 0) as won_with_amount_count,
        coalesce(sum(c.won_amount) over so_far, 0) as won_amount,
        coalesce(sum(c.lost_amount) over so_far, 0) as lost_amount,
        round(coalesce(sum(c.won_cycle_days) over so_far, 0), 6) as won_cycle_days
    from grid as g
    left join changes as c
        on
            g.tenant_id = c.tenant_id and g.rep_id = c.rep_id and g.account_segment = c.account_segment
            and g.day = c.day
    window so_far as (partition by g.tenant_id, g.rep_id, g.account_segment order by g.day)
)

select *
from running
where
    won_today_count + lost_today_count + quarter_won_count + next_quarter_won_count + won_count + lost_count > 0
    or year_won_amount <> 0 or quarter_won_amount <> 0 or next_quarter_won_amount <> 0
