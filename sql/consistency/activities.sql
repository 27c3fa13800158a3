-- What every rep did on the day.
select
    a.tenant_id,
    a.snapshot_date,
    'activities of ' || a.rep_id || ': dashboard.rep_activity_metrics, metrics.rep_daily_activity' as what,
    concat_ws(' / ', a.total_activities, a.call_count, a.email_count, a.meeting_count) as one,
    concat_ws(
        ' / ', coalesce(d.total_activities, 0), coalesce(d.calls, 0), coalesce(d.emails, 0), coalesce(d.meetings, 0)
    ) as other
from dashboard.rep_activity_metrics as a
inner join metrics.run_log as l
    on a.tenant_id = l.tenant_id and a.snapshot_date = l.metric_date and a.known_as_of = l.known_as_of
left join metrics.rep_daily_activity as d
    on a.tenant_id = d.tenant_id and a.snapshot_date = d.metric_date and a.rep_id = d.rep_id
where a.period = 'today'
