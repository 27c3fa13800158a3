-- Open deals that stand too long in their stage, at the end of every day: how urgent, what is wrong, what to do with
-- whom.
--
-- Grain: tenant, day and stuck deal.
-- Key: tenant_id, snapshot_date, opportunity_id
-- Preview: array_position(array['CRITICAL', 'HIGH', 'MEDIUM', 'LOW'], d.urgency), d.amount desc nulls last
-- Columns:
--   tenant_id text not null: company the row belongs to
--   snapshot_date date not null: the business day
--   opportunity_id text not null: the deal
--   account_name text not null: the customer; a dash if nobody said
--   opportunity_name text not null: the deal's name; its id if nobody said
--   owner_name text not null: who owned it; Unassigned if nobody
--   amount numeric(18, 2): what it is worth; null if nobody said
--   stage_name text not null: its stage
--   days_in_stage numeric(10, 2) not null, at least 0: elapsed days since it came into the stage
--   health_score int, 0 to 100: its health
--   close_date date: when it is to close
--   urgency text not null, one of CRITICAL, HIGH, MEDIUM, LOW: CRITICAL, HIGH, MEDIUM or LOW
--   risk_flags text[] not null, any of STUCK, NO_EB, GOING_DARK, CLOSE_DATE_PAST, NO_CHAMPION, SINGLE_THREADED,
--       PUSHED, COMPETITIVE, HEAVY_DISCOUNT: what is wrong, worst first
--   risk_flags_display text not null: the same in words
--   days_until_close int: calendar days to the close date; negative once it has passed
--   slip_risk text, one of HIGH, MEDIUM, LOW: HIGH, MEDIUM or LOW; null without a close date
--   primary_action text not null, one of call, email, meeting, escalate: call, email, meeting or escalate
--   action_target text: with whom: economic buyer, champion, or who was active last; escalated to: the manager; else
--       null
--   action_reason text not null: why, in words
--   urgency_icon text not null, one of 🔴, 🟠, 🟡, 🟢: the urgency as a mark
--   amount_display text not null: the amount for people
--   owner_id text not null: the owner; -1 if nobody
--   team_id text not null: the owner's manager; none or -1
--   team_filter text not null: the manager's name
--   segment text: the account's segment; the owner's where nobody said
--   region text: the owner's region
--   quarter text: quarter of the close date; null without one
--   benchmark_days numeric(10, 2) not null, at least 0: days that a visit should take
--   deviation_days numeric(10, 2) not null: days over that
--   stage_id text not null: the stage
-- Rules:
--   amount_display does not say amount unless amount_display = dashboard.currency(amount)
--   urgency_icon does not say urgency unless urgency_icon = case urgency when 'CRITICAL' then '🔴' when 'HIGH' then '🟠'
--       when 'MEDIUM' then '🟡' else '🟢' end
--   days_until_close does not agree with close_date unless days_until_close is not distinct from close_date -
--       snapshot_date
--   risk_flags_display does not say risk_flags unless risk_flags_display = '—' and risk_flags = '{}' or
--       cardinality(string_to_array(risk_flags_display, ' • ')) = cardinality(risk_flags) and risk_flags <> '{}'
--   slip_risk does not agree with close_date unless (slip_risk is null) = (close_date is null)
with words as (
    select
        r.tenant_id,
        r.day,
        array_agg(f.flag order by f.severity) as names,
        array_agg(f.display order by f.severity) as words
    from pg_temp.run_days as r
    inner join reference.risk_flags as f
        on r.tenant_id = f.tenant_id and r.day >= f.valid_from and r.day < f.valid_to
    group by r.tenant_id, r.day
)

select
    s.tenant_id,
    s.snapshot_date,
    s.opportunity_id,
    coalesce(a.account_name, '—') as account_name,
    coalesce(d.opportunity_name, s.opportunity_id) as opportunity_name,
    d.owner_name,
    s.amount,
    s.stage_name,
    round(s.days_in_stage::numeric, 2) as days_in_stage,
    s.health_score,
    s.close_date,
    s.urgency,
    s.risk_flags,
    dashboard.flags(s.risk_flags, w.names, w.words) as risk_flags_display,
    s.days_until_close,
    s.slip_risk,
    s.primary_action,
    p.action_target,
    p.action_reason,
    case s.urgency when 'CRITICAL' then '🔴' when 'HIGH' then '🟠' when 'MEDIUM' then '🟡' else '🟢' end
        as urgency_icon,
    dashboard.currency(s.amount) as amount_display,
    s.owner_id,
    d.team_id,
    d.team_name as team_filter,
    d.segment,
    d.region,
    q.quarter,
    round(s.benchmark_days::numeric, 2) as benchmark_days,
    round(s.deviation_days::numeric, 2) as deviation_days,
    s.stage_id
from analytics.deals_stuck_in_process as s
inner join staging.deal_days as d
    on s.tenant_id = d.tenant_id and s.snapshot_date = d.snapshot_date and s.opportunity_id = d.opportunity_id
inner join words as w on s.tenant_id = w.tenant_id and s.snapshot_date = w.day
inner join analytics.deal_priorities as p
    on s.tenant_id = p.tenant_id and s.snapshot_date = p.snapshot_date and s.opportunity_id = p.opportunity_id
left join staging.accounts as a
    on d.tenant_id = a.tenant_id and d.account_id = a.account_id and d.as_of > a.valid_from and d.as_of <= a.valid_to
left join ops.calendar as q on s.close_date = q.day
where s.snapshot_date >= :window_start and s.snapshot_date < :window_end
