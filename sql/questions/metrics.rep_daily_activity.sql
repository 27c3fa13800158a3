-- Who did how much each day?
select
    metric_date,
    rep_name,
    calls,
    emails,
    meetings
from metrics.rep_daily_activity
where tenant_id = 'acme'
order by metric_date desc, rep_name asc;

-- How many calls does it take to a meeting?
select
    rep_name,
    sum(calls) as calls,
    sum(meetings) as meetings,
    sum(calls)::numeric / nullif(sum(meetings), 0) as calls_a_meeting
from metrics.rep_daily_activity
where tenant_id = 'acme'
group by rep_name
order by calls_a_meeting;
