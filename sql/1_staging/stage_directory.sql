-- Which stages stand in which pipeline, and under which UUIDs the stage velocity report knows them: open stages that
-- the source lists, and those that deals have been in although no list has them. A stage listed without a pipeline
-- stands in each of its tenant's.
--
-- Grain: tenant, pipeline and open stage.
-- Key: tenant_id, pipeline_id, stage_id
-- Unique: tenant_uuid, pipeline_uuid, stage_uuid
-- Columns:
--   tenant_id text not null: company the row belongs to
--   pipeline_id text not null: the pipeline, by its source id
--   stage_id text not null: the stage, as in staging.pipeline_stages
--   pipeline_name text not null: the pipeline's name, for people
--   is_listed boolean not null: whether the source lists the stage
--   tenant_uuid uuid not null: UUID of the tenant
--   pipeline_uuid uuid not null: UUID of tenant and pipeline
--   stage_uuid uuid not null: UUID of tenant and stage
with stages as (
    select distinct
        tenant_id,
        pipeline_id,
        stage_id
    from staging.pipeline_stages
    where outcome = 'open'
),

visited as (
    select distinct
        tenant_id,
        pipeline_id,
        stage_id
    from staging.stage_visits
),

names as (
    select
        tenant_id,
        pipeline_id,
        name
    from crm_remote.pipelines_versions
    where known_from <= (select ops.known_as_of()) and known_to > (select ops.known_as_of()) and not is_deleted
),

named as (
    select
        tenant_id,
        pipeline_id
    from names
    union
    select
        tenant_id,
        pipeline_id
    from visited
    union
    select
        tenant_id,
        pipeline_id
    from stages
    where pipeline_id is not null
),

pipelines as (
    select
        tenant_id,
        pipeline_id
    from named
    union
    select
        tenant_id,
        'default' as pipeline_id
    from stages
    where tenant_id not in (select n.tenant_id from named as n)
),

places as (
    select
        s.tenant_id,
        p.pipeline_id,
        s.stage_id,
        true as is_listed
    from stages as s
    inner join pipelines as p
        on s.tenant_id = p.tenant_id and (s.pipeline_id is null or s.pipeline_id = p.pipeline_id)
    union all
    select
        v.tenant_id,
        v.pipeline_id,
        v.stage_id,
        s.stage_id is not null as is_listed
    from visited as v
    left join stages as s on v.tenant_id = s.tenant_id and v.stage_id = s.stage_id
)

select
    p.tenant_id,
    p.pipeline_id,
    p.stage_id,
    coalesce(min(n.name), p.pipeline_id) as pipeline_name,
    bool_or(p.is_listed) as is_listed,
    ops.uuid_of('tenant', p.tenant_id) as tenant_uuid,
    ops.uuid_of('pipeline', p.tenant_id, p.pipeline_id) as pipeline_uuid,
    ops.uuid_of('stage', p.tenant_id, p.stage_id) as stage_uuid
from places as p
left join names as n on p.tenant_id = n.tenant_id and p.pipeline_id = n.pipeline_id
group by p.tenant_id, p.pipeline_id, p.stage_id
