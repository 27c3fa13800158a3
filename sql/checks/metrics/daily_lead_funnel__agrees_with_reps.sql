-- Detects: days on which the lead funnel counts other created deals than the reps' pipeline does.
-- Why: both count the same deals, one by source and one by owner; whoever puts them side by side must find one sum.
-- A row means: a tenant's day with two sums.
with by_source as (
    select
        m.tenant_id,
        m.metric_date,
        sum(m.opportunities_created) as deals
    from metrics.daily_lead_funnel as m
    group by m.tenant_id, m.metric_date
),

by_rep as (
    select
        m.tenant_id,
        m.metric_date,
        sum(m.opportunities_created) as deals
    from metrics.rep_daily_pipeline as m
    group by m.tenant_id, m.metric_date
)

select
    l.tenant_id,
    l.snapshot_date as metric_date,
    coalesce(s.deals, 0) as deals_by_source,
    coalesce(r.deals, 0) as deals_by_rep
from ops.partition_ledger as l
-- Both tables of the day are of one transaction time.
inner join ops.partition_ledger as o
    on
        l.tenant_id = o.tenant_id and l.snapshot_date = o.snapshot_date and l.known_as_of = o.known_as_of
        and o.dataset = 'metrics.rep_daily_pipeline'
left join by_source as s
    on l.tenant_id = s.tenant_id and l.snapshot_date = s.metric_date
left join by_rep as r
    on l.tenant_id = r.tenant_id and l.snapshot_date = r.metric_date
where l.dataset = 'metrics.daily_lead_funnel' and coalesce(s.deals, 0) <> coalesce(r.deals, 0)
