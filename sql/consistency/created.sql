-- Deals created on the day.
-- Left out: days with deals whose first change is older than their record says, or that have no date of creation; their
-- life begins with that change, and the daily metrics go by the record.
with lives as (
    select
        s.tenant_id,
        (min(s.entered_at) at time zone (select ops.timezone()))::date as opened_on,
        (max(o.created_at) at time zone (select ops.timezone()))::date as created_on
    from staging.deal_visits as s
    left join history.opportunities as o
        on s.tenant_id = o.tenant_id and s.opportunity_id = o.opportunity_id and o.is_current
    group by s.tenant_id, s.opportunity_id
),

odd_days as (
    select distinct
        l.tenant_id,
        d.day
    from lives as l
    cross join lateral (values (l.opened_on), (l.created_on)) as d (day)
    where l.opened_on is distinct from l.created_on and d.day is not null
)

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
left join odd_days as o on p.tenant_id = o.tenant_id and p.snapshot_date = o.day
where o.day is null
group by p.tenant_id, p.snapshot_date
