-- Detects: rows without month.
-- Why: a report line that cannot be placed or read misleads whoever adds the lines up.
-- A row means: this line of the report has no month.
select *
from pipedrive.rep_sales_funnel_monthly
where month is null
