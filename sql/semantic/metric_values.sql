-- What every approved business metric was, as of the end of the day: the running period and the one before it (and those
-- ahead), and any older one that reads otherwise than when it was last stored. A period reads as its newest row says.
--
-- Grain: tenant, day, metric, variant, measure, period and dimensions.
-- Key: tenant_id, snapshot_date, metric_id, variant, measure, period, dimensions
-- Index: (tenant_id, metric_id, snapshot_date)
-- Columns:
--   tenant_id text not null: company the row belongs to
--   snapshot_date date not null: the business day
--   metric_id text not null: category/name, as in semantic.metric_definitions
--   variant text not null: by_…, or whole
--   measure text not null: value, or another number that the definition gives
--   period date not null: first day of the period; of a metric without a grain the day itself
--   dimensions jsonb not null: value of each dimension
--   value numeric: what it is; null where nothing can be said, or its records are gone
--   value_before numeric: what it was when last stored; null where it was not
--   is_restatement boolean not null: whether an older period reads otherwise than when it was last stored
--   restated_by_load bigint: of a restatement the newest load that brought records which it reads, dated between the two
--       days; null where none did (a rate, or a name, changed)
with days as (
    select
        d.tenant_id,
        d.day
    from pg_temp.run_days as d
    where d.day >= :window_start and d.day < :window_end
),

-- What was last stored of each value before a day of the window, and between its days.
stored as (
    select
        v.tenant_id,
        v.metric_id,
        v.variant,
        v.measure,
        v.period,
        v.dimensions,
        v.snapshot_date,
        v.value
    from semantic.metric_values as v
    where
        v.snapshot_date < :window_end
        and v.tenant_id in (select d.tenant_id from days as d)
        and not exists (
            select from days as d
            where d.tenant_id = v.tenant_id and d.day = v.snapshot_date
        )
),

-- From the first day on which a value is known, every day of the window: null where its records are gone.
firsts as (
    select
        tenant_id,
        metric_id,
        variant,
        measure,
        period,
        dimensions,
        min(snapshot_date) as first_day
    from (
        select
            tenant_id,
            metric_id,
            variant,
            measure,
            period,
            dimensions,
            snapshot_date
        from stored
        union all
        select
            tenant_id,
            metric_id,
            variant,
            measure,
            period,
            dimensions,
            snapshot_date
        from pg_temp.metric_readings
    ) as q
    group by 1, 2, 3, 4, 5, 6
),

readings as (
    select
        q.tenant_id,
        q.metric_id,
        q.variant,
        q.measure,
        q.period,
        q.dimensions,
        q.snapshot_date,
        max(q.value) as value
    from (
        select
            f.tenant_id,
            f.metric_id,
            f.variant,
            f.measure,
            f.period,
            f.dimensions,
            d.day as snapshot_date,
            null as value
        from firsts as f
        inner join days as d on f.tenant_id = d.tenant_id and f.first_day <= d.day
        union all
        select
            tenant_id,
            metric_id,
            variant,
            measure,
            period,
            dimensions,
            snapshot_date,
            value
        from pg_temp.metric_readings
    ) as q
    group by 1, 2, 3, 4, 5, 6, 7
),

compared as (
    select
        q.*,
        lag(q.value) over lives as value_before,
        lag(q.snapshot_date) over lives as day_before
    from (
        select
            tenant_id,
            metric_id,
            variant,
            measure,
            period,
            dimensions,
            snapshot_date,
            value,
            null::date as kept_from,
            null::text[] as inputs,
            false as is_new
        from stored
        union all
        select
            r.tenant_id,
            r.metric_id,
            r.variant,
            r.measure,
            r.period,
            r.dimensions,
            r.snapshot_date,
            r.value,
            m.kept_from,
            m.inputs,
            true as is_new
        from readings as r
        inner join pg_temp.metrics_run as m
            on
                r.tenant_id = m.tenant_id and r.snapshot_date = m.snapshot_date and r.metric_id = m.metric_id
                and r.variant = m.variant and m.error is null and (m.has_periods or r.period = m.snapshot_date)
    ) as q
    window lives as (
        partition by q.tenant_id, q.metric_id, q.variant, q.measure, q.period, q.dimensions order by q.snapshot_date
    )
)

select
    c.tenant_id,
    c.snapshot_date,
    c.metric_id,
    c.variant,
    c.measure,
    c.period,
    c.dimensions,
    c.value,
    c.value_before,
    c.period < c.kept_from and c.day_before is not null as is_restatement,
    case when c.period < c.kept_from and c.day_before is not null then (
        select max(i.newest_load)
        from staging.metric_input_days as i
        where
            i.tenant_id = c.tenant_id and i.input_name = any(c.inputs)
            and i.day > c.day_before and i.day <= c.snapshot_date
    ) end as restated_by_load
from compared as c
where
    c.is_new
    and (c.value is not null or c.value_before is not null or c.day_before is null)
    and (c.period >= c.kept_from or c.day_before is null or c.value is distinct from c.value_before)
