-- Open deals that stand in their stage for longer than they should, at the end of every day: those with the flag STUCK,
-- and those more days over the stage's benchmark than the threshold. Without a benchmark no deal is stuck.
--
-- One row per: tenant, day and stuck deal.
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
--   benchmark_days: days that a stay should take
--   deviation_days: days over that
--   days_until_close: calendar days to the close date; negative once it has passed; null without one
--   urgency: CRITICAL, HIGH, MEDIUM or LOW, by the deviation and, for CRITICAL, a close date that is near
--   slip_risk: HIGH, MEDIUM or LOW: how the time left compares with the deviation; null without a close date
--   primary_action: escalate, call, meeting or email
--   health_score: the deal's health
--   risk_flags: what is wrong, worst first
--   amount_rank: share of the tenant's open deals with an amount that are worth less, 0 to 1
with deals as (
    select
        d.tenant_id,
        d.snapshot_date,
        d.opportunity_id,
        d.stage_id,
        d.stage_name,
        d.owner_id,
        d.amount,
        d.close_date,
        d.close_date - d.snapshot_date as days_until_close,
        h.days_in_stage,
        h.benchmark_days,
        h.days_in_stage - h.benchmark_days as deviation_days,
        h.health_score,
        h.risk_flags,
        case when d.amount is not null then percent_rank() over (
            partition by d.tenant_id, d.snapshot_date, d.amount is null order by d.amount
        ) end as amount_rank
    from staging.deal_days as d
    inner join enriched.deal_health_scores as h
        on d.tenant_id = h.tenant_id and d.snapshot_date = h.snapshot_date and d.opportunity_id = h.opportunity_id
    where d.snapshot_date >= :window_start and d.snapshot_date < :window_end
),

stuck as (
    select
        d.*,
        t.slip_high_factor,
        t.slip_medium_factor,
        coalesce(d.amount_rank >= t.escalate_amount_rank and d.health_score < t.escalate_below_health, false) as is_big,
        case
            when
                d.days_until_close <= t.urgency_close_days and d.deviation_days > t.urgency_critical_days
                then 'CRITICAL'
            when d.deviation_days > t.urgency_high_days then 'HIGH'
            when d.deviation_days > t.urgency_medium_days then 'MEDIUM'
            else 'LOW'
        end as urgency
    from deals as d
    inner join staging.thresholds as t on d.tenant_id = t.tenant_id and d.snapshot_date = t.snapshot_date
    where 'STUCK' = any(d.risk_flags) or d.deviation_days > t.stuck_over_benchmark_days
)

select
    tenant_id,
    snapshot_date,
    opportunity_id,
    stage_id,
    stage_name,
    owner_id,
    amount,
    close_date,
    days_in_stage,
    benchmark_days,
    deviation_days,
    days_until_close,
    urgency,
    case
        when days_until_close is null then null
        when days_until_close < slip_high_factor * deviation_days then 'HIGH'
        when days_until_close < slip_medium_factor * deviation_days then 'MEDIUM'
        else 'LOW'
    end as slip_risk,
    case
        when urgency = 'CRITICAL' or is_big then 'escalate'
        when 'GOING_DARK' = any(risk_flags) then 'call'
        when risk_flags && array['SINGLE_THREADED', 'NO_EB', 'NO_CHAMPION'] then 'meeting'
        else 'email'
    end as primary_action,
    health_score,
    risk_flags,
    amount_rank
from stuck
