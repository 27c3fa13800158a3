-- How long deals stay in each stage and how they leave it, at the end of every day: visits completed in the :window up
-- to it, beside the :window before those; and how many deals stand in the stage, for how long already (completed visits
-- alone are biased short). For every combination of team, segment and region: those of who owned the deal when the
-- visit was completed, or owns it now, and of its account (segment), as these are on the day.
--
-- Window: 90 days
-- Grain: tenant, day, pipeline, stage, team, segment and region with a visit or a deal (All: for each stage).
-- Key: tenant_id, snapshot_date, pipeline_id, stage_id, team_id, segment, region
-- Index: (snapshot_date)
-- Columns:
--   tenant_id text not null: company the row belongs to
--   snapshot_date date not null: the business day
--   pipeline_id text not null: the pipeline
--   stage_id text not null: the stage
--   team_id text not null: All, a manager's id, none or -1
--   team_name text not null: All, or the manager's name
--   segment text not null: All, a segment, or Unknown
--   region text not null: All, a region, or Unknown
--   stage_name text not null: its name on the day
--   stage_order numeric: its place on the day
--   completed_count bigint not null: visits completed in the :window
--   avg_duration_days numeric(10, 4): their mean, elapsed days; null without any
--   median_duration_days numeric(10, 4): their median
--   previous_completed_count bigint not null: visits completed in the :window before those
--   previous_avg_duration_days numeric(10, 4): their mean
--   duration_change_days numeric(10, 4): change of the mean
--   duration_change_pct numeric: the same as a share of the earlier mean
--   trend_direction text, one of improving, stable, worsening: improving, stable or worsening, by that share, beyond
--       half a day and what chance gives
--   advanced_count bigint not null: completed visits that ended forward or won
--   conversion_rate numeric(5, 4), 0 to 1: those as a share of all completed; null where the source does not order its
--       stages
--   benchmark_days float8: days that a visit should take
--   deviation_days numeric(10, 4): mean less benchmark
--   status_indicator text, one of green, yellow, red: green (on target, within the tolerance), yellow, red (days above
--       it, too); null if unknown
--   deals_in_stage bigint not null: open deals in the stage
--   amount_in_stage numeric(16, 2): what they are worth
--   median_current_age_days numeric(10, 4): median of the elapsed days that they have been in it
--   p90_current_age_days numeric(10, 4): their 90th percentile
with visit_days as (
    select
        v.tenant_id,
        cast(:window_start as date) + n.days as day,
        v.pipeline_id,
        v.stage_id,
        v.exited_owner_id as rep_id,
        a.segment as account_segment,
        v.days,
        v.elapsed_us,
        v.elapsed_us / 3600000000 as hours,
        v.ended_by in ('forward', 'won') as is_advance,
        cast(:window_start as date) + n.days - v.exited_on < :window_days as is_recent
    from staging.visit_facts as v
    left join staging.accounts as a
        on
            v.tenant_id = a.tenant_id and v.exited_account_id = a.account_id
            and a.d_from < :window_end and a.d_to > :window_start
    cross join
        lateral generate_series(
            greatest(v.exited_on, a.d_from, :window_start) - cast(:window_start as date),
            least(v.exited_on + 2 * :window_days, v.gone_on, a.d_to, :window_end) - cast(:window_start as date) - 1
        ) as n (days)
    where v.exited_on < :window_end and v.exited_on > cast(:window_start as date) - 2 * :window_days
),

completed as (
    select
        v.tenant_id,
        v.day as snapshot_date,
        v.pipeline_id,
        v.stage_id,
        ops.or_all(grouping(p.team_id), p.team_id) as team_id,
        ops.or_all(grouping(p.team_id), max(p.team_name)) as team_name,
        ops.or_all(grouping(s.segment), s.segment) as segment,
        ops.or_all(grouping(s.region), s.region) as region,
        count(*) filter (where v.is_recent) as completed_count,
        avg(v.elapsed_us) filter (where v.is_recent) / 86400000000 as avg_duration_days,
        sum(v.hours) filter (where v.is_recent) as hours,
        sum(v.hours * v.hours) filter (where v.is_recent) as hours_squared,
        sum(v.hours) filter (where not v.is_recent) as previous_hours,
        sum(v.hours * v.hours) filter (where not v.is_recent) as previous_hours_squared,
        percentile_cont(0.5) within group (order by v.days) filter (where v.is_recent) as median_duration_days,
        count(*) filter (where not v.is_recent) as previous_completed_count,
        avg(v.elapsed_us) filter (where not v.is_recent) / 86400000000 as previous_avg_duration_days,
        count(*) filter (where v.is_recent and v.is_advance) as advanced_count
    from visit_days as v
    inner join staging.rep_days as p
        on v.tenant_id = p.tenant_id and v.day = p.snapshot_date and v.rep_id = p.rep_id
    cross join
        lateral (
            values (coalesce(v.account_segment, p.segment, 'Unknown'), coalesce(p.region, 'Unknown'))
        ) as s (segment, region)
    group by
        v.tenant_id, v.day, v.pipeline_id, v.stage_id,
        cube (p.team_id, s.segment, s.region)
),

present as (
    select
        d.tenant_id,
        d.snapshot_date,
        d.pipeline_id,
        d.stage_id,
        ops.or_all(grouping(d.team_id), d.team_id) as team_id,
        ops.or_all(grouping(d.team_id), max(d.team_name)) as team_name,
        ops.or_all(grouping(s.segment), s.segment) as segment,
        ops.or_all(grouping(s.region), s.region) as region,
        count(*) as deals_in_stage,
        sum(d.amount) as amount_in_stage,
        percentile_cont(array[0.5, 0.9]) within group (order by d.days_in_stage) as ages
    from staging.deal_days as d
    cross join
        lateral (
            values (coalesce(d.segment, 'Unknown'), coalesce(d.region, 'Unknown'))
        ) as s (segment, region)
    where d.snapshot_date >= :window_start and d.snapshot_date < :window_end and d.stage_id is not null
    group by
        d.tenant_id, d.snapshot_date, d.pipeline_id, d.stage_id,
        cube (d.team_id, s.segment, s.region)
),

-- Every stage that a deal has been in by the day.
visited as (
    select
        tenant_id,
        pipeline_id,
        stage_id,
        min(entered_on) as since_date
    from staging.visit_facts
    group by tenant_id, pipeline_id, stage_id
),

-- One row each from visits, from deals, and for the stage itself: laid together, they are the group's row.
parts as (
    select
        r.tenant_id,
        r.day as snapshot_date,
        v.pipeline_id,
        v.stage_id,
        'All' as team_id,
        'All' as team_name,
        'All' as segment,
        'All' as region,
        0 as completed_count,
        null::numeric as avg_duration_days,
        null::float8 as median_duration_days,
        0 as previous_completed_count,
        null::numeric as previous_avg_duration_days,
        0 as advanced_count,
        0 as deals_in_stage,
        null::numeric as amount_in_stage,
        null::float8[] as ages,
        null::numeric as error_squared
    from pg_temp.run_days as r
    inner join visited as v on r.tenant_id = v.tenant_id and r.day >= v.since_date
    union all
    select
        tenant_id,
        snapshot_date,
        pipeline_id,
        stage_id,
        team_id,
        team_name,
        segment,
        region,
        completed_count,
        avg_duration_days,
        median_duration_days,
        previous_completed_count,
        previous_avg_duration_days,
        advanced_count,
        0 as deals_in_stage,
        null as amount_in_stage,
        null as ages,
        -- Of the difference of the means, in days: s1^2 / n1 + s2^2 / n2.
        (
            (hours_squared - hours * hours / completed_count) / nullif(completed_count - 1, 0) / completed_count
            + (previous_hours_squared - previous_hours * previous_hours / previous_completed_count)
            / nullif(previous_completed_count - 1, 0) / previous_completed_count
        ) / 576 as error_squared
    from completed
    union all
    select
        tenant_id,
        snapshot_date,
        pipeline_id,
        stage_id,
        team_id,
        team_name,
        segment,
        region,
        0 as completed_count,
        null as avg_duration_days,
        null as median_duration_days,
        0 as previous_completed_count,
        null as previous_avg_duration_days,
        0 as advanced_count,
        deals_in_stage,
        amount_in_stage,
        ages,
        null as error_squared
    from present
),

together as (
    select
        tenant_id,
        snapshot_date,
        pipeline_id,
        stage_id,
        team_id,
        segment,
        region,
        max(team_name) as team_name,
        sum(completed_count) as completed_count,
        max(avg_duration_days) as avg_duration_days,
        max(median_duration_days) as median_duration_days,
        sum(previous_completed_count) as previous_completed_count,
        max(previous_avg_duration_days) as previous_avg_duration_days,
        sum(advanced_count) as advanced_count,
        sum(deals_in_stage) as deals_in_stage,
        max(amount_in_stage) as amount_in_stage,
        max(ages) as ages,
        max(error_squared) as error_squared
    from parts
    group by tenant_id, snapshot_date, pipeline_id, stage_id, team_id, segment, region
),

measured as (
    select
        g.tenant_id,
        g.snapshot_date,
        g.pipeline_id,
        g.stage_id,
        g.team_id,
        g.team_name,
        g.segment,
        g.region,
        s.stage_name,
        s.stage_order,
        s.benchmark_days,
        g.completed_count,
        round(g.avg_duration_days, 4) as avg_duration_days,
        g.median_duration_days,
        g.previous_completed_count,
        round(g.previous_avg_duration_days, 4) as previous_avg_duration_days,
        g.advanced_count,
        case
            when s.stage_order is not null then round(g.advanced_count / nullif(g.completed_count, 0), 4)
        end as conversion_rate,
        g.error_squared,
        g.deals_in_stage,
        g.amount_in_stage,
        g.ages,
        h.velocity_change_pct,
        h.velocity_red_days,
        h.velocity_tolerance
    from together as g
    inner join enriched.stage_rules as s
        on g.tenant_id = s.tenant_id and g.snapshot_date = s.snapshot_date and g.stage_id = s.stage_id
    inner join staging.thresholds as h on g.tenant_id = h.tenant_id and g.snapshot_date = h.snapshot_date
),

compared as (
    select
        *,
        avg_duration_days - previous_avg_duration_days as duration_change_days,
        round((avg_duration_days - previous_avg_duration_days) / nullif(previous_avg_duration_days, 0), 4)
            as duration_change_pct,
        round(avg_duration_days - benchmark_days::numeric, 4) as deviation_days
    from measured
)

select
    tenant_id,
    snapshot_date,
    pipeline_id,
    stage_id,
    team_id,
    team_name,
    segment,
    region,
    stage_name,
    stage_order,
    completed_count,
    avg_duration_days,
    round(median_duration_days::numeric, 4) as median_duration_days,
    previous_completed_count,
    previous_avg_duration_days,
    duration_change_days,
    duration_change_pct,
    case
        when duration_change_pct is null or error_squared is null then null
        when
            abs(duration_change_pct) < velocity_change_pct or abs(duration_change_days) < 0.5
            or duration_change_days * duration_change_days <= 3.84 * error_squared
            then 'stable'
        when duration_change_days < 0 then 'improving'
        else 'worsening'
    end as trend_direction,
    advanced_count,
    conversion_rate,
    benchmark_days,
    deviation_days,
    case
        when deviation_days <= velocity_tolerance * benchmark_days then 'green'
        when deviation_days > velocity_red_days then 'red'
        when deviation_days is not null then 'yellow'
    end as status_indicator,
    deals_in_stage,
    amount_in_stage,
    round(ages[1]::numeric, 4) as median_current_age_days,
    round(ages[2]::numeric, 4) as p90_current_age_days
from compared
