-- Detects: counts below zero.
-- Why: a number of deals cannot be negative; one that is comes from a broken build.
-- A row means: this line of the report has an impossible count.
select *
from pipedrive.rep_sales_funnel_monthly
where deals_count < 0
