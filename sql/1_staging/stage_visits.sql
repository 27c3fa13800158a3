-- Stage visits: the spans of staging.deal_visits that have a stage. To read it as of an instant: see
-- docs/stage_velocity.md.
--
-- Grain: tenant, deal and visit.
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
select
    tenant_id,
    opportunity_id,
    visit_number,
    pipeline_id,
    stage_id,
    entered_at,
    exited_at,
    ended_by,
    next_stage_id,
    is_reentry,
    is_reopening,
    gone_at,
    gone_by
from staging.deal_visits
where stage_id is not null
