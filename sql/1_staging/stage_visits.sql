-- Stays of deals in stages, from first to last. A visit begins when a deal comes into a stage (again) and ends at its
-- next stage, at its closing, or when the deal is deleted or merged. Events go by time, then by the order in which they
-- were loaded; a repeat of the same stage is no new visit, coming back is one, and so is a stage after a closing (a
-- reopening). A deal was in the old stage of its first change, or in the stage of its record if that never changed,
-- since its creation. To read it as of an instant: see docs/stage_velocity.md.
--
-- One row per: tenant, deal and visit.
-- Columns:
--   tenant_id: company the row belongs to
--   opportunity_id: the deal
--   visit_number: 1 for the deal's first visit to any stage, and so on
--   pipeline_id: the stage's pipeline, else the deal's, else 'default'
--   stage_id: the stage, as in staging.pipeline_stages; as the source calls it where that lists no such stage
--   entered_at: when it began
--   exited_at: when it ended; null while it lasts
--   ended_by: forward, back, left (neither: another pipeline, unknown order), won, lost, deleted, merged; open
--   next_stage_id: the stage that it ended for, if any
--   is_reentry: whether the deal had been in this stage before
--   is_reopening: whether the deal had been closed just before
--   gone_at: when the deal was deleted or merged, if it was: from then on none of its visits counts
--   gone_by: deleted or merged, if it was
with labels as (
    select distinct
        tenant_id,
        stage_label,
        stage_id
    from staging.pipeline_stages
),

-- A deal's creation puts it into the old stage of its first change; it cannot be later than that change.
dated as (
    select
        tenant_id,
        opportunity_id,
        load_order,
        line_order,
        kind,
        pipeline_id,
        case
            when kind = 'created' and first_value(kind) over stages_first = 'stage'
                then first_value(old_label) over stages_first
            else stage_label
        end as stage_label,
        least(changed_at, case when kind = 'created' then first_value(changed_at) over stages_first end) as changed_at,
        max(changed_at) filter (where kind in ('deleted', 'merged')) over deal as gone_at,
        max(kind) filter (where kind in ('deleted', 'merged')) over deal as gone_by,
        bool_or(kind = 'created') over deal as has_record
    from staging.stage_events
    window
        deal as (partition by tenant_id, opportunity_id),
        stages_first as (
            partition by tenant_id, opportunity_id order by kind <> 'stage', changed_at, load_order, line_order
        )
),

meant as (
    select
        e.tenant_id,
        e.opportunity_id,
        e.changed_at,
        e.load_order,
        e.line_order,
        e.pipeline_id,
        e.gone_at,
        e.gone_by,
        case when e.kind in ('created', 'stage') then coalesce(s.outcome, 'open') else e.kind end as kind,
        case
            when e.stage_label is not null and coalesce(s.outcome, 'open') = 'open'
                then array[coalesce(l.stage_id, e.stage_label), s.pipeline_id]
        end as stage_and_pipeline
    from dated as e
    left join labels as l on e.tenant_id = l.tenant_id and e.stage_label = l.stage_label
    left join staging.pipeline_stages as s
        on
            l.tenant_id = s.tenant_id and l.stage_id = s.stage_id
            and e.changed_at >= s.valid_from and e.changed_at < s.valid_to
    where e.has_record and e.changed_at is not null
),

-- Where the deal is after each event; null while it is closed or gone.
running as (
    select
        tenant_id,
        opportunity_id,
        changed_at,
        load_order,
        line_order,
        gone_at,
        gone_by,
        kind,
        case
            when ops.last_known(case when kind <> 'pipeline' then kind = 'open' end) over event_by_event
                then ops.last_known(stage_and_pipeline) over event_by_event
        end as stage_and_pipeline,
        ops.last_known(pipeline_id) over instant_by_instant as deal_pipeline_id
    from meant
    window
        event_by_event as (partition by tenant_id, opportunity_id order by changed_at, load_order, line_order),
        instant_by_instant as (partition by tenant_id, opportunity_id order by changed_at)
),

places as (
    select
        tenant_id,
        opportunity_id,
        changed_at,
        load_order,
        line_order,
        gone_at,
        gone_by,
        kind,
        stage_and_pipeline[1] as stage_id,
        case
            when stage_and_pipeline is not null then coalesce(stage_and_pipeline[2], deal_pipeline_id, 'default')
        end as pipeline_id
    from running
),

turns as (
    select
        *,
        lag(stage_id) over deal_in_time as previous_stage_id,
        lag(pipeline_id) over deal_in_time as previous_pipeline_id
    from places
    window deal_in_time as (partition by tenant_id, opportunity_id order by changed_at, load_order, line_order)
),

stays as (
    select
        *,
        count(stage_id) over deal_in_time as visit_number,
        lead(changed_at) over deal_in_time as exited_at,
        lead(kind) over deal_in_time as next_kind,
        lead(stage_id) over deal_in_time as next_stage_id,
        lead(pipeline_id) over deal_in_time as next_pipeline_id
    from turns
    where (stage_id, pipeline_id) is distinct from (previous_stage_id, previous_pipeline_id)
    window deal_in_time as (partition by tenant_id, opportunity_id order by changed_at, load_order, line_order)
)

select
    v.tenant_id,
    v.opportunity_id,
    v.visit_number,
    v.pipeline_id,
    v.stage_id,
    v.changed_at as entered_at,
    v.exited_at,
    case
        when v.exited_at is null then 'open'
        when v.next_stage_id is null then v.next_kind
        when v.next_pipeline_id = v.pipeline_id and n.stage_order > s.stage_order then 'forward'
        when v.next_pipeline_id = v.pipeline_id and n.stage_order < s.stage_order then 'back'
        else 'left'
    end as ended_by,
    v.next_stage_id,
    row_number() over (
        partition by v.tenant_id, v.opportunity_id, v.stage_id order by v.visit_number
    ) > 1 as is_reentry,
    v.visit_number > 1 and v.previous_stage_id is null as is_reopening,
    v.gone_at,
    v.gone_by
from stays as v
left join staging.pipeline_stages as s
    on
        v.tenant_id = s.tenant_id and v.stage_id = s.stage_id
        and v.exited_at >= s.valid_from and v.exited_at < s.valid_to
left join staging.pipeline_stages as n
    on
        v.tenant_id = n.tenant_id and v.next_stage_id = n.stage_id
        and v.exited_at >= n.valid_from and v.exited_at < n.valid_to
where v.stage_id is not null
