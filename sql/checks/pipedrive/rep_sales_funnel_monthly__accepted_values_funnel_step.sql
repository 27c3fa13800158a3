-- Detects: step numbers that are not in reference.funnel_steps.
-- Why: readers compare months by step; a number that nobody defined has no meaning.
-- A row means: this line of the report counts a step that does not exist.
select r.*
from pipedrive.rep_sales_funnel_monthly as r
left join reference.funnel_steps as s on r.funnel_step = s.funnel_step
where s.funnel_step is null
