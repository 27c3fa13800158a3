-- How long deals stay in each stage and how they leave it, at the end of every day: visits completed in 90 days up to
-- it, beside the 90 days before those; and how many deals stand in the stage, for how long already (completed visits
-- alone are biased short). For every combination of team, segment and region: those of who owned the deal when the
-- visit was completed, or owns it now, and of its account (segment), as these are on the day.
--
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
--   survival_median_days numeric(10, 4): days after which half of the visits of the last year are over, those that
--       still last included (enriched.stage_rules; the company's, in every group)
--   survival_p90_days numeric(10, 4): days after which nine of ten are
--   won_within_90 numeric(7, 6): share of the deals won within 90 days of coming into the stage, likewise
--   lost_within_90 numeric(7, 6): share of them lost
with present as (
    select
        d.tenant_id,
        d.snapshot_date,
        d.pipeline_id,
        d.stage_id,
        ops.or_all(grouping(d.team_id), d.team_id) as team_id,
        ops.or_all(grouping(d.team_id), max(d.team_name)) as team_name,
        ops.or_all(grouping(d.segment), d.segment) as segment,
        ops.or_all(grouping(d.region), d.region) as region,
        count(*) as deals_in_stage,
        sum(d.amount) as amount_in_stage,
        percentile_cont(array[0.5, 0.9]) within group (order by d.days_in_stage) as ages
    from staging.deal_days as d
    where d.snapshot_date >= :window_start and d.snapshot_date < :window_end and d.stage_id is not null
    group by
        d.tenant_id, d.snapshot_date, d.pipeline_id, d.stage_id,
        cube (d.team_id, d.segment, d.region)
),

measured as (
    select
        tenant_id,
        snapshot_date,
        pipeline_id,
        stage_id,
        team_id,
        segment,
        region,
        coalesce(c.team_name, p.team_name) as team_name,
        s.stage_name,
        s.stage_order,
        s.benchmark_days,
        coalesce(c.completed_count, 0) as completed_count,
        c.avg_duration_days,
        c.median_duration_days,
        coalesce(c.previous_completed_count, 0) as previous_completed_count,
        c.previous_avg_duration_days,
        coalesce(c.advanced_count, 0) as advanced_count,
        case
            when s.stage_order is not null then round(c.advanced_count::numeric / nullif(c.completed_count, 0), 4)
        end as conversion_rate,
        c.change_variance,
        coalesce(p.deals_in_stage, 0) as deals_in_stage,
        p.amount_in_stage,
        p.ages,
        c.avg_duration_days - c.previous_avg_duration_days as duration_change_days,
        round((c.avg_duration_days - c.previous_avg_duration_days) / nullif(c.previous_avg_duration_days, 0), 4)
            as duration_change_pct,
        round(c.avg_duration_days - s.benchmark_days::numeric, 4) as deviation_days,
        s.survival_median_days,
        s.survival_p90_days,
        s.won_within_90,
        s.lost_within_90,
        h.velocity_change_pct,
        h.velocity_change_days,
        h.trend_errors,
        h.velocity_red_days,
        h.velocity_tolerance
    from (
        select *
        from analytics.stage_durations
        where snapshot_date >= :window_start and snapshot_date < :window_end
    ) as c
    full join present as p using (tenant_id, snapshot_date, pipeline_id, stage_id, team_id, segment, region)
    inner join enriched.stage_rules as s using (tenant_id, snapshot_date, stage_id)
    inner join staging.thresholds as h using (tenant_id, snapshot_date)
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
        when duration_change_pct is null or change_variance is null then null
        when
            abs(duration_change_pct) < velocity_change_pct or abs(duration_change_days) < velocity_change_days
            or duration_change_days * duration_change_days <= trend_errors * trend_errors * change_variance
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
    round(ages[2]::numeric, 4) as p90_current_age_days,
    round(survival_median_days::numeric, 4) as survival_median_days,
    round(survival_p90_days::numeric, 4) as survival_p90_days,
    won_within_90,
    lost_within_90
from measured
