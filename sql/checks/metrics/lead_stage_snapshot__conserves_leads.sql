-- Detects: days whose leads, summed over statuses, are not those of the lead funnel, summed over sources.
-- Why: every lead stands in exactly one status and comes from exactly one source.
-- A row means: a tenant's day with two numbers of leads.
with by_source as (
    select
        m.tenant_id,
        m.metric_date,
        m.known_as_of,
        sum(m.total_leads) as leads
    from metrics.daily_lead_funnel as m
    group by m.tenant_id, m.metric_date, m.known_as_of
),

by_status as (
    select
        m.tenant_id,
        m.metric_date,
        m.known_as_of,
        sum(m.leads_in_status) as leads
    from metrics.lead_stage_snapshot as m
    group by m.tenant_id, m.metric_date, m.known_as_of
)

select
    l.tenant_id,
    l.metric_date,
    coalesce(s.leads, 0) as leads_by_status,
    coalesce(f.leads, 0) as leads_by_source
from metrics.run_log as l
left join by_status as s
    on l.tenant_id = s.tenant_id and l.metric_date = s.metric_date and l.known_as_of = s.known_as_of
left join by_source as f
    on l.tenant_id = f.tenant_id and l.metric_date = f.metric_date and l.known_as_of = f.known_as_of
where coalesce(s.leads, 0) <> coalesce(f.leads, 0)
