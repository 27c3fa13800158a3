-- Where the process is held up, at the end of every day: visits completed in the :window up to it beside the stage's
-- benchmark, visits begun in them that came back, and what stands in the stage for too long now.
--
-- Window: 90 days
-- Grain: tenant, day, pipeline and stage with such a visit or deal.
-- Key: tenant_id, snapshot_date, pipeline_id, stage_id
-- Columns:
--   tenant_id text not null: company the row belongs to
--   snapshot_date date not null: the business day
--   pipeline_id text not null: the pipeline
--   stage_id text not null: the stage
--   stage_name text not null: its name on the day
--   stage_order numeric: its place on the day
--   occurrences bigint not null: visits completed in the :window
--   avg_days numeric(10, 4): their mean, elapsed days
--   stddev_days numeric(10, 4): their sample standard deviation; null below two
--   min_days numeric(10, 4): the shortest
--   max_days numeric(10, 4): the longest
--   benchmark_days float8: days that a visit should take
--   avg_deviation_days numeric(10, 4): mean less benchmark
--   delay_ratio numeric(10, 4): mean / benchmark
--   delay_level text, one of CRITICAL, HIGH, MEDIUM, LOW, ON TARGET: CRITICAL, HIGH, MEDIUM, LOW or ON TARGET, by that
--       ratio
--   delay_rank bigint: 1 for the pipeline's worst ratio
--   bottleneck_count bigint not null: completed visits that were over the critical threshold
--   rework_count bigint not null: visits begun in the :window by deals that had been in the stage before
--   open_bottleneck_count bigint not null: open deals that are over the critical threshold now
--   amount_in_bottleneck numeric(16, 2): what those are worth
with completed as (
    select
        v.tenant_id,
        v.pipeline_id,
        v.stage_id,
        v.days,
        v.elapsed_us,
        cast(:window_start as date) + n.days as snapshot_date
    from staging.visit_facts as v
    cross join
        lateral generate_series(
            greatest(v.exited_on, :window_start) - cast(:window_start as date),
            least(v.exited_on + :window_days, v.gone_on, :window_end) - cast(:window_start as date) - 1
        ) as n (days)
    where v.exited_on < :window_end and v.exited_on > cast(:window_start as date) - :window_days
),

visits as (
    select
        c.tenant_id,
        c.snapshot_date,
        c.pipeline_id,
        c.stage_id,
        count(*) as occurrences,
        avg(c.elapsed_us) / 86400000000 as avg_days,
        stddev_samp(c.elapsed_us) / 86400000000 as stddev_days,
        min(c.elapsed_us)::numeric / 86400000000 as min_days,
        max(c.elapsed_us)::numeric / 86400000000 as max_days,
        count(*) filter (where c.days > s.critical_days) as bottleneck_count,
        0 as rework_count,
        0 as open_bottleneck_count,
        null::numeric as amount_in_bottleneck
    from completed as c
    inner join enriched.stage_rules as s
        on c.tenant_id = s.tenant_id and c.snapshot_date = s.snapshot_date and c.stage_id = s.stage_id
    group by c.tenant_id, c.snapshot_date, c.pipeline_id, c.stage_id
),

reworked as (
    select
        v.tenant_id,
        cast(:window_start as date) + n.days as snapshot_date,
        v.pipeline_id,
        v.stage_id,
        count(*) as rework_count
    from staging.visit_facts as v
    cross join
        lateral generate_series(
            greatest(v.entered_on, :window_start) - cast(:window_start as date),
            least(v.entered_on + :window_days, v.gone_on, :window_end) - cast(:window_start as date) - 1
        ) as n (days)
    where v.is_reentry and v.entered_on < :window_end and v.entered_on > cast(:window_start as date) - :window_days
    group by v.tenant_id, snapshot_date, v.pipeline_id, v.stage_id
),

present as (
    select
        d.tenant_id,
        d.snapshot_date,
        d.pipeline_id,
        d.stage_id,
        count(*) as open_bottleneck_count,
        sum(d.amount) as amount_in_bottleneck
    from staging.deal_days as d
    inner join enriched.stage_rules as s
        on d.tenant_id = s.tenant_id and d.snapshot_date = s.snapshot_date and d.stage_id = s.stage_id
    where
        d.snapshot_date >= :window_start and d.snapshot_date < :window_end and d.days_in_stage > s.critical_days
    group by d.tenant_id, d.snapshot_date, d.pipeline_id, d.stage_id
),

parts as (
    select * from visits
    union all
    select
        tenant_id,
        snapshot_date,
        pipeline_id,
        stage_id,
        0 as occurrences,
        null as avg_days,
        null as stddev_days,
        null as min_days,
        null as max_days,
        0 as bottleneck_count,
        rework_count,
        0 as open_bottleneck_count,
        null as amount_in_bottleneck
    from reworked
    union all
    select
        tenant_id,
        snapshot_date,
        pipeline_id,
        stage_id,
        0 as occurrences,
        null as avg_days,
        null as stddev_days,
        null as min_days,
        null as max_days,
        0 as bottleneck_count,
        0 as rework_count,
        open_bottleneck_count,
        amount_in_bottleneck
    from present
),

summed as (
    select
        tenant_id,
        snapshot_date,
        pipeline_id,
        stage_id,
        sum(occurrences) as occurrences,
        max(avg_days) as avg_days,
        max(stddev_days) as stddev_days,
        max(min_days) as min_days,
        max(max_days) as max_days,
        sum(bottleneck_count) as bottleneck_count,
        sum(rework_count) as rework_count,
        sum(open_bottleneck_count) as open_bottleneck_count,
        max(amount_in_bottleneck) as amount_in_bottleneck
    from parts
    group by tenant_id, snapshot_date, pipeline_id, stage_id
),

measured as (
    select
        p.*,
        s.stage_name,
        s.stage_order,
        s.benchmark_days,
        round(p.avg_days / s.benchmark_days::numeric, 4) as delay_ratio
    from summed as p
    inner join enriched.stage_rules as s
        on p.tenant_id = s.tenant_id and p.snapshot_date = s.snapshot_date and p.stage_id = s.stage_id
)

select
    m.tenant_id,
    m.snapshot_date,
    m.pipeline_id,
    m.stage_id,
    m.stage_name,
    m.stage_order,
    m.occurrences,
    round(m.avg_days, 4) as avg_days,
    round(m.stddev_days, 4) as stddev_days,
    round(m.min_days, 4) as min_days,
    round(m.max_days, 4) as max_days,
    m.benchmark_days,
    round(m.avg_days - m.benchmark_days::numeric, 4) as avg_deviation_days,
    m.delay_ratio,
    l.delay_level,
    case
        when m.delay_ratio is not null
            then rank() over (
                partition by m.tenant_id, m.snapshot_date, m.pipeline_id order by m.delay_ratio desc nulls last
            )
    end as delay_rank,
    m.bottleneck_count,
    m.rework_count,
    m.open_bottleneck_count,
    m.amount_in_bottleneck
from measured as m
left join lateral (
    select d.delay_level
    from reference.delay_levels as d
    where
        d.tenant_id = m.tenant_id and m.snapshot_date >= d.valid_from and m.snapshot_date < d.valid_to
        and m.delay_ratio >= coalesce(d.ratio_at_least, '-infinity')
    order by d.ratio_at_least desc nulls last
    limit 1
) as l on true
