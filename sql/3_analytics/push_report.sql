-- What became of the deals of a quarter, by how often their close date had been moved out before: the deals that were
-- due in the day's quarter at its beginning or were created due in it, how many have slipped so far, and how those of
-- the last four quarters fared. Pushes are counted at the quarter's beginning (of a deal created in it: on the day of
-- its creation), as later ones are what slipping is; likewise owner and amount.
--
-- Grain: tenant, day, rep with such deals and number of pushes; All of each, and teams (rep_id All).
-- Key: tenant_id, snapshot_date, team_id, rep_id, pushes
-- Preview: d.past_deals_count desc
-- Columns:
--   tenant_id text not null: company the row belongs to
--   snapshot_date date not null: the business day
--   team_id text not null: All, a manager's id, none or -1
--   rep_id text not null: All, or who owned the deals; -1 for nobody
--   pushes text not null, one of All, 0, 1, 2, 3+: how many times the close date had been moved out; 3+ is 3 or more
--   team_name text not null: All, or the manager's name
--   rep_name text not null: All, or the rep's name
--   deals_count bigint not null, at least 0: deals due in the day's quarter at its beginning, or created due in it
--   without_amount_count bigint not null, at least 0: those of them without an amount
--   amount numeric(16, 2): what the others were worth then; null if nobody said of any
--   won_count bigint not null, at least 0: those of them that are won at the day's end
--   lost_count bigint not null, at least 0: those that are lost
--   slipped_count bigint not null, at least 0: those that are open, with a close date after the quarter
--   due_count bigint not null, at least 0: those that are open still, with none after it
--   gone_count bigint not null, at least 0: those that have been deleted or merged
--   slipped_amount numeric(16, 2): what the slipped ones were worth at the quarter's beginning
--   slipped_pct numeric(5, 4), 0 to 1: slipped_amount / amount
--   past_deals_count bigint not null, at least 0: the same deals of the last four quarters
--   past_amount numeric(16, 2): what they were worth then
--   past_won_count bigint not null, at least 0: those of them that were won at their quarter's end
--   past_won_later_count bigint not null, at least 0: others that are won by the day
--   past_lost_count bigint not null, at least 0: others that are lost
--   past_open_count bigint not null, at least 0: others that are open
--   past_gone_count bigint not null, at least 0: others that have been deleted or merged
--   past_win_rate numeric(5, 4), 0 to 1: won in their quarter, of those that have not been deleted or merged
-- Rules:
--   deals_count is not what became of the deals unless won_count + lost_count + slipped_count + due_count + gone_count
--       = deals_count
--   past_deals_count is not what became of the deals unless past_won_count + past_won_later_count + past_lost_count +
--       past_open_count + past_gone_count = past_deals_count
with quarters as (
    select
        r.tenant_id,
        r.day,
        r.quarter_end,
        n.quarters = 0 as is_running,
        (r.quarter_start - make_interval(months => 3 * n.quarters))::date as quarter_start
    from pg_temp.run_days as r
    cross join lateral generate_series(0, 4) as n (quarters)
),

spans as (
    select
        tenant_id,
        opportunity_id,
        d_from,
        d_to,
        status,
        coalesce(owner_id, '-1') as rep_id,
        amount,
        pushes_count,
        close_date,
        coalesce(close_date, (closed_at at time zone (select ops.timezone()))::date) as due_on,
        (opened_at at time zone (select ops.timezone()))::date as opened_on,
        range_agg(ops.valid_days(d_from, d_to)) filter (where status = 'won') over deal as won_days
    from staging.deal_intervals
    where d_from < :window_end and d_to >= (select min(q.quarter_start) from quarters as q)
    window deal as (partition by tenant_id, opportunity_id)
),

due_deals as (
    select
        s.tenant_id,
        s.opportunity_id,
        q.quarter_start,
        s.rep_id,
        s.amount,
        case when s.pushes_count < 3 then s.pushes_count::text else '3+' end as pushes,
        greatest(s.opened_on, q.quarter_start) as due_since,
        coalesce(s.won_days @> q.quarter_end, false) as is_won_in_quarter
    from spans as s
    inner join ops.calendar as q on s.due_on = q.day
    where
        s.status = 'open' and s.d_from < q.quarter_start and s.d_to >= q.quarter_start
        or s.d_from = s.opened_on and s.d_from >= q.quarter_start and s.d_from <= q.quarter_end
),

outcomes as (
    select
        q.tenant_id,
        q.day,
        q.is_running,
        d.rep_id,
        d.pushes,
        d.amount,
        case
            when not q.is_running and d.is_won_in_quarter then 'won in quarter'
            when n.status = 'open' and q.is_running and n.close_date > q.quarter_end then 'slipped'
            else coalesce(n.status, 'gone')
        end as outcome
    from quarters as q
    inner join due_deals as d
        on q.tenant_id = d.tenant_id and q.quarter_start = d.quarter_start and q.day >= d.due_since
    left join spans as n
        on
            d.tenant_id = n.tenant_id and d.opportunity_id = n.opportunity_id
            and q.day >= n.d_from and q.day < n.d_to
),

summed as (
    select
        o.tenant_id,
        o.day,
        ops.or_all(grouping(p.team_id), p.team_id) as team_id,
        ops.or_all(grouping(o.rep_id), o.rep_id) as rep_id,
        ops.or_all(grouping(o.pushes), o.pushes) as pushes,
        ops.or_all(grouping(p.team_id), max(p.team_name)) as team_name,
        ops.or_all(grouping(o.rep_id), max(p.rep_name)) as rep_name,
        count(*) filter (where o.is_running) as deals_count,
        count(*) filter (where o.is_running and o.amount is null) as without_amount_count,
        sum(o.amount) filter (where o.is_running) as amount,
        count(*) filter (where o.is_running and o.outcome = 'won') as won_count,
        count(*) filter (where o.is_running and o.outcome = 'lost') as lost_count,
        count(*) filter (where o.is_running and o.outcome = 'slipped') as slipped_count,
        count(*) filter (where o.is_running and o.outcome = 'open') as due_count,
        count(*) filter (where o.is_running and o.outcome = 'gone') as gone_count,
        sum(case when o.outcome = 'slipped' then o.amount when o.amount is not null then 0 end)
        filter (where o.is_running) as slipped_amount,
        count(*) filter (where not o.is_running) as past_deals_count,
        sum(o.amount) filter (where not o.is_running) as past_amount,
        count(*) filter (where not o.is_running and o.outcome = 'won in quarter') as past_won_count,
        count(*) filter (where not o.is_running and o.outcome = 'won') as past_won_later_count,
        count(*) filter (where not o.is_running and o.outcome = 'lost') as past_lost_count,
        count(*) filter (where not o.is_running and o.outcome = 'open') as past_open_count,
        count(*) filter (where not o.is_running and o.outcome = 'gone') as past_gone_count
    from outcomes as o
    inner join staging.rep_days as p
        on o.tenant_id = p.tenant_id and o.day = p.snapshot_date and o.rep_id = p.rep_id
    group by
        o.tenant_id, o.day,
        grouping sets ((p.team_id, o.rep_id), (p.team_id), ()),
        grouping sets ((o.pushes), ())
)

select
    tenant_id,
    day as snapshot_date,
    team_id,
    rep_id,
    pushes,
    team_name,
    rep_name,
    deals_count,
    without_amount_count,
    amount,
    won_count,
    lost_count,
    slipped_count,
    due_count,
    gone_count,
    slipped_amount,
    ops.share(slipped_amount / nullif(amount, 0)) as slipped_pct,
    past_deals_count,
    past_amount,
    past_won_count,
    past_won_later_count,
    past_lost_count,
    past_open_count,
    past_gone_count,
    ops.share(past_won_count::numeric / nullif(past_deals_count - past_gone_count, 0)) as past_win_rate
from summed
