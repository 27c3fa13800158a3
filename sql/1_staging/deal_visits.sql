-- A deal's life from its first event on, in spans in which it was open in one stage (or in none), won or lost. A span
-- ends at the next stage, at a closing or reopening, or when the deal is deleted or merged. Events go by time, then
-- by the order in which they were loaded; a repeat of the same stage begins nothing, coming back does, and so does a
-- stage after a closing (a reopening). A deal was in the old stage of its first change since its creation. A deal of
-- which no stage is logged is where its record's versions say, from the creation on; of one that its first version
-- knows as closed the stage before is not known, unless it was closed in an open one. Spans with a stage are its
-- stage visits: see staging.stage_visits.
--
-- Grain: tenant, deal and span.
-- Key: tenant_id, opportunity_id, span_number
-- Index: (tenant_id, pipeline_id, stage_id, entered_at) INCLUDE (exited_at, gone_at, gone_by) WHERE (stage_id IS NOT
--       NULL)
-- Columns:
--   tenant_id text not null: company the row belongs to
--   opportunity_id text not null: the deal
--   span_number bigint not null: 1 for the deal's first span, and so on
--   status text not null, one of open, won, lost: open, won or lost
--   pipeline_id text: while open: the stage's pipeline, else the deal's, else 'default'
--   stage_id text: while open: the stage, as in staging.pipeline_stages, or as the source calls one that is not listed
--   visit_number bigint: counts the spans with a stage
--   entered_at timestamptz not null: when it began
--   exited_at timestamptz: when it ended; null while it lasts
--   ended_by text not null, one of forward, back, left, won, lost, reopened, deleted, merged, open, closed: forward,
--       back, left (neither), won, lost, reopened, deleted, merged; while it lasts: open, closed
--   next_stage_id text: the stage that it ended for, if any
--   is_reentry boolean not null: whether the deal had been in this stage before
--   is_reopening boolean not null: whether the deal had been closed just before
--   gone_at timestamptz: when the deal was deleted or merged, if it is: from then on it does not count (and see
--       staging.deal_gaps)
--   gone_by text, one of deleted, merged: deleted or merged, if it was
-- Rules:
--   exited_at lies before entered_at unless entered_at <= exited_at
--   ended_by does not agree with exited_at unless (exited_at is null) = (ended_by in ('open', 'closed'))
--   status does not agree with pipeline_id and stage_id unless (pipeline_id is not null) = (status = 'open') and
--       (stage_id is null or status = 'open')
--   visit_number does not agree with stage_id unless (visit_number is null) = (stage_id is null)
with events as materialized (
    select * from staging.stage_events
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
        recorded_at,
        is_current,
        said_at,
        case
            when kind = 'created' and first_value(kind) over stages_first = 'stage'
                then first_value(old_label) over stages_first
            else stage_label
        end as stage_label,
        least(changed_at, case when kind = 'created' then first_value(changed_at) over stages_first end) as changed_at,
        bool_or(kind = 'created') over deal as has_record,
        bool_or(kind = 'stage') over deal as logs_stages,
        bool_or(kind in ('stage', 'open', 'won', 'lost')) over deal as logs_moves
    from events
    where kind not in ('deleted', 'merged', 'restored')
    window
        deal as (partition by tenant_id, opportunity_id),
        stages_first as (
            partition by tenant_id, opportunity_id order by kind <> 'stage', changed_at, load_order, line_order
        )
),

-- Of a deal whose stages are logged the versions of its record say no stage.
meant as (
    select
        e.tenant_id,
        e.opportunity_id,
        e.changed_at,
        e.load_order,
        e.line_order,
        e.pipeline_id,
        e.recorded_at,
        e.is_current,
        e.said_at,
        e.logs_moves,
        e.kind in ('stage', 'open', 'won', 'lost') as is_logged,
        e.kind like 'recorded%' as is_recorded,
        e.kind = 'created' and e.stage_label is null as is_bare,
        case
            when e.kind in ('created', 'stage', 'version', 'closed_version') then coalesce(s.outcome, 'open')
            when e.kind = 'moved_version' then 'pipeline'
            else replace(e.kind, 'recorded_', '')
        end as kind,
        case
            when e.stage_label is not null and coalesce(s.outcome, 'open') = 'open'
                then array[coalesce(s.stage_id, e.stage_label), s.pipeline_id]
        end as stage_and_pipeline
    from dated as e
    left join ops.stage_meanings as s
        on
            e.tenant_id = s.tenant_id and e.stage_label = s.stage_label
            and e.changed_at >= s.valid_from and e.changed_at < s.valid_to
    where
        e.has_record and e.changed_at is not null
        and not (e.kind in ('version', 'moved_version', 'closed_version') and e.logs_stages)
        -- A record of a closed deal tells that it was open in an open stage before; its closing says the rest.
        and (e.kind <> 'closed_version' or coalesce(s.outcome, 'open') = 'open')
),

-- How the record says that a deal was closed counts where no move of it is logged, or where the record is newer than
-- the log and says otherwise.
judged as (
    select
        *,
        last_value(kind) over logged_last as last_logged_kind,
        last_value(changed_at) over logged_last as last_logged_at
    from meant
    window logged_last as (
        partition by tenant_id, opportunity_id order by is_logged, changed_at, load_order, line_order
        rows between unbounded preceding and unbounded following
    )
),

settled as (
    select
        tenant_id,
        opportunity_id,
        load_order,
        line_order,
        pipeline_id,
        -- A creation without a stage begins no span where the deal has one at that instant.
        case
            when not is_bare or count(stage_and_pipeline) over (partition by tenant_id, opportunity_id, changed_at) = 0
                then kind
        end as kind,
        stage_and_pipeline,
        case
            when is_recorded and logs_moves
                then ops.closed_by_record(kind, recorded_at, said_at, last_logged_kind, last_logged_at)
            else changed_at
        end as changed_at
    from judged
    where
        not is_recorded or not logs_moves
        or (
            is_current
            and ops.closed_by_record(kind, recorded_at, said_at, last_logged_kind, last_logged_at) is not null
        )
),

ends as (
    select
        tenant_id,
        opportunity_id,
        kind as gone_by,
        changed_at as gone_at
    from (
        select distinct on (tenant_id, opportunity_id)
            tenant_id,
            opportunity_id,
            kind,
            changed_at
        from events
        where kind in ('deleted', 'merged', 'restored', 'open', 'won', 'lost')
        order by tenant_id asc, opportunity_id asc, changed_at desc, load_order desc, line_order desc
    ) as last_event
    where kind in ('deleted', 'merged')
),

sequence as (
    select
        tenant_id,
        opportunity_id,
        changed_at,
        load_order,
        line_order,
        pipeline_id,
        kind,
        stage_and_pipeline
    from settled
    union all
    select
        tenant_id,
        opportunity_id,
        gone_at as changed_at,
        9223372036854775807 as load_order,
        0 as line_order,
        null as pipeline_id,
        gone_by as kind,
        null as stage_and_pipeline
    from ends
),

-- What the deal is after each event.
running as (
    select
        tenant_id,
        opportunity_id,
        changed_at,
        load_order,
        line_order,
        ops.last_known(case when kind <> 'pipeline' then kind end) over event_by_event as status,
        ops.last_known(stage_and_pipeline) over event_by_event as stage_and_pipeline,
        ops.last_known(pipeline_id) over instant_by_instant as deal_pipeline_id
    from sequence
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
        status,
        case when status = 'open' then stage_and_pipeline[1] end as stage_id,
        case
            when status = 'open' then coalesce(stage_and_pipeline[2], deal_pipeline_id, 'default')
        end as pipeline_id
    from running
),

turns as (
    select
        *,
        lag(status) over deal_in_time as previous_status,
        lag(stage_id) over deal_in_time as previous_stage_id,
        lag(pipeline_id) over deal_in_time as previous_pipeline_id
    from places
    window deal_in_time as (partition by tenant_id, opportunity_id order by changed_at, load_order, line_order)
),

visits as (
    select
        *,
        row_number() over deal_in_time as span_number,
        count(stage_id) over deal_in_time as visit_number,
        lead(changed_at) over deal_in_time as exited_at,
        lead(status) over deal_in_time as next_status,
        lead(stage_id) over deal_in_time as next_stage_id,
        lead(pipeline_id) over deal_in_time as next_pipeline_id
    from turns
    where (status, stage_id, pipeline_id) is distinct from (previous_status, previous_stage_id, previous_pipeline_id)
    window deal_in_time as (partition by tenant_id, opportunity_id order by changed_at, load_order, line_order)
)

select
    v.tenant_id,
    v.opportunity_id,
    v.span_number,
    v.status,
    v.pipeline_id,
    v.stage_id,
    case when v.stage_id is not null then v.visit_number end as visit_number,
    v.changed_at as entered_at,
    v.exited_at,
    case
        when v.exited_at is null then case when v.status = 'open' then 'open' else 'closed' end
        when v.next_status <> 'open' then v.next_status
        when v.status <> 'open' then 'reopened'
        when v.next_pipeline_id = v.pipeline_id and n.stage_order > s.stage_order then 'forward'
        when v.next_pipeline_id = v.pipeline_id and n.stage_order < s.stage_order then 'back'
        else 'left'
    end as ended_by,
    v.next_stage_id,
    v.stage_id is not null and row_number() over (
        partition by v.tenant_id, v.opportunity_id, v.stage_id order by v.span_number
    ) > 1 as is_reentry,
    coalesce(v.status = 'open' and v.previous_status <> 'open', false) as is_reopening,
    g.gone_at,
    g.gone_by
from visits as v
left join ends as g on v.tenant_id = g.tenant_id and v.opportunity_id = g.opportunity_id
left join staging.pipeline_stages as s
    on
        v.tenant_id = s.tenant_id and v.stage_id = s.stage_id
        and v.exited_at >= s.valid_from and v.exited_at < s.valid_to
left join staging.pipeline_stages as n
    on
        v.tenant_id = n.tenant_id and v.next_stage_id = n.stage_id
        and v.exited_at >= n.valid_from and v.exited_at < n.valid_to
where v.status in ('open', 'won', 'lost')
