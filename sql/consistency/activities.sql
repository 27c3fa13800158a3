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
-- The day that still runs ends for the daily metrics with its newest load.
inner join ops.partition_ledger as w
    on
        l.tenant_id = w.tenant_id and l.metric_date = w.snapshot_date and w.dataset = 'metrics.rep_daily_activity'
        and w.cut_at is null
left join metrics.rep_daily_activity as d
    on a.tenant_id = d.tenant_id and a.snapshot_date = d.metric_date and a.rep_id = d.rep_id
-- What was deleted later happened on its day for the daily metrics; staging.activities does not know it any more.
left join (
    select distinct
        tenant_id,
        (occurred_at at time zone (select ops.timezone()))::date as day
    from crm_remote.activities_versions
    where is_deleted
) as g on a.tenant_id = g.tenant_id and a.snapshot_date = g.day
where a.period = 'today' and g.day is null
