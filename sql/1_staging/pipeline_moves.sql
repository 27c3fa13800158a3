-- Every way in which the open pipeline of a quarter (deals that are to close in it) gained or lost a deal or money, in
-- order of time. What changes at one instant counts in this order: amount, close date, owner, opening or closing. A
-- move of the close date counts at the amount of that moment; a deal without an amount counts as a deal, with 0.
--
-- Grain: tenant, deal and move; two where a move takes a deal out of one quarter or team and into another.
-- Key: tenant_id, opportunity_id, move_number
-- Index: (day)
-- Columns:
--   tenant_id text not null: company the row belongs to
--   opportunity_id text not null: the deal
--   move_number bigint not null: in order of time
--   day date not null: the business day
--   quarter_start date not null: first day of the quarter whose pipeline it is
--   team_id text not null: the team whose pipeline it is; none or -1
--   kind text not null, one of created, pulled_in, increased, decreased, pushed_out, won, lost, reopened, moved,
--       deleted, merged: created, pulled_in, increased, decreased, pushed_out, won, lost, reopened, moved (owner),
--       deleted or merged
--   deals_change int not null: deals gained, less those lost
--   amount_change numeric(18, 2) not null: money gained, less that lost
with lives as (
    select
        tenant_id,
        opportunity_id,
        (min(entered_at) at time zone (select ops.timezone()))::date as opened_on
    from staging.deal_visits
    group by tenant_id, opportunity_id
),

changes as (
    select
        e.tenant_id,
        e.opportunity_id,
        greatest((e.changed_at at time zone (select ops.timezone()))::date, l.opened_on) as day,
        e.changed_at,
        e.load_order,
        e.line_order,
        e.changes
    from staging.deal_events as e
    inner join lives as l on e.tenant_id = l.tenant_id and e.opportunity_id = l.opportunity_id
    where e.changes ?| array['status', 'amount', 'currency', 'close_date', 'owner_id'] or e.changes = '{}'
),

-- A rep who comes under another manager takes the open deals along, before anything else happens on that day.
team_changes as (
    select
        i.tenant_id,
        i.opportunity_id,
        c.day
    from staging.reps as p
    cross join lateral (select (p.valid_from at time zone (select ops.timezone()))::date as day) as c
    inner join staging.deal_intervals as i
        on p.tenant_id = i.tenant_id and p.rep_id = i.owner_id and c.day >= i.d_from and c.day < i.d_to
    where i.status = 'open' and p.valid_from > '-infinity'
),

instants as (
    select
        tenant_id,
        opportunity_id,
        day,
        changed_at,
        ops.merged(changes order by load_order, line_order) as changes
    from changes
    group by tenant_id, opportunity_id, day, changed_at
    union all
    select distinct
        tenant_id,
        opportunity_id,
        day,
        '-infinity'::timestamptz as changed_at,
        '{}'::jsonb as changes
    from team_changes
    union all
    select
        g.tenant_id,
        g.opportunity_id,
        t.day,
        t.changed_at,
        jsonb_build_object('gone_by', t.gone_by) as changes
    from staging.deal_gaps as g
    cross join
        lateral (
            values (g.gone_on, 'infinity'::timestamptz, g.gone_by), (g.back_on, '-infinity', null)
        ) as t (day, changed_at, gone_by)
    where t.day < 'infinity'
),

-- What happens to a deal on the day on which it is deleted, and while it is gone, happens to no pipeline.
shown as (
    select
        i.*,
        g.gone_on is not null as is_hidden
    from instants as i
    left join staging.deal_gaps as g
        on
            i.tenant_id = g.tenant_id and i.opportunity_id = g.opportunity_id and i.day >= g.gone_on
            and i.day < g.back_on and i.changed_at < 'infinity'
),

running as (
    select
        tenant_id,
        opportunity_id,
        day,
        is_hidden,
        row_number() over deal_in_time as instant_number,
        ops.merged(changes) over deal_in_time as state
    from shown
    window deal_in_time as (partition by tenant_id, opportunity_id order by day, changed_at)
),

states as (
    select
        s.tenant_id,
        s.opportunity_id,
        s.day,
        s.instant_number,
        coalesce(s.state ->> 'gone_by', s.state ->> 'status') as status,
        coalesce(((s.state ->> 'amount')::numeric / x.rate)::numeric(18, 2), 0) as amount,
        q.quarter_start,
        case
            when s.state ->> 'owner_id' is null then '-1' else coalesce(ops.group_key(p.manager_id), 'none')
        end as team_id
    from running as s
    cross join lateral (select (s.day + 1)::timestamp at time zone (select ops.timezone()) as ends_at) as c
    left join ops.calendar as q on (s.state ->> 'close_date')::date = q.day
    left join staging.exchange_rates as h on s.tenant_id = h.tenant_id and h.is_home
    left join staging.exchange_rates as x
        on
            s.tenant_id = x.tenant_id and upper(coalesce(s.state ->> 'currency', h.currency)) = x.currency
            and s.day >= x.valid_from and s.day < x.valid_to
    left join staging.reps as p
        on
            s.tenant_id = p.tenant_id and s.state ->> 'owner_id' = p.rep_id
            and c.ends_at > p.valid_from and c.ends_at <= p.valid_to
    where not s.is_hidden
),

steps as (
    select
        *,
        lag(status) over deal_in_time as old_status,
        lag(amount) over deal_in_time as old_amount,
        lag(quarter_start) over deal_in_time as old_quarter_start,
        lag(team_id) over deal_in_time as old_team_id
    from states
    window deal_in_time as (partition by tenant_id, opportunity_id order by instant_number)
),

moves as (
    select
        s.tenant_id,
        s.opportunity_id,
        s.instant_number,
        s.day,
        m.step,
        m.quarter_start,
        m.team_id,
        m.kind,
        m.deals_change,
        m.amount_change
    from steps as s
    cross join
        lateral (
            values
            (
                1, s.old_quarter_start, s.old_team_id,
                case when s.amount > s.old_amount then 'increased' else 'decreased' end, 0,
                s.amount - s.old_amount,
                s.old_status = 'open' and s.status in ('open', 'won', 'lost') and s.amount <> s.old_amount
            ),
            (
                2, s.old_quarter_start, s.old_team_id, 'pushed_out', -1, -s.amount,
                s.old_status = 'open' and s.status in ('open', 'won', 'lost')
                and s.quarter_start is distinct from s.old_quarter_start
            ),
            (
                3, s.quarter_start, s.old_team_id, 'pulled_in', 1, s.amount,
                s.old_status = 'open' and s.status in ('open', 'won', 'lost')
                and s.quarter_start is distinct from s.old_quarter_start
            ),
            (
                4, s.quarter_start, s.old_team_id, 'moved', -1, -s.amount,
                s.old_status = 'open' and s.status in ('open', 'won', 'lost') and s.team_id <> s.old_team_id
            ),
            (
                5, s.quarter_start, s.team_id, 'moved', 1, s.amount,
                s.old_status = 'open' and s.status in ('open', 'won', 'lost') and s.team_id <> s.old_team_id
            ),
            (
                6, s.quarter_start, s.team_id, s.status, -1, -s.amount,
                s.old_status = 'open' and s.status in ('won', 'lost')
            ),
            (
                7, s.old_quarter_start, s.old_team_id, s.status, -1, -s.old_amount,
                s.old_status = 'open' and s.status in ('deleted', 'merged')
            ),
            (
                8, s.quarter_start, s.team_id, case when s.old_status is null then 'created' else 'reopened' end, 1,
                s.amount,
                s.status = 'open' and s.old_status is distinct from 'open'
            )
        ) as m (step, quarter_start, team_id, kind, deals_change, amount_change, happened)
    where m.happened and m.quarter_start is not null
)

select
    tenant_id,
    opportunity_id,
    row_number() over (partition by tenant_id, opportunity_id order by instant_number, step) as move_number,
    day,
    quarter_start,
    team_id,
    kind,
    deals_change,
    amount_change
from moves
