-- How long deals stay in each stage, at the end of every day, for every combination of team, segment and region.
--
-- Grain: tenant, day, pipeline, stage, team, segment and region.
-- Key: tenant_id, snapshot_date, pipeline_id, stage_id, team_id, segment, region
-- Index: (snapshot_date)
-- Columns:
--   tenant_id text not null: company the row belongs to
--   snapshot_date date not null: the business day
--   pipeline_id text not null: the pipeline
--   stage_id text not null: the stage
--   team_filter text not null: All, or a manager's name
--   segment text not null: All, a segment, or Unknown
--   region text not null: All, a region, or Unknown
--   team_id text not null: All, a manager's id, none or -1
--   stage_name text not null: its name on the day
--   stage_order numeric: its place on the day
--   avg_duration_days numeric(10, 4), at least 0: mean of the visits completed in the 90 days up to the day
--   median_duration_days numeric(10, 4), at least 0: their median
--   benchmark_days float8, at least 0: days that a visit should take
--   deviation_days numeric(10, 4): mean less benchmark
--   duration_change_pct numeric: change of the mean against the 90 days before those, as a share
--   trend_direction text, one of improving, stable, worsening: improving, stable or worsening
--   conversion_rate numeric(5, 4), 0 to 1: share of the completed visits that ended forward or won
--   deals_in_stage bigint not null, at least 0: open deals in the stage
--   amount_in_stage numeric(18, 2): what they are worth
--   status_indicator text, one of green, yellow, red: green, yellow or red
--   trend_display text not null: change of the mean in days, for people
--   completed_count bigint not null, at least 0: visits that the figures are of
--   previous_completed_count bigint not null, at least 0: visits in the 90 days before
--   duration_change_days numeric(10, 4): change of the mean, days
--   median_current_age_days numeric(10, 4), at least 0: median of the elapsed days that the open deals have been in
--       the stage
--   p90_current_age_days numeric(10, 4), at least 0: their 90th percentile
-- Rules:
--   trend_display does not say duration_change_days unless trend_display = dashboard.trend(duration_change_days)
--   avg_duration_days does not agree with completed_count unless (avg_duration_days is null) = (completed_count = 0)
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
