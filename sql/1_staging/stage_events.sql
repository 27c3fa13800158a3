-- Everything that moves deals between stages, from every kind of source, in one shape: what the log of changes says;
-- what the record says of creation, deletion and merge; and for a source that logs no stages what changed between the
-- versions of a record that its loads left, with its closing date.
--
-- One row per: tenant, deal and event.
-- Columns:
--   tenant_id: company the row belongs to
--   opportunity_id: the deal
--   changed_at: when it happened; null for the creation of a deal without a date
--   load_order: load that brought it: the order of events of one instant
--   line_order: line of that load's file, likewise
--   kind: created, stage, pipeline, open, won, lost, deleted, merged
--   stage_label: stage that the deal came into, as the source calls it
--   old_label: stage that it came from, where the log says so
--   pipeline_id: pipeline that the deal came into
with logged as (
    select array_agg(t.tenant_id) as tenants
    from (select distinct tenant_id from crm_remote.loads) as t
    cross join lateral (
        select true as is_logged
        from crm_remote.opportunity_history_versions as h
        where
            h.tenant_id = t.tenant_id and h.field = 'stage_id' and not h.is_deleted
            and h.known_from <= (select ops.known_as_of()) and h.known_to > (select ops.known_as_of())
        limit 1
    ) as x
),

record_events as (
    select
        d.tenant_id,
        d.opportunity_id,
        e.changed_at,
        e.load_order,
        0::bigint as line_order,
        e.kind,
        e.stage_label,
        e.pipeline_id
    from crm_remote.opportunities_versions as d
    inner join crm_remote.loads as l on d.load_id = l.load_id
    cross join logged as g
    cross join
        lateral (
            values
            (
                d.created_at,
                0::bigint,
                'created',
                case when d.tenant_id = any(g.tenants) then d.stage_id end,
                d.pipeline_id,
                true
            ),
            (
                coalesce(d.closed_at, d.modified_at, l.started_at), 9223372036854775806::bigint,
                case when d.is_won then 'won' else 'lost' end, null, null,
                d.is_closed and (d.tenant_id = any(g.tenants)) is not true
            ),
            (
                coalesce(d.modified_at, l.started_at), 9223372036854775807::bigint,
                case when d.merged_into_id is null then 'deleted' else 'merged' end, null, null, d.is_deleted
            )
        ) as e (changed_at, load_order, kind, stage_label, pipeline_id, applies)
    where d.known_from <= (select ops.known_as_of()) and d.known_to > (select ops.known_as_of()) and e.applies
),

version_events as (
    select
        v.tenant_id,
        v.opportunity_id,
        case
            when row_number() over (
                partition by v.tenant_id, v.opportunity_id order by coalesce(v.modified_at, l.started_at), v.known_from
            ) = 1 then coalesce(v.created_at, v.modified_at, l.started_at)
            else least(coalesce(v.modified_at, l.started_at), case when v.is_closed then v.closed_at end)
        end as changed_at,
        v.known_from as load_order,
        v.line_no as line_order,
        v.stage_id as stage_label,
        v.pipeline_id
    from crm_remote.opportunities_versions as v
    inner join crm_remote.loads as l on v.load_id = l.load_id
    where
        v.known_from <= (select ops.known_as_of()) and not v.is_deleted
        and v.tenant_id <> all(coalesce((select g.tenants from logged as g), '{}'))
),

closing_stages as (
    select
        tenant_id,
        bool_or(outcome = 'lost') as has_lost
    from staging.pipeline_stages
    group by tenant_id
)

select
    tenant_id,
    opportunity_id,
    changed_at,
    load_order,
    line_order,
    kind,
    stage_label,
    null::text as old_label,
    pipeline_id
from record_events
union all
select
    tenant_id,
    opportunity_id,
    changed_at,
    load_order,
    line_order,
    'stage' as kind,
    stage_label,
    null as old_label,
    pipeline_id
from version_events
union all
select
    h.tenant_id,
    h.opportunity_id,
    h.changed_at,
    h.known_from as load_order,
    h.line_no as line_order,
    case h.field
        when 'stage_id' then 'stage' when 'pipeline_id' then 'pipeline' when 'loss_reason' then 'lost' else h.new_value
    end as kind,
    case when h.field = 'stage_id' then h.new_value end as stage_label,
    case when h.field = 'stage_id' then h.old_value end as old_label,
    case when h.field = 'pipeline_id' then h.new_value end as pipeline_id
from crm_remote.opportunity_history_versions as h
left join closing_stages as c on h.tenant_id = c.tenant_id
where
    h.field in ('stage_id', 'pipeline_id', 'status', 'loss_reason') and not h.is_deleted
    and h.known_from <= (select ops.known_as_of()) and h.known_to > (select ops.known_as_of())
    and (h.field <> 'status' or h.new_value in ('open', 'won', 'lost'))
    and (h.field <> 'loss_reason' or (h.new_value is not null and not coalesce(c.has_lost, false)))
