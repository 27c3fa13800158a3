-- Stages of pipelines as they were named, ordered and meant at any time: a stage that is renamed or moved to another
-- place keeps its stage_id and begins a new row. What entering a stage makes of a deal is learned where the source does
-- not say it and does not close deals by a status: a stage that only won, or only lost deals stand in is that.
--
-- Grain: tenant, stage and span of time in which its record did not change.
-- Key: tenant_id, stage_id, valid_from
-- Columns:
--   tenant_id text not null: company the row belongs to
--   stage_id text not null: the stage, for ever: the source's record id where it names stages by label, else its id
--   valid_from timestamptz not null: from when on it was so; the first row reaches back without end
--   valid_to timestamptz not null: until just before when; the last row reaches on without end
--   stage_label text not null: what deals and their history call it
--   pipeline_id text: pipeline it belongs to; null if its record names none
--   stage_name text not null: its name, for people
--   stage_order numeric: its place among the pipeline's stages; null if unknown
--   outcome text not null, one of open, won, lost: open, or what entering it makes of a deal: won or lost
--   is_deleted boolean not null: whether it had been removed
--   listed_from timestamptz: from when on the source's record says so; null where it is learned
-- Rules:
--   valid_to does not come after valid_from unless valid_from < valid_to
with listed as (
    select
        tenant_id,
        coalesce(record_id, stage_id) as stage_id,
        holds_from as valid_from,
        valid_to,
        stage_id as stage_label,
        pipeline_id,
        coalesce(name, stage_id) as stage_name,
        stage_order,
        outcome,
        is_deleted,
        valid_from as listed_from
    from history.pipeline_stages
),

told as (
    select
        coalesce(array_agg(tenant_id || '/' || stage_label) filter (where outcome is not null), '{}') as stages,
        coalesce((
            select array_agg(c.tenant_id)
            from crm_remote.closes_by_status as c
            where c.known_from <= (select ops.known_as_of()) and c.known_to > (select ops.known_as_of())
        ), '{}') as tenants
    from listed
),

learned as (
    select
        tenant_id,
        stage_id as stage_label,
        case when bool_or(is_won) then 'won' else 'lost' end as outcome
    from crm_remote.opportunities_versions
    where
        known_from <= (select ops.known_as_of()) and known_to > (select ops.known_as_of()) and not is_deleted
        and stage_id is not null and tenant_id <> all((select t.tenants from told as t)::text[])
        and tenant_id || '/' || stage_id <> all((select t.stages from told as t)::text[])
    group by tenant_id, stage_id
    having bool_and(is_closed) and (bool_and(is_won) or not bool_or(is_won))
)

select
    s.tenant_id,
    s.stage_id,
    s.valid_from,
    s.valid_to,
    s.stage_label,
    s.pipeline_id,
    s.stage_name,
    s.stage_order,
    coalesce(s.outcome, l.outcome, 'open') as outcome,
    s.is_deleted,
    s.listed_from
from listed as s
left join learned as l on s.tenant_id = l.tenant_id and s.stage_label = l.stage_label
union all
select
    l.tenant_id,
    l.stage_label as stage_id,
    '-infinity' as valid_from,
    'infinity' as valid_to,
    l.stage_label,
    null as pipeline_id,
    l.stage_label as stage_name,
    null as stage_order,
    l.outcome,
    false as is_deleted,
    null as listed_from
from learned as l
left join listed as s on l.tenant_id = s.tenant_id and l.stage_label = s.stage_label
where s.stage_label is null
