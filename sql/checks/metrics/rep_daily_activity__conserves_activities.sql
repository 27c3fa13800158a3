-- Detects: days whose activities, summed over reps, are not the activities that the CRM has for that day.
-- Why: work that nobody is named for belongs to Unassigned; what is dropped makes a team look idle.
-- A row means: a day with another number of activities than the records said that were known when it was computed.
with days as (
    select
        w.tenant_id,
        w.snapshot_date as metric_date,
        w.known_as_of,
        coalesce(w.cut_at, (w.snapshot_date + 1)::timestamp at time zone (select ops.timezone())) as as_of
    from ops.partition_ledger as w
    where w.dataset = 'metrics.rep_daily_activity'
),

done as (
    select
        d.tenant_id,
        d.metric_date,
        count(*) as activities
    from crm_remote.activities_versions as v
    inner join days as d
        on v.tenant_id = d.tenant_id and d.metric_date = (v.occurred_at at time zone (select ops.timezone()))::date
    where
        v.known_from <= d.known_as_of and v.known_to > d.known_as_of and v.is_done is not false
        and v.occurred_at < d.as_of and (not v.is_deleted or v.modified_at >= d.as_of)
    group by d.tenant_id, d.metric_date
),

counted as (
    select
        m.tenant_id,
        m.metric_date,
        sum(m.total_activities) as activities
    from metrics.rep_daily_activity as m
    group by m.tenant_id, m.metric_date
)

select
    d.tenant_id,
    d.metric_date,
    coalesce(m.activities, 0) as total_activities,
    coalesce(c.activities, 0) as activities_done
from days as d
left join done as c on d.tenant_id = c.tenant_id and d.metric_date = c.metric_date
left join counted as m on d.tenant_id = m.tenant_id and d.metric_date = m.metric_date
where coalesce(m.activities, 0) <> coalesce(c.activities, 0)
