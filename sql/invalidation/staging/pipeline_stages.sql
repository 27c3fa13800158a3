-- A stage's record, while it was so; in the pipeline, while deals stood in it.
with open_days as (
    select
        i.tenant_id,
        i.stage_id,
        range_agg(ops.valid_days(i.d_from, i.d_to)) as days
    from staging.deal_intervals as i
    where
        i.status = 'open'
        and (i.tenant_id, i.stage_id) in (select
            c.tenant_id,
            c.stage_id
        from pg_temp.changed_rows as c)
    group by i.tenant_id, i.stage_id
)

select
    c.tenant_id,
    c.side,
    r.dataset,
    row(c.stage_id, c.stage_name, c.stage_order, c.outcome)::text as content,
    r.days
from pg_temp.changed_rows as c
left join open_days as o on c.tenant_id = o.tenant_id and c.stage_id = o.stage_id
cross join
    lateral (
        values
        ('staging.deal_days', ops.valid_days(c.valid_from, c.valid_to) * o.days),
        ('enriched.stage_rules', ops.valid_days(c.valid_from, c.valid_to)),
        ('analytics.cohort_conversion', ops.valid_days(c.valid_from, c.valid_to)),
        ('semantic.metric_values', ops.valid_days(c.valid_from, c.valid_to) * o.days)
    ) as r (dataset, days)
where r.days is not null
