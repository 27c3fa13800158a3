-- How many leads stand in which status, and for how long?
select
    lead_status,
    leads_in_status,
    avg_lead_age_days
from metrics.lead_stage_snapshot
where
    tenant_id = 'acme'
    and metric_date = (select max(n.metric_date) from metrics.lead_stage_snapshot as n)
order by leads_in_status desc;

-- Does a status fill up?
select
    metric_date,
    lead_status,
    leads_in_status - lag(leads_in_status) over (partition by lead_status order by metric_date) as change
from metrics.lead_stage_snapshot
where tenant_id = 'acme'
order by metric_date desc, lead_status asc;
