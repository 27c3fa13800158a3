-- Detects: steps that more deals took in a month than the step before.
-- Why: a funnel should narrow; one that grows shows skipped stages, calls without deals, or a backlog passing through.
-- A row means: in this month more deals took this step than the one before it.
-- Severity: warn
with steps as (
    select
        tenant_id,
        month,
        funnel_step,
        kpi_name,
        deals_count,
        lag(deals_count) over (partition by tenant_id, month order by funnel_step) as deals_count_before
    from pipedrive.rep_sales_funnel_monthly
)

select *
from steps
where deals_count > deals_count_before
