-- Detects: cohorts whose won, lost and open deals are not all of its deals.
-- Why: a deal that is counted twice, or not at all, makes a month look better or worse than it was.
-- A row means: of the deals created in this month so many are won, lost or open, and so many were created.
select
    tenant_id,
    snapshot_date,
    cohort_month,
    pipeline_id,
    segment,
    lead_source,
    max(created_count) as created_count,
    coalesce(sum(reached_count) filter (where step in ('won', 'lost', 'open')), 0) as outcomes_count
from analytics.cohort_conversion
where snapshot_date = (select max(c.snapshot_date) from analytics.cohort_conversion as c)
group by tenant_id, snapshot_date, cohort_month, pipeline_id, segment, lead_source
having max(created_count) <> coalesce(sum(reached_count) filter (where step in ('won', 'lost', 'open')), 0)
