-- A stage visit is a step of the path of every later closing of its deal, for a window after that.
select
    c.tenant_id,
    c.side,
    'analytics.process_variants' as dataset,
    row(c.opportunity_id, c.visit_number, c.pipeline_id, c.stage_id, c.entered_at)::text as content,
    f.days
from pg_temp.changed_rows as c
cross join
    lateral (
        select
            range_agg(
                ops.valid_days(
                    greatest(f.d_from, f.closed_on), least(f.d_to, f.closed_on + :process_variants_days)
                )
            ) as days
        from staging.closing_facts as f
        where f.tenant_id = c.tenant_id and f.opportunity_id = c.opportunity_id and f.closed_at >= c.entered_at
    ) as f
where c.stage_id is not null and f.days is not null
