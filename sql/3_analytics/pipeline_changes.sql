-- The waterfall: how the open pipeline of the day's quarter, and of the next, came from what it was at the end of the
-- week before to what it is at the end of the day, for the company and each team. Opening and closing are counted from
-- the deals as they stood, the changes from every move in between: they meet exactly, in money and in deals. A deal
-- without an amount counts as a deal, with 0.
--
-- Grain: tenant, day, quarter and team.
-- Key: tenant_id, snapshot_date, quarter, team_id
-- Columns:
--   tenant_id text not null: company the row belongs to
--   snapshot_date date not null: the business day
--   quarter text not null: the quarter that the deals are to close in
--   team_id text not null: All, a manager's id, none or -1
--   team_name text not null: All, or the manager's name
--   week_number int not null: the day's week of its own quarter
--   week_start date not null: first day of that week
--   opening_count bigint not null: open deals at the end of the day before the week
--   created_count bigint not null: deals created
--   pulled_in_count bigint not null: deals whose close date was moved into the quarter
--   pushed_out_count bigint not null: deals whose close date was moved out of it
--   won_count bigint not null: deals won
--   lost_count bigint not null: deals lost
--   reopened_count bigint not null: closed deals opened again
--   moved_count bigint not null: deals that came from another team, less those that went to one
--   deleted_count bigint not null: deals deleted
--   merged_count bigint not null: deals merged into another
--   closing_count bigint not null: open deals at the day's end
--   opening_amount numeric(16, 2) not null: what the opening deals were worth
--   created_amount numeric(16, 2) not null: what the created deals were worth
--   pulled_in_amount numeric(16, 2) not null: what the deals pulled in were worth at that moment
--   increased_amount numeric(16, 2) not null: money added to deals
--   decreased_amount numeric(16, 2) not null: money taken from deals
--   pushed_out_amount numeric(16, 2) not null: what the deals pushed out were worth at that moment
--   won_amount numeric(16, 2) not null: what the won deals were worth
--   lost_amount numeric(16, 2) not null: what the lost deals were worth
--   reopened_amount numeric(16, 2) not null: what the reopened deals were worth
--   moved_amount numeric(16, 2) not null: what came from other teams, less what went to them
--   deleted_amount numeric(16, 2) not null: what the deleted deals were worth
--   merged_amount numeric(16, 2) not null: what the merged deals were worth
--   closing_amount numeric(16, 2) not null: what the open deals are worth
-- Rules:
--   closing_count is not what the parts add up to unless opening_count + created_count + pulled_in_count -
--       pushed_out_count - lost_count - won_count + reopened_count + moved_count - deleted_count - merged_count =
--       closing_count
--   closing_amount is not what the parts add up to unless opening_amount + created_amount + pulled_in_amount +
--       increased_amount - decreased_amount - pushed_out_amount - lost_amount - won_amount + reopened_amount +
--       moved_amount - deleted_amount - merged_amount = closing_amount
with weeks as (
    select
        r.tenant_id,
        r.day,
        r.week_of_quarter as week_number,
        ops.week_start(r.quarter_start, r.week_of_quarter) as week_start,
        q.quarter,
        q.quarter_start,
        q.quarter_end
    from pg_temp.run_days as r
    inner join ops.quarters_ahead as q on r.day = q.day
),

openings as (
    select
        w.tenant_id,
        w.day,
        w.quarter,
        d.team_id,
        count(*) as deals,
        coalesce(sum(d.amount), 0) as amount
    from weeks as w
    inner join staging.deal_days as d
        on
            w.tenant_id = d.tenant_id and d.snapshot_date = w.week_start - 1
            and w.quarter_start <= d.close_date and w.quarter_end >= d.close_date
    group by w.tenant_id, w.day, w.quarter, d.team_id
),

closings as (
    select
        w.tenant_id,
        w.day,
        w.quarter,
        d.team_id,
        count(*) as deals,
        coalesce(sum(d.amount), 0) as amount
    from weeks as w
    inner join staging.deal_days as d
        on
            w.tenant_id = d.tenant_id and w.day = d.snapshot_date
            and w.quarter_start <= d.close_date and w.quarter_end >= d.close_date
    group by w.tenant_id, w.day, w.quarter, d.team_id
),

flows as (
    select
        w.tenant_id,
        w.day,
        w.quarter,
        m.team_id,
        m.kind,
        sum(m.deals_change) as deals,
        sum(m.amount_change) as amount
    from weeks as w
    inner join staging.pipeline_moves as m
        on
            w.tenant_id = m.tenant_id and w.quarter_start = m.quarter_start
            and w.week_start <= m.day and w.day >= m.day
    group by w.tenant_id, w.day, w.quarter, m.team_id, m.kind
),

parts as (
    select
        tenant_id,
        day,
        quarter,
        team_id,
        'opening' as kind,
        deals,
        amount
    from openings
    union all
    select
        tenant_id,
        day,
        quarter,
        team_id,
        'closing' as kind,
        deals,
        amount
    from closings
    union all
    select
        tenant_id,
        day,
        quarter,
        team_id,
        kind,
        deals,
        amount
    from flows
    union all
    select
        tenant_id,
        day,
        quarter,
        null as team_id,
        'none' as kind,
        0 as deals,
        0 as amount
    from weeks
),

summed as (
    select
        tenant_id,
        day,
        quarter,
        ops.or_all(grouping(team_id), team_id) as team_id,
        coalesce(sum(deals) filter (where kind = 'opening'), 0) as opening_count,
        coalesce(sum(deals) filter (where kind = 'created'), 0) as created_count,
        coalesce(sum(deals) filter (where kind = 'pulled_in'), 0) as pulled_in_count,
        -coalesce(sum(deals) filter (where kind = 'pushed_out'), 0) as pushed_out_count,
        -coalesce(sum(deals) filter (where kind = 'won'), 0) as won_count,
        -coalesce(sum(deals) filter (where kind = 'lost'), 0) as lost_count,
        coalesce(sum(deals) filter (where kind = 'reopened'), 0) as reopened_count,
        coalesce(sum(deals) filter (where kind = 'moved'), 0) as moved_count,
        -coalesce(sum(deals) filter (where kind = 'deleted'), 0) as deleted_count,
        -coalesce(sum(deals) filter (where kind = 'merged'), 0) as merged_count,
        coalesce(sum(deals) filter (where kind = 'closing'), 0) as closing_count,
        coalesce(sum(amount) filter (where kind = 'opening'), 0) as opening_amount,
        coalesce(sum(amount) filter (where kind = 'created'), 0) as created_amount,
        coalesce(sum(amount) filter (where kind = 'pulled_in'), 0) as pulled_in_amount,
        coalesce(sum(amount) filter (where kind = 'increased'), 0) as increased_amount,
        -coalesce(sum(amount) filter (where kind = 'decreased'), 0) as decreased_amount,
        -coalesce(sum(amount) filter (where kind = 'pushed_out'), 0) as pushed_out_amount,
        -coalesce(sum(amount) filter (where kind = 'won'), 0) as won_amount,
        -coalesce(sum(amount) filter (where kind = 'lost'), 0) as lost_amount,
        coalesce(sum(amount) filter (where kind = 'reopened'), 0) as reopened_amount,
        coalesce(sum(amount) filter (where kind = 'moved'), 0) as moved_amount,
        -coalesce(sum(amount) filter (where kind = 'deleted'), 0) as deleted_amount,
        -coalesce(sum(amount) filter (where kind = 'merged'), 0) as merged_amount,
        coalesce(sum(amount) filter (where kind = 'closing'), 0) as closing_amount
    from parts
    group by tenant_id, day, quarter, grouping sets ((team_id), ())
    having grouping(team_id) = 1 or team_id is not null
),

teams as (
    select
        tenant_id,
        snapshot_date,
        team_id,
        min(team_name) as team_name
    from staging.rep_days
    where snapshot_date >= :window_start and snapshot_date < :window_end
    group by tenant_id, snapshot_date, team_id
)

select
    s.tenant_id,
    s.day as snapshot_date,
    s.quarter,
    s.team_id,
    coalesce(t.team_name, s.team_id) as team_name,
    w.week_number,
    w.week_start,
    s.opening_count,
    s.created_count,
    s.pulled_in_count,
    s.pushed_out_count,
    s.won_count,
    s.lost_count,
    s.reopened_count,
    s.moved_count,
    s.deleted_count,
    s.merged_count,
    s.closing_count,
    s.opening_amount,
    s.created_amount,
    s.pulled_in_amount,
    s.increased_amount,
    s.decreased_amount,
    s.pushed_out_amount,
    s.won_amount,
    s.lost_amount,
    s.reopened_amount,
    s.moved_amount,
    s.deleted_amount,
    s.merged_amount,
    s.closing_amount
from summed as s
inner join weeks as w on s.tenant_id = w.tenant_id and s.day = w.day and s.quarter = w.quarter
left join teams as t on s.tenant_id = t.tenant_id and s.day = t.snapshot_date and s.team_id = t.team_id
