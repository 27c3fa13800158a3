-- Everything that moves deals between stages, from every kind of source, in one shape: what the log of changes says,
-- and what the versions of the record that loads left say of creation, stage, closing, deletion and merge. Which of
-- the two counts is decided deal by deal: see staging.deal_visits.
--
-- Grain: tenant, deal and event.
-- Columns:
--   tenant_id: company the row belongs to
--   opportunity_id: the deal
--   changed_at: when it happened; null for the creation of a deal without a date
--   load_order: load that brought it: the order of events of one instant
--   line_order: line of that load's file, likewise
--   kind: logged: stage, pipeline, open, won, lost, deleted; else of the record: created, version, recorded_won …
--   stage_label: stage that the deal came into, as the source calls it
--   old_label: stage that it came from, where the log says so
--   pipeline_id: pipeline that the deal came into
--   recorded_at: from when on the record said so; null for what is logged
--   is_current: whether the record says so now
--   said_at: since when, as the record says of a closed deal
with versions as (
    select
        *,
        row_number() over deal_in_time as version_number,
        lag(is_deleted, 1, false) over deal_in_time as was_deleted
    from history.opportunities
    window deal_in_time as (partition by tenant_id, opportunity_id order by valid_from)
),

closing_stages as (
    select
        tenant_id,
        bool_or(outcome = 'lost') as has_lost
    from staging.pipeline_stages
    group by tenant_id
)

select
    v.tenant_id,
    v.opportunity_id,
    e.changed_at,
    e.load_order,
    e.line_order,
    e.kind,
    e.stage_label,
    null::text as old_label,
    v.pipeline_id,
    v.valid_from as recorded_at,
    v.is_current,
    v.said_at
from versions as v
cross join
    lateral (
        values
        (v.created_at, 0::bigint, 0::bigint, 'created', null, v.is_current),
        (
            case
                when v.version_number = 1 then coalesce(v.created_at, v.valid_from)
                else coalesce(v.turned_at, v.valid_from)
            end, v.known_from, v.line_no,
            case
                when v.is_closed then 'closed_version'
                when v.version_number = 1 or v.turned_at is not null then 'version'
                else 'moved_version'
            end, v.stage_id,
            v.version_number = 1 or (not v.is_deleted and (v.turned_at is not null or not v.is_closed))
        ),
        (
            coalesce(v.turned_at, v.valid_from), 9223372036854775806::bigint, v.version_number,
            case when v.is_won then 'recorded_won' else 'recorded_lost' end, null,
            v.is_closed and not v.is_deleted and (v.turned_at is not null or v.is_current)
        ),
        (
            v.valid_from, 9223372036854775807::bigint, v.version_number,
            case when not v.is_deleted then 'restored' when v.merged_into_id is null then 'deleted' else 'merged' end,
            null, v.is_deleted <> v.was_deleted
        )
    ) as e (changed_at, load_order, line_order, kind, stage_label, applies)
where e.applies
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
    case when h.field = 'pipeline_id' then h.new_value end as pipeline_id,
    null as recorded_at,
    false as is_current,
    null as said_at
from history.opportunity_history as h
left join closing_stages as c on h.tenant_id = c.tenant_id
where
    h.field in ('stage_id', 'pipeline_id', 'status', 'loss_reason')
    and (h.field <> 'status' or h.new_value in ('open', 'won', 'lost', 'deleted'))
    and (h.field <> 'loss_reason' or (h.new_value is not null and not coalesce(c.has_lost, false)))
