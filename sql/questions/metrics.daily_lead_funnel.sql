-- How many leads came in each day, and from where?
select
    metric_date,
    lead_source,
    new_leads
from metrics.daily_lead_funnel
where tenant_id = 'acme'
order by metric_date desc, lead_source asc;

-- Which sources give leads that become opportunities?
select
    lead_source,
    sum(new_leads) as leads,
    sum(opportunities_created) as opportunities
from metrics.daily_lead_funnel
where tenant_id = 'acme'
group by lead_source
order by opportunities desc;
