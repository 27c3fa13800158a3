-- Coaching for every active rep, at the end of every day: a language model's text where one is set up, it fits the
-- contract and every figure that it cites is the rep's; else the template's, with the reason.
--
-- Grain: tenant, day and active rep.
-- Columns:
--   tenant_id: company the row belongs to
--   snapshot_date: the business day
--   rep_id: the rep
--   model_version: template-1, or the model's name
--   strengths: at most three: title, detail, metric_value, metric_comparison
--   improvements: at most three: title, detail, gap_value, impact_estimate, suggested_action
--   priority_actions: at most three: deal_name, deal_amount, action, reason, deadline
--   overall_assessment: where the rep stands, in words
--   primary_focus_area: what to work on first
--   inputs_sha256: hash of the figures that the text is from
--   prompt_sha256: hash of what the model was asked; null without one
--   fallback_reason: why the template took the model's place; null if it did not
select
    i.tenant_id,
    i.snapshot_date,
    i.rep_id,
    coalesce(m.model_version, 'template-1') as model_version,
    coalesce(m.answer -> 'strengths', i.strengths) as strengths,
    coalesce(m.answer -> 'improvements', i.improvements) as improvements,
    coalesce(m.answer -> 'priority_actions', i.priority_actions) as priority_actions,
    coalesce(m.answer ->> 'overall_assessment', i.overall_assessment) as overall_assessment,
    coalesce(m.answer ->> 'primary_focus_area', i.primary_focus_area) as primary_focus_area,
    encode(sha256(convert_to(i.inputs::text, 'UTF8')), 'hex') as inputs_sha256,
    m.prompt_sha256,
    m.fallback_reason
from ai.coaching_inputs as i
left join pg_temp.model_answers as m
    on i.tenant_id = m.tenant_id and i.snapshot_date = m.snapshot_date and i.rep_id = m.rep_id
where i.snapshot_date >= :window_start and i.snapshot_date < :window_end
