-- The monthly sales funnel: how many distinct deals took each step in each month. A deal counts in the month of its
-- first entry into a stage, and, for a sales call, in every month in which a done call of that kind was due. Calls
-- are counted by the deal id they carry, whether or not the export knows that deal.
--
-- Grain: tenant, month and step taken by at least one deal.
-- Key: tenant_id, month, funnel_step
-- Columns:
--   tenant_id text not null: company the row belongs to
--   month date not null: first day of the month
--   kpi_name text not null: "Step N: Name"
--   funnel_step numeric not null: number of the step, as in reference.funnel_steps
--   deals_count bigint not null: distinct deals
with steps_taken as (
    select
        h.tenant_id,
        s.funnel_step,
        s.step_name,
        h.deal_id,
        h.entered_at as taken_at
    from pipedrive.int_deal_stage_history as h
    inner join reference.funnel_steps as s on h.stage_id = s.stage_id
    union all
    select
        a.tenant_id,
        s.funnel_step,
        s.step_name,
        a.deal_id,
        a.due_at as taken_at
    from pipedrive.int_completed_activities as a
    inner join reference.funnel_steps as s on a.activity_type = s.activity_type
    where a.due_at is not null and a.deal_id is not null
),

deals as (
    select distinct
        tenant_id,
        date_trunc('month', taken_at at time zone (select ops.timezone()))::date as month,
        funnel_step,
        step_name,
        deal_id
    from steps_taken
)

select
    tenant_id,
    month,
    'Step ' || funnel_step || ': ' || step_name as kpi_name,
    funnel_step,
    count(*) as deals_count
from deals
group by tenant_id, month, funnel_step, step_name
