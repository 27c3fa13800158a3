-- Deals in spans of business days over which nothing about them changed: what was true at the end of day D is the row
-- with d_from <= D < d_to. What happened within a day and was undone on it leaves no row. A deal begins on the day of
-- its creation and ends before the day on which it was deleted or merged. Money is in the company's own currency: of an
-- open deal at the rate of the day, of a closed one at that of its close date.
--
-- Grain: tenant, deal and span of days.
-- Key: tenant_id, opportunity_id, d_from
-- Index: (d_to, d_from)
-- Columns:
--   tenant_id text not null: company the row belongs to
--   opportunity_id text not null: the deal
--   d_from date not null: first business day at whose end it was so
--   d_to date not null: first day after it at whose end it was not; infinity while it lasts
--   status text not null: open, won or lost
--   opportunity_name text: the deal's name
--   account_id text: its account
--   pipeline_id text: its pipeline, while open
--   stage_id text: its stage, while open
--   stage_entered_at timestamptz: when it came into the stage
--   opened_at timestamptz not null: when its life began
--   closed_at timestamptz: when it was closed, while closed
--   amount numeric(18, 2): what it is worth in the company's currency; null if nobody said, or without a rate
--   currency text: the currency that it was given in; the company's own if nobody said
--   close_date date: when it is to close, or did
--   owner_id text: who owns it
--   credited_owner_id text: who owned it at the end of the day on which it was closed, while closed
--   forecast_category text: as the source calls it
--   probability numeric: percent, by the source
--   next_step text: what is to be done
--   discount_pct numeric: percent off
--   competitor text: who else is in the deal
--   competitor_status text: named or active
--   lead_source text: where it came from
--   pushes_count int not null: how many times its close date had been moved out
--   reopenings_count int not null: how many times it had been reopened
--   last_two_way_at timestamptz: last two-way activity
--   engaged_contacts_count int not null: contacts with a two-way activity on that day or in the 89 days before
--   champions_count int not null: contacts with the role of champion
--   engaged_economic_buyers_count int not null: engaged contacts with the role of economic buyer
--   currency_amount numeric(18, 2): what it is worth in the currency that it was given in
--   visit_number bigint: how many stage visits it had begun by then; null before the first
-- Rules:
--   d_to does not come after d_from unless d_from < d_to
with lives as (
    select
        tenant_id,
        opportunity_id,
        min(entered_at) as opened_at,
        (min(entered_at) at time zone (select ops.timezone()))::date as opened_on
    from staging.deal_visits
    group by tenant_id, opportunity_id
),

events as (
    select
        tenant_id,
        opportunity_id,
        (changed_at at time zone (select ops.timezone()))::date as day,
        changed_at,
        load_order,
        line_order,
        changes,
        is_push::int as pushes,
        is_reopening::int as reopenings,
        0 as engaged,
        0 as champions,
        0 as buyers
    from staging.deal_events
    union all
    select
        tenant_id,
        opportunity_id,
        day,
        two_way_at as changed_at,
        null as load_order,
        null as line_order,
        case when two_way_at is null then '{}' else jsonb_build_object('last_two_way_at', two_way_at) end as changes,
        0 as pushes,
        0 as reopenings,
        engaged_change as engaged,
        champion_change as champions,
        buyer_change as buyers
    from staging.deal_engagement
    union all
    select
        g.tenant_id,
        g.opportunity_id,
        t.day,
        null as changed_at,
        null as load_order,
        null as line_order,
        jsonb_build_object('is_gone', t.is_gone) as changes,
        0 as pushes,
        0 as reopenings,
        0 as engaged,
        0 as champions,
        0 as buyers
    from staging.deal_gaps as g
    cross join lateral (values (g.gone_on, true), (g.back_on, false)) as t (day, is_gone)
    where t.day < 'infinity'
),

days as (
    select
        e.tenant_id,
        e.opportunity_id,
        l.opened_at,
        greatest(e.day, l.opened_on) as d_from,
        ops.merged(e.changes order by e.changed_at, e.load_order, e.line_order) as changes,
        sum(e.pushes) as pushes,
        sum(e.reopenings) as reopenings,
        sum(e.engaged) as engaged,
        sum(e.champions) as champions,
        sum(e.buyers) as buyers
    from events as e
    inner join lives as l on e.tenant_id = l.tenant_id and e.opportunity_id = l.opportunity_id
    group by e.tenant_id, e.opportunity_id, l.opened_at, greatest(e.day, l.opened_on)
),

states as (
    select
        tenant_id,
        opportunity_id,
        opened_at,
        d_from,
        lead(d_from, 1, 'infinity') over deal_in_time as d_to,
        ops.merged(changes) over deal_in_time as state,
        sum(pushes) over deal_in_time as pushes_count,
        sum(reopenings) over deal_in_time as reopenings_count,
        sum(engaged) over deal_in_time as engaged_contacts_count,
        sum(champions) over deal_in_time as champions_count,
        sum(buyers) over deal_in_time as engaged_economic_buyers_count
    from days
    window deal_in_time as (partition by tenant_id, opportunity_id order by d_from)
)

select
    s.tenant_id,
    s.opportunity_id,
    s.d_from,
    s.d_to,
    s.state ->> 'status' as status,
    s.state ->> 'opportunity_name' as opportunity_name,
    s.state ->> 'account_id' as account_id,
    s.state ->> 'pipeline_id' as pipeline_id,
    s.state ->> 'stage_id' as stage_id,
    (s.state ->> 'stage_entered_at')::timestamptz as stage_entered_at,
    s.opened_at,
    (s.state ->> 'closed_at')::timestamptz as closed_at,
    ((s.state ->> 'amount')::numeric / r.rate)::numeric(18, 2) as amount,
    coalesce(upper(s.state ->> 'currency'), nullif(h.currency, '')) as currency,
    (s.state ->> 'close_date')::date as close_date,
    s.state ->> 'owner_id' as owner_id,
    case
        when s.state ->> 'status' <> 'open'
            then first_value(s.state ->> 'owner_id') over (
                partition by s.tenant_id, s.opportunity_id, s.state ->> 'closed_at' order by s.d_from
            )
    end as credited_owner_id,
    s.state ->> 'forecast_category' as forecast_category,
    (s.state ->> 'probability')::numeric as probability,
    s.state ->> 'next_step' as next_step,
    (s.state ->> 'discount_pct')::numeric as discount_pct,
    s.state ->> 'competitor' as competitor,
    s.state ->> 'competitor_status' as competitor_status,
    s.state ->> 'lead_source' as lead_source,
    s.pushes_count,
    s.reopenings_count,
    (s.state ->> 'last_two_way_at')::timestamptz as last_two_way_at,
    s.engaged_contacts_count,
    s.champions_count,
    s.engaged_economic_buyers_count,
    (s.state ->> 'amount')::numeric(18, 2) as currency_amount,
    (s.state ->> 'visit_number')::bigint as visit_number
from states as s
left join staging.exchange_rates as h on s.tenant_id = h.tenant_id and h.is_home
cross join
    lateral (
        select
            case
                when s.state ->> 'status' = 'open' then s.d_from
                else coalesce(
                    (s.state ->> 'close_date')::date,
                    ((s.state ->> 'closed_at')::timestamptz at time zone (select ops.timezone()))::date
                )
            end as day
    ) as v
left join staging.exchange_rates as r
    on
        s.tenant_id = r.tenant_id and upper(coalesce(s.state ->> 'currency', h.currency)) = r.currency
        and v.day >= r.valid_from and v.day < r.valid_to
where (s.state ->> 'is_gone')::boolean is not true
