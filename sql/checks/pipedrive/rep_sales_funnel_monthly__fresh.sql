-- Detects: tenants whose Pipedrive export changed after the report was built, or whose newest load is too old.
-- Why: a report that looks finished but lags behind the CRM is believed all the same.
-- A row means: this tenant's report or source is stale.
-- Severity: warn
-- Parameters: checked_at (the instant of the check), max_age_days
with changed as (
    select
        tenant_id,
        max(known_from) as load_seq
    from crm_remote.load_files
    where source = 'pipedrive_raw'
    group by tenant_id
),

loaded as (
    select
        tenant_id,
        max(finished_at) as finished_at
    from crm_remote.loads
    where status = 'finished'
    group by tenant_id
),

built as (
    select
        tenant_id,
        min(known_as_of) as known_as_of
    from pipedrive.rep_sales_funnel_monthly
    group by tenant_id
)

select
    c.tenant_id,
    c.load_seq as last_changed_by_load,
    b.known_as_of as report_known_as_of,
    l.finished_at as newest_load_finished_at
from changed as c
inner join loaded as l on c.tenant_id = l.tenant_id
left join built as b on c.tenant_id = b.tenant_id
where
    b.known_as_of is null
    or b.known_as_of < c.load_seq
    or l.finished_at < :checked_at - make_interval(secs => :max_age_days * 86400)
