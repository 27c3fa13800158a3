-- Stages of pipelines under the report's published names and UUIDs, as they are known now. Won and lost are states of
-- deals, not stages.
--
-- Grain: pipeline and stage.
-- Columns:
--   id: UUID of the stage
--   tenant_id: UUID of the tenant
--   pipeline_id: UUID of the pipeline
--   name: the stage's name
--   stage_order: its place in the pipeline; null where the source lists no such stage
--   pipeline_name: the pipeline's name
--   source_tenant_id: the tenant's slug
--   source_pipeline_id: the pipeline's own id
--   source_stage_id: the stage's own id
select
    d.stage_uuid as id,
    d.tenant_uuid as tenant_id,
    d.pipeline_uuid as pipeline_id,
    coalesce(s.stage_name, d.stage_id) as name,
    s.stage_order,
    d.pipeline_name,
    d.tenant_id as source_tenant_id,
    d.pipeline_id as source_pipeline_id,
    d.stage_id as source_stage_id
from staging.stage_directory as d
left join staging.pipeline_stages as s
    on d.tenant_id = s.tenant_id and d.stage_id = s.stage_id and s.valid_to = 'infinity'
where not coalesce(s.is_deleted, false)
