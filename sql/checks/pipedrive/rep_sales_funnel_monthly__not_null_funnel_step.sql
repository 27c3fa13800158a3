-- Detects: rows without funnel_step.
-- Why: a report line that cannot be placed or read misleads whoever adds the lines up.
-- A row means: this line of the report has no funnel_step.
select *
from pipedrive.rep_sales_funnel_monthly
where funnel_step is null
