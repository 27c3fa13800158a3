-- Detects: a tenant, month and step that stands more than once.
-- Why: sums over the report would count deals twice.
-- A row means: this tenant, month and step has that many lines.
select
    tenant_id,
    month,
    funnel_step,
    count(*) as lines_count
from pipedrive.rep_sales_funnel_monthly
group by tenant_id, month, funnel_step
having count(*) > 1
