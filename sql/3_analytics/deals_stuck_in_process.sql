-- Open deals that stand in their stage for longer than they should, at the end of every day: those with the flag STUCK,
-- and those more days over the stage's benchmark than the threshold. Without a benchmark no deal is stuck.
--
-- Grain: tenant, day and stuck deal.
-- Key: tenant_id, snapshot_date, opportunity_id
-- Preview: d.days_in_stage desc
-- Columns:
--   tenant_id text not null: company the row belongs to
--   snapshot_date date not null: the business day
--   opportunity_id text not null: the deal
--   stage_id text not null: the stage it stands in
--   stage_name text not null: the stage's name on that day
--   owner_id text not null: who owned it; -1 if nobody
--   amount numeric(18, 2): what it is worth; null if nobody said
--   close_date date: when it is to close, as known on that day
--   days_in_stage float8 not null: elapsed days since it came into the stage
--   benchmark_days float8 not null: days that a visit should take
--   deviation_days float8 not null: days over that
--   days_until_close int: calendar days to the close date; negative once it has passed; null without one
--   urgency text not null, one of CRITICAL, HIGH, MEDIUM, LOW: CRITICAL, HIGH, MEDIUM or LOW, as in
--       analytics.deal_priorities
--   slip_risk text, one of HIGH, MEDIUM, LOW: HIGH, MEDIUM or LOW: how the time left compares with the deviation; null
--       without a close date
--   primary_action text not null, one of escalate, call, meeting, email: escalate, call, meeting or email, as in
--       analytics.deal_priorities
--   health_score int: the deal's health
--   risk_flags text[] not null: what is wrong, worst first
--   amount_rank float8: share of the tenant's open deals with an amount that are worth less, 0 to 1
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
