-- Detects: rows without kpi_name.
-- Why: a report line that cannot be placed or read misleads whoever adds the lines up.
-- A row means: this line of the report has no kpi_name.
select *
from pipedrive.rep_sales_funnel_monthly
where kpi_name is null
