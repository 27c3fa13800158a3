-- How long completed visits to each stage took, at the end of every day: those completed in the :window up to it,
-- beside those of the :window before. For every combination of team and region of who owned the deal when the visit was
-- completed, and of its account's segment, as these are on the day.
--
-- Window: 90 days
-- Grain: tenant, day, pipeline, stage, team, segment and region with a completed visit (All: every visited stage).
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
--   completed_count bigint not null: visits completed in the :window
--   advanced_count bigint not null: those of them that ended forward or won
--   avg_duration_days numeric(10, 4): their mean, elapsed days; null without any
--   median_duration_days float8: their median
--   previous_completed_count bigint not null: visits completed in the :window before those
--   previous_avg_duration_days numeric(10, 4): their mean
--   change_variance numeric: variance of the difference of the two means, in square days; null below two visits each
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
        ops.or_all(grouping(coalesce(v.account_segment, p.segment)), coalesce(v.account_segment, p.segment)) as segment,
        ops.or_all(grouping(p.region), p.region) as region,
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
    group by
        v.tenant_id, v.day, v.pipeline_id, v.stage_id,
        cube (p.team_id, coalesce(v.account_segment, p.segment), p.region)
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
    completed_count,
    advanced_count,
    avg_duration_days,
    median_duration_days,
    previous_completed_count,
    previous_avg_duration_days,
    -- s1^2 / n1 + s2^2 / n2
    (
        (hours_squared - hours * hours / completed_count) / nullif(completed_count - 1, 0) / completed_count
        + (previous_hours_squared - previous_hours * previous_hours / previous_completed_count)
        / nullif(previous_completed_count - 1, 0) / previous_completed_count
    ) / 576 as change_variance
from completed
union all
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
    0 as advanced_count,
    null as avg_duration_days,
    null as median_duration_days,
    0 as previous_completed_count,
    null as previous_avg_duration_days,
    null as change_variance
from pg_temp.run_days as r
inner join visited as v on r.tenant_id = v.tenant_id and r.day >= v.since_date
where not exists (
    select from completed as c
    where
        c.tenant_id = r.tenant_id and c.snapshot_date = r.day and c.pipeline_id = v.pipeline_id
        and c.stage_id = v.stage_id
)
