-- How long a visit to each stage should take, as of every day: what the tenant's own rows of
-- sql/reference/stage_benchmarks.csv say, else its CRM, else the defaults, else its own median of the year before (a
-- habit of slowness is no yardstick where there is another). Its own median counts visits that still last
-- (staging.stage_survival) where enough of those that began in the year are over and half of all are.
--
-- Grain: tenant, day and stage.
-- Key: tenant_id, snapshot_date, stage_id
-- Columns:
--   tenant_id text not null: company the row belongs to
--   snapshot_date date not null: the business day
--   stage_id text not null: the stage
--   stage_name text not null: its name on that day
--   stage_order numeric: its place on that day
--   benchmark_days float8, more than 0: days that a visit should take; null if nothing says
--   benchmark_source text, one of tenant, source, default, own median: tenant (own file rows), source (its CRM),
--       default, or own median
--   own_median_days float8: the tenant's own median of the year before, whatever the benchmark is
--   own_visits_count bigint: completed visits that it is of
--   stall_days float8: days after which a visit counts as stuck
--   critical_days float8: days after which it is a bottleneck
--   needs_economic_buyer boolean not null: whether an economic buyer should be engaged by then
--   survival_median_days float8: days after which half of the visits are over that began in the year up to the end of
--       the week before, those that still last included (staging.stage_survival)
--   survival_p90_days float8: days after which nine of ten are
--   won_within_90 numeric(7, 6): share of their deals won within 90 days of coming into the stage
--   lost_within_90 numeric(7, 6): share of them lost
with visited as (
    select
        tenant_id,
        stage_id,
        min(entered_on) as since_date
    from staging.visit_facts
    group by tenant_id, stage_id
),

stages as (
    select distinct
        tenant_id,
        stage_id,
        '-infinity'::date as since_date
    from staging.pipeline_stages
    union all
    select v.*
    from visited as v
    where not exists (
        select from staging.pipeline_stages as p
        where p.tenant_id = v.tenant_id and p.stage_id = v.stage_id
    )
),

named as (
    select
        r.tenant_id,
        r.day,
        r.as_of,
        ops.week_start(r.quarter_start, r.week_of_quarter) - 1 as week_before,
        s.stage_id,
        coalesce(p.stage_name, s.stage_id) as stage_name,
        p.stage_order
    from pg_temp.run_days as r
    inner join stages as s on r.tenant_id = s.tenant_id and r.day >= s.since_date
    left join staging.pipeline_stages as p
        on s.tenant_id = p.tenant_id and s.stage_id = p.stage_id and r.as_of > p.valid_from and r.as_of <= p.valid_to
    where coalesce(p.outcome, 'open') = 'open'
),

sourced as (
    select
        d.*,
        b.expected_days as file_days,
        c.expected_days as source_days,
        case
            when v.completed_count >= t.own_median_visits then coalesce(v.median_days, m.median_days)
            else m.median_days
        end as median_days,
        m.visits_count,
        v.median_days as survival_median_days,
        v.p90_days as survival_p90_days,
        v.won_within_90,
        v.lost_within_90,
        coalesce(b.needs_economic_buyer, false) as needs_economic_buyer,
        t.stall_factor,
        t.critical_factor,
        case
            when not b.is_default then 'tenant'
            when c.expected_days is not null then 'source'
            when b.is_default then 'default'
            when m.visits_count >= t.own_median_visits and m.median_days > 0 then 'own median'
        end as benchmark_source
    from named as d
    inner join staging.thresholds as t on d.tenant_id = t.tenant_id and d.day = t.snapshot_date
    left join reference.stage_benchmarks as b
        on
            d.tenant_id = b.tenant_id and d.stage_name = b.stage_name
            and d.day >= b.valid_from and d.day < b.valid_to
    left join staging.stage_benchmarks as c
        on d.tenant_id = c.tenant_id and d.stage_id = c.stage_id and d.as_of > c.valid_from and d.as_of <= c.valid_to
    left join staging.stage_medians as m
        on d.tenant_id = m.tenant_id and d.day = m.snapshot_date and d.stage_id = m.stage_id
    left join staging.stage_survival as v
        on d.tenant_id = v.tenant_id and d.week_before = v.snapshot_date and d.stage_id = v.stage_id
),

measured as (
    select
        *,
        case benchmark_source
            when 'source' then source_days::float8
            when 'own median' then median_days
            else file_days::float8
        end as benchmark_days
    from sourced
)

select
    tenant_id,
    day as snapshot_date,
    stage_id,
    stage_name,
    stage_order,
    benchmark_days,
    benchmark_source,
    median_days as own_median_days,
    visits_count as own_visits_count,
    benchmark_days * stall_factor::float8 as stall_days,
    benchmark_days * critical_factor::float8 as critical_days,
    needs_economic_buyer,
    survival_median_days,
    survival_p90_days,
    won_within_90,
    lost_within_90
from measured
