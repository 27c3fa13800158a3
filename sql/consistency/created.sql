-- Deals created on the day.
select
    p.tenant_id,
    p.snapshot_date,
    'created: analytics.rep_performance, metrics.rep_daily_pipeline' as what,
    sum(p.created_today_count)::text as one,
    coalesce(max(d.created_count), 0)::text as other
from analytics.rep_performance as p
inner join metrics.run_log as l
    on p.tenant_id = l.tenant_id and p.snapshot_date = l.metric_date and p.known_as_of = l.known_as_of
left join (
    select
        tenant_id,
        metric_date,
        sum(opportunities_created) as created_count
    from metrics.rep_daily_pipeline
    group by tenant_id, metric_date
) as d on p.tenant_id = d.tenant_id and p.snapshot_date = d.metric_date
group by p.tenant_id, p.snapshot_date
