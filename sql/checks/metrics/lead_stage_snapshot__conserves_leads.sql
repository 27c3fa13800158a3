-- Detects: days whose leads, summed over statuses, are not those of the lead funnel, summed over sources.
-- Why: every lead stands in exactly one status and comes from exactly one source.
-- A row means: a tenant's day with two numbers of leads.
with by_source as (
    select
        m.tenant_id,
        m.metric_date,
        sum(m.total_leads) as leads
    from metrics.daily_lead_funnel as m
    group by m.tenant_id, m.metric_date
),

by_status as (
    select
        m.tenant_id,
        m.metric_date,
        sum(m.leads_in_status) as leads
    from metrics.lead_stage_snapshot as m
    group by m.tenant_id, m.metric_date
)

select
    l.tenant_id,
    l.snapshot_date as metric_date,
    coalesce(s.leads, 0) as leads_by_status,
    coalesce(f.leads, 0) as leads_by_source
from ops.partition_ledger as l
-- Both tables of the day are of one transaction time.
inner join ops.partition_ledger as o
    on
        l.tenant_id = o.tenant_id and l.snapshot_date = o.snapshot_date and l.known_as_of = o.known_as_of
        and o.dataset = 'metrics.daily_lead_funnel'
left join by_status as s
    on l.tenant_id = s.tenant_id and l.snapshot_date = s.metric_date
left join by_source as f
    on l.tenant_id = f.tenant_id and l.snapshot_date = f.metric_date
where l.dataset = 'metrics.lead_stage_snapshot' and coalesce(s.leads, 0) <> coalesce(f.leads, 0)
