-- Open deals that stand in their stage for longer than they should, at the end of every day: those with the flag STUCK,
-- and those more days over the stage's benchmark than the threshold. Without a benchmark no deal is stuck.
--
-- Grain: tenant, day and stuck deal.
-- Columns:
--   tenant_id: company the row belongs to
--   snapshot_date: the business day
--   opportunity_id: the deal
--   stage_id: the stage it stands in
--   stage_name: the stage's name on that day
--   owner_id: who owned it; -1 if nobody
--   amount: what it is worth; null if nobody said
--   close_date: when it is to close, as known on that day
--   days_in_stage: elapsed days since it came into the stage
--   benchmark_days: days that a visit should take
--   deviation_days: days over that
--   days_until_close: calendar days to the close date; negative once it has passed; null without one
--   urgency: CRITICAL, HIGH, MEDIUM or LOW, as in analytics.deal_priorities
--   slip_risk: HIGH, MEDIUM or LOW: how the time left compares with the deviation; null without a close date
--   primary_action: escalate, call, meeting or email, as in analytics.deal_priorities
--   health_score: the deal's health
--   risk_flags: what is wrong, worst first
--   amount_rank: share of the tenant's open deals with an amount that are worth less, 0 to 1
select
    p.tenant_id,
    p.snapshot_date,
    p.opportunity_id,
    d.stage_id,
    d.stage_name,
    p.owner_id,
    d.amount,
    d.close_date,
    h.days_in_stage,
    h.benchmark_days,
    p.deviation_days,
    p.days_until_close,
    p.urgency,
    case
        when p.days_until_close is null then null
        when p.days_until_close < t.slip_high_factor * p.deviation_days then 'HIGH'
        when p.days_until_close < t.slip_medium_factor * p.deviation_days then 'MEDIUM'
        else 'LOW'
    end as slip_risk,
    p.action as primary_action,
    h.health_score,
    h.risk_flags,
    p.amount_rank
from analytics.deal_priorities as p
inner join staging.deal_days as d
    on p.tenant_id = d.tenant_id and p.snapshot_date = d.snapshot_date and p.opportunity_id = d.opportunity_id
inner join enriched.deal_health_scores as h
    on p.tenant_id = h.tenant_id and p.snapshot_date = h.snapshot_date and p.opportunity_id = h.opportunity_id
inner join staging.thresholds as t on p.tenant_id = t.tenant_id and p.snapshot_date = t.snapshot_date
where p.snapshot_date >= :window_start and p.snapshot_date < :window_end and p.is_stuck
