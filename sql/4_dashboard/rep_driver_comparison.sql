-- What each active rep does beside the top performers and the team, at the end of every day, and what catching up
-- might be worth: the win rate of the closed deals of the last 365 days that reach the top performers' value, less the
-- rep's own.
--
-- One row per: tenant, day, active rep and metric.
-- Columns:
--   tenant_id: company the row belongs to
--   snapshot_date: the business day
--   rep_id: the rep
--   metric_name: what is measured, as in analytics.rep_drivers
--   metric_label: the same in words
--   rep_value: the rep's value
--   top_performer_value: that of the top performers, pooled over their deals; null without one
--   team_avg_value: that of the team
--   format_type: decimal, percent or days
--   good_direction: higher or lower
--   gap_to_top: how far the rep is behind the top performers, above 0 when behind
--   gap_pct: the same as a share of their value
--   gap_impact: what reaching it might add to the win rate, in words
--   bar_max: the largest value of the metric on the day, for drawing
--   rep_bar_pct: the rep's value as percent of it
--   top_bar_pct: the top performers' value as percent of it
--   deals_count: open deals that the rep's value is of
--   closed_deals_count: closed deals that reach the top performers' value
--   closed_win_rate: win rate of those
--   team_id: the manager's id; none without one
--   manager_name: the manager's name
--   segment: segment
--   region: region
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
        max(d.top_performer_value) as top_value,
        greatest(max(d.metric_value), max(d.top_performer_value), max(d.team_value)) as bar_max
    from analytics.rep_drivers as d
    inner join metrics as m
        on d.tenant_id = m.tenant_id and d.snapshot_date = m.day and d.metric_name = m.metric_name
    where d.snapshot_date >= :window_start and d.snapshot_date < :window_end
    group by d.tenant_id, d.snapshot_date, d.metric_name, m.metric_label, m.format_type, m.good_direction
),

closings as (
    select
        c.tenant_id,
        c.closed_on,
        c.d_from,
        c.d_to,
        c.is_won,
        v.metric_name,
        v.value
    from staging.closing_facts as c
    cross join
        lateral (
            values
            ('stakeholders_engaged', c.stakeholders_engaged),
            ('days_to_first_meeting', c.days_to_first_meeting),
            ('champion_identified_rate', c.champion_identified_rate),
            ('economic_buyer_engaged_rate', c.economic_buyer_engaged_rate),
            ('activities_per_deal_week', c.activities_per_deal_week),
            ('average_discount', c.average_discount)
        ) as v (metric_name, value)
    where
        v.value is not null and c.closed_on < :window_end and c.closed_on > cast(:window_start as date) - 365
),

reached as materialized (
    select
        t.tenant_id,
        t.snapshot_date,
        t.metric_name,
        count(*) as closed_deals_count,
        round(count(*) filter (where c.is_won)::numeric / count(*), 4) as closed_win_rate
    from tops as t
    inner join closings as c
        on
            t.tenant_id = c.tenant_id and t.metric_name = c.metric_name
            and t.snapshot_date >= c.d_from and t.snapshot_date < c.d_to
            and t.snapshot_date >= c.closed_on and c.closed_on > t.snapshot_date - 365
            and case t.good_direction when 'higher' then t.top_value <= c.value else t.top_value >= c.value end
    group by t.tenant_id, t.snapshot_date, t.metric_name
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
        p.win_rate,
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
    inner join analytics.rep_performance as p
        on d.tenant_id = p.tenant_id and d.snapshot_date = p.snapshot_date and d.rep_id = p.rep_id and p.is_active
    left join reached as c
        on d.tenant_id = c.tenant_id and d.snapshot_date = c.snapshot_date and d.metric_name = c.metric_name
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
    case
        when closed_deals_count < 20 or win_rate is null or closed_win_rate is null then 'not enough history'
        else dashboard.percent(greatest(closed_win_rate - win_rate, 0)) || ' win rate improvement potential'
    end as gap_impact,
    bar_max,
    round(100 * metric_value / nullif(bar_max, 0), 2) as rep_bar_pct,
    round(100 * top_performer_value / nullif(bar_max, 0), 2) as top_bar_pct,
    deals_count,
    closed_deals_count,
    closed_win_rate,
    team_id,
    team_name as manager_name,
    segment,
    region
from compared
