-- Stage visits under the report's published names and UUIDs: staging.stage_visits for other tools.
--
-- Grain: stage visit.
-- Columns:
--   tenant_id: UUID of the tenant
--   deal_id: UUID of tenant and deal
--   pipeline_id: UUID of the pipeline
--   pipeline_stage_id: UUID of the stage
--   entered_at: when the visit began
--   exited_at: when it ended; null while it lasts
--   is_current: whether it lasts
--   gone_at: when the deal was deleted or merged, if it was
--   source_tenant_id: the tenant's slug
--   source_deal_id: the deal's own id
select
    d.tenant_uuid as tenant_id,
    ops.uuid_of('deal', v.tenant_id, v.opportunity_id) as deal_id,
    d.pipeline_uuid as pipeline_id,
    d.stage_uuid as pipeline_stage_id,
    v.entered_at,
    v.exited_at,
    v.exited_at is null as is_current,
    v.gone_at,
    v.tenant_id as source_tenant_id,
    v.opportunity_id as source_deal_id
from staging.stage_visits as v
inner join staging.stage_directory as d
    on v.tenant_id = d.tenant_id and v.pipeline_id = d.pipeline_id and v.stage_id = d.stage_id
