-- What each active rep does beside the top performers and the team, at the end of every day, from the deals they have
-- open; and what catching up might be worth: of closed deals, the win rate of those that do as well as the top
-- performers' do on average, less that of the rep's. Both are of the closed deals of the last :window that got at
-- least as far as half of them, as they stood on the day of their closing: a deal that was lost early had no time to
-- engage anybody. A discount comes late in a deal and is no driver of it.
--
-- Window: 365 days
-- Grain: tenant, day, active rep and metric.
-- Key: tenant_id, snapshot_date, rep_id, metric_name
-- Columns:
--   tenant_id text not null: company the row belongs to
--   snapshot_date date not null: the business day
--   rep_id text not null: the rep
--   metric_name text not null, one of stakeholders_engaged, days_to_first_meeting, champion_identified_rate,
--       economic_buyer_engaged_rate, activities_per_deal_week, average_discount: what is measured, as in
--       analytics.rep_drivers
--   metric_label text not null: the same in words
--   rep_value numeric not null: the rep's value
--   top_performer_value numeric: that of the top performers, pooled over their deals; null without one
--   team_avg_value numeric: that of the team
--   format_type text not null, one of decimal, percent, days: decimal, percent or days
--   good_direction text not null, one of higher, lower: higher or lower
--   gap_to_top numeric: how far the rep is behind the top performers, above 0 when behind
--   gap_pct numeric: the same as a share of their value
--   gap_impact text not null: what catching up might add to the win rate, in words
--   bar_max numeric not null: the largest value of the metric on the day, for drawing
--   rep_bar_pct numeric(5, 2), 0 to 100: the rep's value as percent of it
--   top_bar_pct numeric(5, 2), 0 to 100: the top performers' value as percent of it
--   deals_count bigint not null, at least 1: open deals that the rep's value is of
--   closed_deals_count bigint not null, at least 0: closed deals that do as well as the top performers' on average
--   closed_win_rate numeric(5, 4), 0 to 1: win rate of those
--   team_id text not null: the manager's id; none without one
--   manager_name text not null: the manager's name
--   segment text: segment
--   region text: region
--   win_rate_potential numeric(5, 4), 0 to 1: what catching up might add to the win rate; 0 if nothing; null with too
--       few deals to tell
-- Rules:
--   gap_to_top is not how far the rep is behind unless coalesce(gap_to_top = case good_direction when 'higher' then
--       top_performer_value - rep_value else rep_value - top_performer_value end, top_performer_value is null)
--   bar_max is below rep_value unless bar_max >= rep_value
with metrics as (
    select
        r.tenant_id,
        r.day,
        m.metric_name,
        m.metric_label,
        m.format_type,
        m.good_direction
    from pg_temp.run_days as r
    inner join reference.rep_metrics as m
        on r.tenant_id = m.tenant_id and r.day >= m.valid_from and r.day < m.valid_to
),

tops as (
    select
        d.tenant_id,
        d.snapshot_date,
        d.metric_name,
        m.metric_label,
        m.format_type,
        m.good_direction,
        greatest(max(d.metric_value), max(d.top_performer_value), max(d.team_value)) as bar_max
    from analytics.rep_drivers as d
    inner join metrics as m
        on d.tenant_id = m.tenant_id and d.snapshot_date = m.day and d.metric_name = m.metric_name
    where d.snapshot_date >= :window_start and d.snapshot_date < :window_end
    group by d.tenant_id, d.snapshot_date, d.metric_name, m.metric_label, m.format_type, m.good_direction
),

-- Closed deals of the year before each day, and how far half of them got.
halfway as (
    select
        r.tenant_id,
        r.day,
        percentile_disc(0.5) within group (order by c.stage_reached) as stage_reached
    from pg_temp.run_days as r
    inner join staging.closing_facts as c
        on
            r.tenant_id = c.tenant_id and r.day >= c.d_from and r.day < c.d_to
            and r.day >= c.closed_on and c.closed_on > r.day - :window_days
    group by r.tenant_id, r.day
),

closings as materialized (
    select
        h.tenant_id,
        h.day,
        c.rep_id,
        c.is_won::int as is_won,
        coalesce(p.is_top_performer, false) as is_top,
        c.stakeholders_engaged,
        c.days_to_first_meeting,
        c.champion_identified_rate,
        c.economic_buyer_engaged_rate,
        c.activities_per_deal_week
    from halfway as h
    inner join staging.closing_facts as c
        on
            h.tenant_id = c.tenant_id and h.day >= c.d_from and h.day < c.d_to
            and h.day >= c.closed_on and c.closed_on > h.day - :window_days and h.stage_reached <= c.stage_reached
    left join analytics.rep_performance as p
        on h.tenant_id = p.tenant_id and h.day = p.snapshot_date and c.rep_id = p.rep_id
),

typical as (
    select
        tenant_id,
        day,
        avg(stakeholders_engaged) as stakeholders_engaged,
        avg(days_to_first_meeting) as days_to_first_meeting,
        avg(champion_identified_rate) as champion_identified_rate,
        avg(economic_buyer_engaged_rate) as economic_buyer_engaged_rate,
        avg(activities_per_deal_week) as activities_per_deal_week
    from closings
    where is_top
    group by tenant_id, day
),

judged as (
    select
        c.tenant_id,
        c.day,
        c.rep_id,
        c.is_won,
        v.metric_name,
        case m.good_direction when 'higher' then v.value >= v.typical else v.value <= v.typical end as is_as_good
    from closings as c
    inner join typical as t on c.tenant_id = t.tenant_id and c.day = t.day
    cross join
        lateral (
            values
            ('stakeholders_engaged', c.stakeholders_engaged, t.stakeholders_engaged),
            ('days_to_first_meeting', c.days_to_first_meeting, t.days_to_first_meeting),
            ('champion_identified_rate', c.champion_identified_rate, t.champion_identified_rate),
            ('economic_buyer_engaged_rate', c.economic_buyer_engaged_rate, t.economic_buyer_engaged_rate),
            ('activities_per_deal_week', c.activities_per_deal_week, t.activities_per_deal_week)
        ) as v (metric_name, value, typical)
    inner join metrics as m on c.tenant_id = m.tenant_id and c.day = m.day and v.metric_name = m.metric_name
    where v.value is not null and v.typical is not null
),

reached as (
    select
        tenant_id,
        day as snapshot_date,
        metric_name,
        count(*) as closed_deals_count,
        round(avg(is_won), 4) as closed_win_rate
    from judged
    where is_as_good
    group by tenant_id, day, metric_name
),

own as (
    select
        tenant_id,
        day as snapshot_date,
        metric_name,
        rep_id,
        count(*) as deals_count,
        avg(is_won) as win_rate
    from judged
    group by tenant_id, day, metric_name, rep_id
),

compared as (
    select
        d.tenant_id,
        d.snapshot_date,
        d.rep_id,
        d.metric_name,
        t.metric_label,
        d.metric_value,
        d.top_performer_value,
        d.team_value,
        t.format_type,
        t.good_direction,
        t.bar_max,
        d.deals_count,
        coalesce(c.closed_deals_count, 0) as closed_deals_count,
        c.closed_win_rate,
        case
            when c.closed_deals_count >= h.potential_deals and o.deals_count >= h.potential_own_deals
                then round(greatest(c.closed_win_rate - o.win_rate, 0), 4)
        end as win_rate_potential,
        p.team_id,
        p.team_name,
        p.segment,
        p.region,
        case t.good_direction
            when 'higher' then d.top_performer_value - d.metric_value else d.metric_value - d.top_performer_value
        end as gap_to_top
    from analytics.rep_drivers as d
    inner join tops as t
        on d.tenant_id = t.tenant_id and d.snapshot_date = t.snapshot_date and d.metric_name = t.metric_name
    inner join staging.thresholds as h on d.tenant_id = h.tenant_id and d.snapshot_date = h.snapshot_date
    inner join analytics.rep_performance as p
        on d.tenant_id = p.tenant_id and d.snapshot_date = p.snapshot_date and d.rep_id = p.rep_id and p.is_active
    left join reached as c
        on d.tenant_id = c.tenant_id and d.snapshot_date = c.snapshot_date and d.metric_name = c.metric_name
    left join own as o
        on
            d.tenant_id = o.tenant_id and d.snapshot_date = o.snapshot_date and d.metric_name = o.metric_name
            and d.rep_id = o.rep_id
)

select
    tenant_id,
    snapshot_date,
    rep_id,
    metric_name,
    metric_label,
    metric_value as rep_value,
    top_performer_value,
    team_value as team_avg_value,
    format_type,
    good_direction,
    gap_to_top,
    round(gap_to_top / nullif(top_performer_value, 0), 4) as gap_pct,
    dashboard.potential(metric_name, win_rate_potential) as gap_impact,
    bar_max,
    case when metric_value >= 0 and bar_max > 0 then round(100 * metric_value / bar_max, 2) end as rep_bar_pct,
    case when top_performer_value >= 0 and bar_max > 0 then round(100 * top_performer_value / bar_max, 2) end
        as top_bar_pct,
    deals_count,
    closed_deals_count,
    closed_win_rate,
    team_id,
    team_name as manager_name,
    segment,
    region,
    win_rate_potential
from compared
