-- Detects: days whose created deals, summed over reps, are not the deals that the CRM has as created on that day.
-- Why: a deal without owner, amount or source must show as Unassigned or Unknown; one that is dropped shows nowhere.
-- A row means: a day with another number of created deals than the records said that were known when it was computed.
with days as (
    select
        w.tenant_id,
        w.snapshot_date as metric_date,
        w.known_as_of,
        coalesce(w.cut_at, (w.snapshot_date + 1)::timestamp at time zone (select ops.timezone())) as as_of
    from ops.partition_ledger as w
    where w.dataset = 'metrics.rep_daily_pipeline'
),

-- A deletion may bring nothing but the id: then the version before it says when.
versions as (
    select
        v.tenant_id,
        v.known_from,
        v.known_to,
        v.is_deleted,
        coalesce(v.modified_at, l.started_at) as changed_at,
        coalesce(
            v.created_at,
            case
                when v.is_deleted
                    then lag(v.created_at) over (partition by v.tenant_id, v.opportunity_id order by v.known_from)
            end
        ) as created_at
    from crm_remote.opportunities_versions as v
    inner join crm_remote.loads as l on v.load_id = l.load_id
),

created as (
    select
        d.tenant_id,
        d.metric_date,
        count(*) as deals
    from versions as v
    inner join days as d
        on v.tenant_id = d.tenant_id and d.metric_date = (v.created_at at time zone (select ops.timezone()))::date
    where
        v.known_from <= d.known_as_of and v.known_to > d.known_as_of and v.created_at < d.as_of
        and (not v.is_deleted or v.changed_at >= d.as_of)
    group by d.tenant_id, d.metric_date
),

counted as (
    select
        m.tenant_id,
        m.metric_date,
        sum(m.opportunities_created) as deals
    from metrics.rep_daily_pipeline as m
    group by m.tenant_id, m.metric_date
)

select
    d.tenant_id,
    d.metric_date,
    coalesce(m.deals, 0) as opportunities_created,
    coalesce(c.deals, 0) as deals_created
from days as d
left join created as c on d.tenant_id = c.tenant_id and d.metric_date = c.metric_date
left join counted as m on d.tenant_id = m.tenant_id and d.metric_date = m.metric_date
where coalesce(m.deals, 0) <> coalesce(c.deals, 0)
