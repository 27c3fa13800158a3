-- How each deal stood on the day it was closed: what its owner had done by then, and whether it was won.
--
-- Window: 28 days
-- Grain: tenant, deal and closing.
-- Key: tenant_id, opportunity_id, d_from
-- Columns:
--   tenant_id text not null: company the row belongs to
--   opportunity_id text not null: the deal
--   closed_at timestamptz not null: when it was closed
--   closed_on date not null: on which business day
--   d_from date not null: first business day at whose end it was closed so
--   d_to date not null: first day after it at whose end it was not; infinity while it is
--   rep_id text not null: who is credited; -1 if nobody
--   is_won boolean not null: whether it was won
--   cycle_us bigint not null: microseconds from its creation to the closing
--   stakeholders_engaged numeric not null: engaged contacts
--   days_to_first_meeting numeric: calendar days from creation to the first meeting or demo held; null if there was
--       none
--   champion_identified_rate numeric not null: 1 with a champion, else 0
--   economic_buyer_engaged_rate numeric not null: 1 with an engaged economic buyer, else 0
--   activities_per_deal_week numeric not null: activities of the :window up to the closing, per week
--   average_discount numeric: share off; null if nobody said
--   stage_reached numeric: order of the furthest stage that it had been in; null if the source does not order its
--       stages
with days as (
    select
        *,
        coalesce(lag(d_to) over closing_by_day <> d_from, true) as is_first
    from staging.deal_intervals
    where status in ('won', 'lost')
    window closing_by_day as (partition by tenant_id, opportunity_id, closed_at, status order by d_from)
),

-- A deal that was gone for a while is closed twice.
numbered as (
    select
        *,
        count(*) filter (where is_first) over (
            partition by tenant_id, opportunity_id, closed_at, status order by d_from
        ) as times
    from days
),

closed as (
    select
        *,
        max(d_to) over (partition by tenant_id, opportunity_id, closed_at, status, times) as closed_to
    from numbered
),

stood as (
    select
        tenant_id,
        opportunity_id,
        closed_at,
        status = 'won' as is_won,
        (extract(epoch from closed_at - opened_at) * 1000000)::bigint as cycle_us,
        d_from,
        closed_to as d_to,
        (closed_at at time zone (select ops.timezone()))::date as closed_on,
        (opened_at at time zone (select ops.timezone()))::date as opened_on,
        coalesce(credited_owner_id, '-1') as rep_id,
        engaged_contacts_count,
        (champions_count > 0)::int as has_champion,
        (engaged_economic_buyers_count > 0)::int as has_buyer,
        discount_pct
    from closed
    where is_first
),

done as (
    select
        s.tenant_id,
        s.opportunity_id,
        s.d_from,
        min(a.day) filter (where a.kind in ('meeting', 'demo') and a.is_two_way) as first_meeting_on,
        count(*) filter (where a.day > s.closed_on - :window_days) as activities_count
    from stood as s
    inner join staging.activities as a
        on s.tenant_id = a.tenant_id and s.opportunity_id = a.opportunity_id and s.closed_on >= a.day
    group by s.tenant_id, s.opportunity_id, s.d_from
),

got as (
    select
        s.tenant_id,
        s.opportunity_id,
        s.d_from,
        max(p.stage_order) as stage_reached
    from stood as s
    inner join staging.deal_visits as v
        on
            s.tenant_id = v.tenant_id and s.opportunity_id = v.opportunity_id and s.closed_at > v.entered_at
            and v.status = 'open'
    inner join staging.pipeline_stages as p
        on
            v.tenant_id = p.tenant_id and v.stage_id = p.stage_id
            and v.entered_at >= p.valid_from and v.entered_at < p.valid_to
    group by s.tenant_id, s.opportunity_id, s.d_from
)

select
    s.tenant_id,
    s.opportunity_id,
    s.closed_at,
    s.closed_on,
    s.d_from,
    s.d_to,
    s.rep_id,
    s.is_won,
    s.cycle_us,
    s.engaged_contacts_count::numeric as stakeholders_engaged,
    (d.first_meeting_on - least(s.opened_on, d.first_meeting_on))::numeric as days_to_first_meeting,
    s.has_champion::numeric as champion_identified_rate,
    s.has_buyer::numeric as economic_buyer_engaged_rate,
    coalesce(d.activities_count, 0) * 7.0 / :window_days as activities_per_deal_week,
    s.discount_pct / 100 as average_discount,
    g.stage_reached
from stood as s
left join got as g
    on s.tenant_id = g.tenant_id and s.opportunity_id = g.opportunity_id and s.d_from = g.d_from
left join done as d
    on s.tenant_id = d.tenant_id and s.opportunity_id = d.opportunity_id and s.d_from = d.d_from
