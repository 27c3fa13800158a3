-- Detects: rows without deals_count.
-- Why: a report line that cannot be placed or read misleads whoever adds the lines up.
-- A row means: this line of the report has no deals_count.
select *
from pipedrive.rep_sales_funnel_monthly
where deals_count is null
