-- Coaching for every active rep, at the end of every day: a language model's text where one is set up, it fits the
-- contract and every figure that it cites is the rep's; else the template's, with the reason.
--
-- Grain: tenant, day and active rep.
-- Key: tenant_id, snapshot_date, rep_id
-- Columns:
--   tenant_id text not null: company the row belongs to
--   snapshot_date date not null: the business day
--   rep_id text not null: the rep
--   model_version text not null: template-1, or the model's name
--   strengths jsonb not null: at most three: title, detail, metric_value, metric_comparison
--   improvements jsonb not null: at most three: title, detail, gap_value, impact_estimate, suggested_action
--   priority_actions jsonb not null: at most three: deal_name, deal_amount, action, reason, deadline
--   overall_assessment text not null: where the rep stands, in words
--   primary_focus_area text not null: what to work on first
--   inputs_sha256 text not null: hash of the figures that the text is from
--   prompt_sha256 text: hash of what the model was asked; null without one
--   fallback_reason text: why the template took the model's place; null if it did not
-- Rules:
--   overall_assessment is empty unless overall_assessment <> ''
--   fallback_reason is there beside a model's text unless fallback_reason is null or model_version = 'template-1'
--   strengths is not at most three of title, detail, metric_value, metric_comparison unless ai.are_parts(strengths,
--       '{title,detail,metric_value,metric_comparison}')
--   improvements is not at most three of title, detail, gap_value, impact_estimate, suggested_action unless
--       ai.are_parts(improvements, '{title,detail,gap_value,impact_estimate,suggested_action}')
--   priority_actions is not at most three of deal_name, deal_amount, action, reason, deadline unless
--       ai.are_parts(priority_actions, '{deal_name,deal_amount,action,reason,deadline}')
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
