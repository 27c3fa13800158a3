-- The open pipeline by health, at the end of every day: deals due in the day's quarter, in the next, and all open
-- deals (overdue and undated ones included); for every combination of team, segment and region, with the change of the
-- share at risk in a week. Deals of which the source tells too little to judge are counted beside the bands.
--
-- Grain: tenant, day, quarter (or All), team, segment and region with an open deal; All of them always.
-- Key: tenant_id, snapshot_date, quarter, team_id, segment, region
-- Columns:
--   tenant_id text not null: company the row belongs to
--   snapshot_date date not null: the business day
--   quarter text not null: the quarter, or All
--   team_filter text not null: All, or a manager's name
--   segment text not null: All, a segment, or Unknown
--   region text not null: All, a region, or Unknown
--   team_id text not null: All, a manager's id, none or -1
--   healthy_count bigint not null, at least 0: deals with a score of 80 or more
--   healthy_amount numeric(18, 2): what they are worth; null if none has an amount
--   healthy_pct numeric(7, 6), 0 to 1: their share of the judged deals; null without any
--   monitor_count bigint not null, at least 0: deals from 60 to 79
--   monitor_amount numeric(18, 2): what they are worth
--   monitor_pct numeric(7, 6), 0 to 1: their share
--   at_risk_count bigint not null, at least 0: deals from 40 to 59
--   at_risk_amount numeric(18, 2): what they are worth
--   at_risk_pct numeric(7, 6), 0 to 1: their share
--   critical_count bigint not null, at least 0: deals below 40
--   critical_amount numeric(18, 2): what they are worth
--   critical_pct numeric(7, 6), 0 to 1: their share
--   at_risk_change_1w numeric(7, 6): at_risk_pct less that of seven days before
--   trend_direction text, one of improving, stable, worsening: improving, stable or worsening, by that change
--   deals_count bigint not null, at least 0: open deals
--   unjudged_count bigint not null, at least 0: those without a score
-- Rules:
--   deals_count is not the sum of the bands unless healthy_count + monitor_count + at_risk_count + critical_count +
--       unjudged_count = deals_count
--   healthy_pct and the others do not add up to 1 unless coalesce(abs(healthy_pct + monitor_pct + at_risk_pct +
--       critical_pct - 1) < 0.00001, deals_count = unjudged_count)
with deals as (
    select
        d.tenant_id,
        d.snapshot_date,
        q.quarter,
        d.team_id,
        d.team_name,
        d.segment,
        d.region,
        d.amount,
        h.health_category
    from staging.deal_days as d
    inner join enriched.deal_health_scores as h
        on d.tenant_id = h.tenant_id and d.snapshot_date = h.snapshot_date and d.opportunity_id = h.opportunity_id
    cross join
        lateral (
            select 'All' as quarter
            union all
            select w.quarter
            from ops.quarters_ahead as w
            where w.day = d.snapshot_date and d.close_date between w.quarter_start and w.quarter_end
        ) as q
    where d.snapshot_date >= cast(:window_start as date) - 7 and d.snapshot_date < :window_end
),

-- Every quarter has its row of all deals, also without any.
quarters as (
    select
        r.tenant_id,
        r.day as snapshot_date,
        q.quarter
    from pg_temp.run_days as r
    cross join
        lateral (
            select w.quarter
            from ops.quarters_ahead as w
            where w.day = r.day
            union all
            select 'All' as quarter
        ) as q
),

summed as (
    select
        tenant_id,
        snapshot_date,
        quarter,
        ops.or_all(grouping(team_id), team_id) as team_id,
        ops.or_all(grouping(team_id), max(team_name)) as team_filter,
        ops.or_all(grouping(segment), segment) as segment,
        ops.or_all(grouping(region), region) as region,
        count(*) as deals_count,
        count(*) filter (where health_category = 'Healthy') as healthy_count,
        count(*) filter (where health_category = 'Monitor') as monitor_count,
        count(*) filter (where health_category = 'At Risk') as at_risk_count,
        count(*) filter (where health_category = 'Critical') as critical_count,
        sum(amount) filter (where health_category = 'Healthy') as healthy_amount,
        sum(amount) filter (where health_category = 'Monitor') as monitor_amount,
        sum(amount) filter (where health_category = 'At Risk') as at_risk_amount,
        sum(amount) filter (where health_category = 'Critical') as critical_amount
    from deals
    group by tenant_id, snapshot_date, quarter, cube (team_id, segment, region)
    union all
    select
        tenant_id,
        snapshot_date,
        quarter,
        'All' as team_id,
        'All' as team_filter,
        'All' as segment,
        'All' as region,
        0 as deals_count,
        0 as healthy_count,
        0 as monitor_count,
        0 as at_risk_count,
        0 as critical_count,
        null as healthy_amount,
        null as monitor_amount,
        null as at_risk_amount,
        null as critical_amount
    from quarters
),

groups as (
    select
        tenant_id,
        snapshot_date,
        quarter,
        team_id,
        segment,
        region,
        max(team_filter) as team_filter,
        max(deals_count) as deals_count,
        max(healthy_count) as healthy_count,
        max(monitor_count) as monitor_count,
        max(at_risk_count) as at_risk_count,
        max(critical_count) as critical_count,
        max(healthy_amount) as healthy_amount,
        max(monitor_amount) as monitor_amount,
        max(at_risk_amount) as at_risk_amount,
        max(critical_amount) as critical_amount,
        nullif(
            max(healthy_count) + max(monitor_count) + max(at_risk_count) + max(critical_count), 0
        )::numeric as judged_count
    from summed
    group by tenant_id, snapshot_date, quarter, team_id, segment, region
),

shares as (
    select
        *,
        round(healthy_count / judged_count, 6) as healthy_pct,
        round(monitor_count / judged_count, 6) as monitor_pct,
        round(at_risk_count / judged_count, 6) as at_risk_pct,
        round(critical_count / judged_count, 6) as critical_pct
    from groups
),

compared as (
    select
        *,
        at_risk_pct - max(at_risk_pct) over a_week_before as at_risk_change_1w,
        max(judged_count) over a_week_before as judged_count_1w,
        (at_risk_count + max(at_risk_count) over a_week_before)
        / nullif(judged_count + max(judged_count) over a_week_before, 0) as share_of_both
    from shares
    window a_week_before as (
        partition by tenant_id, quarter, team_id, segment, region order by snapshot_date
        range between interval '7 days' preceding and interval '7 days' preceding
    )
)

select
    tenant_id,
    snapshot_date,
    quarter,
    team_filter,
    segment,
    region,
    team_id,
    healthy_count,
    healthy_amount,
    healthy_pct,
    monitor_count,
    monitor_amount,
    monitor_pct,
    at_risk_count,
    at_risk_amount,
    at_risk_pct,
    critical_count,
    critical_amount,
    critical_pct,
    at_risk_change_1w,
    case
        when at_risk_change_1w is null then null
        -- Two proportions: fewer standard errors than that are what chance gives with so many deals.
        when
            abs(at_risk_change_1w) < t.at_risk_change
            or at_risk_change_1w * at_risk_change_1w
            <= t.trend_errors * t.trend_errors
            * share_of_both * (1 - share_of_both) * (1 / judged_count + 1 / judged_count_1w)
            then 'stable'
        when at_risk_change_1w > 0 then 'worsening'
        else 'improving'
    end as trend_direction,
    deals_count,
    deals_count - coalesce(judged_count, 0)::bigint as unjudged_count
from compared
inner join staging.thresholds as t using (tenant_id, snapshot_date)
