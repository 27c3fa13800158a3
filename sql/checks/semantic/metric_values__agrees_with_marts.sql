-- Detects: metrics whose number differs from the one that a dataset of the same day has.
-- Why: a reader must not find two numbers for one thing.
-- A row means: a tenant's day and the two numbers, both by what was known after the same load.
with built as (
    select
        w.dataset,
        w.tenant_id,
        w.snapshot_date,
        w.known_as_of
    from ops.partition_ledger as w
    left join ops.stale_partitions as q
        on w.dataset = q.dataset and w.tenant_id = q.tenant_id and w.snapshot_date = q.snapshot_date
    where q.dataset is null and w.cut_at is null
),

stored as (
    select
        b.tenant_id,
        b.snapshot_date,
        b.known_as_of,
        v.metric_id,
        v.measure,
        v.period,
        v.value
    from built as b
    inner join semantic.metric_values as v
        on b.tenant_id = v.tenant_id and b.snapshot_date = v.snapshot_date and v.variant = 'whole'
    where b.dataset = 'semantic.metric_values' and v.metric_id in ('sales/pipeline_value', 'sales/won_revenue')
),

-- Months behind the previous one are stored when they change: each day's pipeline is read in all of its months.
pipeline as (
    select
        s.tenant_id,
        s.snapshot_date,
        s.known_as_of,
        o.measure,
        sum(o.value) as value
    from
        (select distinct
            tenant_id,
            snapshot_date,
            known_as_of
        from stored
        where metric_id = 'sales/pipeline_value') as s
    cross join
        lateral (
            select distinct on (v.measure, v.period)
                v.measure,
                v.period,
                v.value
            from semantic.metric_values as v
            where
                v.tenant_id = s.tenant_id and v.metric_id = 'sales/pipeline_value' and v.variant = 'whole'
                and v.snapshot_date <= s.snapshot_date and v.measure in ('open_amount', 'deals')
            order by v.measure asc, v.period asc, v.snapshot_date desc
        ) as o
    group by s.tenant_id, s.snapshot_date, s.known_as_of, o.measure
),

won as (
    select
        s.tenant_id,
        s.snapshot_date,
        s.known_as_of,
        s.measure,
        s.value
    from stored as s
    where s.metric_id = 'sales/won_revenue' and s.period = s.snapshot_date and s.measure in ('value', 'deals')
),

won_daily as (
    select
        b.tenant_id,
        b.snapshot_date,
        b.known_as_of,
        q.measure,
        q.value
    from built as b
    left join lateral (
        select
            coalesce(sum(m.revenue_won), 0) as revenue,
            coalesce(sum(m.closed_won_opportunities), 0) as deals
        from metrics.rep_daily_pipeline as m
        where m.tenant_id = b.tenant_id and m.metric_date = b.snapshot_date
    ) as p on true
    cross join lateral (values ('value', p.revenue), ('deals', p.deals)) as q (measure, value)
    where b.dataset = 'metrics.rep_daily_pipeline'
),

pairs as (
    select
        p.tenant_id,
        p.snapshot_date,
        'sales/pipeline_value ' || p.measure as metric,
        'analytics.pipeline_health_summary' as mart,
        p.value as metric_value,
        case p.measure when 'deals' then h.deals_count else h.amount end as mart_value
    from pipeline as p
    inner join analytics.pipeline_health_summary as h
        on
            p.tenant_id = h.tenant_id and p.snapshot_date = h.snapshot_date and p.known_as_of = h.known_as_of
            and h.dimension = 'overall'
    inner join built as b
        on
            h.tenant_id = b.tenant_id and h.snapshot_date = b.snapshot_date
            and b.dataset = 'analytics.pipeline_health_summary'
    union all
    select
        d.tenant_id,
        d.snapshot_date,
        'sales/won_revenue ' || d.measure as metric,
        'metrics.rep_daily_pipeline' as mart,
        coalesce(w.value, 0) as metric_value,
        d.value as mart_value
    from won_daily as d
    inner join built as b
        on
            d.tenant_id = b.tenant_id and d.snapshot_date = b.snapshot_date and d.known_as_of = b.known_as_of
            and b.dataset = 'semantic.metric_values'
    inner join semantic.metric_definitions as f on f.id = 'sales/won_revenue' and f.status = 'approved'
    left join won as w
        on d.tenant_id = w.tenant_id and d.snapshot_date = w.snapshot_date and d.measure = w.measure
)

select
    p.*,
    p.metric_value - p.mart_value as difference
from pairs as p
where p.metric_value is distinct from p.mart_value
