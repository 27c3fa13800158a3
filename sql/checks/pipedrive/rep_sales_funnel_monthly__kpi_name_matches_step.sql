-- Detects: names that do not belong to their step number.
-- Why: people read the name, programs the number; both must say the same.
-- A row means: this line is named otherwise than its step, expected_kpi_name.
select
    r.*,
    'Step ' || s.funnel_step || ': ' || s.step_name as expected_kpi_name
from pipedrive.rep_sales_funnel_monthly as r
inner join reference.funnel_steps as s on r.funnel_step = s.funnel_step
where r.kpi_name is distinct from 'Step ' || s.funnel_step || ': ' || s.step_name
