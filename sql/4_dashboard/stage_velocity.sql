-- How long deals stay in each stage, at the end of every day, for every combination of team, segment and region.
--
-- Grain: tenant, day, pipeline, stage, team, segment and region.
-- Columns:
--   tenant_id: company the row belongs to
--   snapshot_date: the business day
--   pipeline_id: the pipeline
--   stage_id: the stage
--   team_filter: All, or a manager's name
--   segment: All, a segment, or Unknown
--   region: All, a region, or Unknown
--   team_id: All, a manager's id, none or -1
--   stage_name: its name on the day
--   stage_order: its place on the day
--   avg_duration_days: mean of the visits completed in the 90 days up to the day
--   median_duration_days: their median
--   benchmark_days: days that a visit should take
--   deviation_days: mean less benchmark
--   duration_change_pct: change of the mean against the 90 days before those, as a share
--   trend_direction: improving, stable or worsening
--   conversion_rate: share of the completed visits that ended forward or won
--   deals_in_stage: open deals in the stage
--   amount_in_stage: what they are worth
--   status_indicator: green, yellow or red
--   trend_display: change of the mean in days, for people
--   completed_count: visits that the figures are of
--   previous_completed_count: visits in the 90 days before
--   duration_change_days: change of the mean, days
--   median_current_age_days: median of the elapsed days that the open deals have been in the stage
--   p90_current_age_days: their 90th percentile
select
    tenant_id,
    snapshot_date,
    pipeline_id,
    stage_id,
    team_name as team_filter,
    segment,
    region,
    team_id,
    stage_name,
    stage_order,
    avg_duration_days,
    median_duration_days,
    benchmark_days,
    deviation_days,
    duration_change_pct,
    trend_direction,
    conversion_rate,
    deals_in_stage,
    amount_in_stage,
    status_indicator,
    dashboard.trend(duration_change_days) as trend_display,
    completed_count,
    previous_completed_count,
    duration_change_days,
    median_current_age_days,
    p90_current_age_days
from analytics.stage_velocity
where snapshot_date >= :window_start and snapshot_date < :window_end
