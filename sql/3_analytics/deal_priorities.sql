-- How much every open deal needs attention at the end of every day, and what to do about it: one rule for stuck deals
-- and for next best actions. The more money is at stake and the less time is left, the higher the priority; health,
-- silence and risk flags add to it. What the source tells nothing of is left out, the other factors weigh more.
--
-- Grain: tenant, day and open deal.
-- Key: tenant_id, snapshot_date, opportunity_id
-- Preview: d.priority_score desc
-- Columns:
--   tenant_id text not null: company the row belongs to
--   snapshot_date date not null: the business day
--   opportunity_id text not null: the deal
--   owner_id text not null: who owned it; -1 if nobody
--   days_until_close int: calendar days to the close date; negative once it has passed
--   deviation_days float8: days in the stage over what is expected; null without a benchmark
--   is_stuck boolean not null: whether it stands too long in its stage
--   amount_rank float8: share of the tenant's open deals with an amount that are worth less, 0 to 1
--   amount_at_stake numeric(18, 2): what it would add to the forecast if it were healthy, less what it adds; null
--       without an amount
--   health_factor numeric(5, 4): (100 - health) / 100
--   silence_factor numeric(5, 4): days since contact / 21, at most 1
--   amount_factor numeric(5, 4): share of the tenant's open deals that would add no more to the forecast if all were
--       healthy
--   close_date_factor numeric(5, 4): 1 less the days to the close date / 90; 1 once it has passed
--   risk_flags_factor numeric(5, 4) not null: flags / 4, at most 1
--   priority_score numeric(5, 2) not null: 0 to 100
--   urgency text not null, one of CRITICAL, HIGH, MEDIUM, LOW: CRITICAL, HIGH, MEDIUM or LOW, by the priority;
--       CRITICAL, too, if it is unhealthy and due within a week
--   action text, one of call, email, meeting, task, escalate: call, email, meeting, task or escalate; null where
--       nothing is wrong and the deal is not due soon
--   action_target text: with whom: the economic buyer, the champion, or who was active last; escalated to: the manager
--   action_reason text: why, in words
--   contact_id text: the contact with a role on the deal whom the action is for; null if nobody has one, or it is
--       escalated
--   contact_name text: that contact's name
--   contact_role text: that contact's role on the deal
-- Rules:
--   action_reason does not agree with action unless (action_reason is null) = (action is null)
with weights as (
    select
        r.tenant_id,
        r.day,
        max(w.weight) filter (where w.factor = 'health') as health_weight,
        max(w.weight) filter (where w.factor = 'silence') as silence_weight,
        max(w.weight) filter (where w.factor = 'amount') as amount_weight,
        max(w.weight) filter (where w.factor = 'close_date') as close_date_weight,
        max(w.weight) filter (where w.factor = 'risk_flags') as risk_flags_weight
    from pg_temp.run_days as r
    inner join reference.priority_weights as w
        on r.tenant_id = w.tenant_id and r.day >= w.valid_from and r.day < w.valid_to
    group by r.tenant_id, r.day
),

categories as (
    select
        r.tenant_id,
        r.day,
        w.forecast_category,
        max(w.weight) as best_weight
    from pg_temp.run_days as r
    inner join reference.forecast_weights as w
        on r.tenant_id = w.tenant_id and r.day >= w.valid_from and r.day < w.valid_to
    group by r.tenant_id, r.day, w.forecast_category
),

flags as (
    select
        r.tenant_id,
        r.day,
        jsonb_object_agg(f.flag, f.action_type) as actions
    from pg_temp.run_days as r
    inner join reference.risk_flags as f
        on r.tenant_id = f.tenant_id and r.day >= f.valid_from and r.day < f.valid_to
    group by r.tenant_id, r.day
),

valued as (
    select
        d.*,
        h.health_score,
        h.risk_flags,
        h.benchmark_days,
        h.engaged_contacts_count as engaged_count,
        h.days_in_stage as stay_days,
        h.days_since_two_way as silent_days,
        h.days_in_stage - h.benchmark_days as deviation_days,
        d.close_date - d.snapshot_date as days_until_close,
        d.amount * coalesce(c.best_weight, 0) as healthy_amount,
        d.amount * coalesce(c.best_weight - f.weight, 0) as amount_at_stake,
        t.silence_days,
        t.close_date_days,
        t.risk_flags_count
    from staging.deal_days as d
    inner join enriched.deal_health_scores as h
        on d.tenant_id = h.tenant_id and d.snapshot_date = h.snapshot_date and d.opportunity_id = h.opportunity_id
    left join categories as c
        on d.tenant_id = c.tenant_id and d.snapshot_date = c.day and d.forecast_category = c.forecast_category
    left join enriched.deal_forecasts as f
        on d.tenant_id = f.tenant_id and d.snapshot_date = f.snapshot_date and d.opportunity_id = f.opportunity_id
    inner join staging.thresholds as t on d.tenant_id = t.tenant_id and d.snapshot_date = t.snapshot_date
    where d.snapshot_date >= :window_start and d.snapshot_date < :window_end
),

factors as (
    select
        *,
        (100 - health_score) / 100.0 as health_factor,
        case when silent_days is not null then least(silent_days / silence_days, 1) end as silence_factor,
        case when amount is not null then cume_dist() over (
            partition by tenant_id, snapshot_date, amount is null order by healthy_amount
        )::numeric end as amount_factor,
        case when amount is not null then percent_rank() over (
            partition by tenant_id, snapshot_date, amount is null order by amount
        ) end as amount_rank,
        case
            when days_until_close is not null then 1 - least(greatest(days_until_close, 0) / close_date_days, 1)
        end as close_date_factor,
        least(cardinality(risk_flags) / risk_flags_count, 1) as risk_flags_factor
    from valued
),

scored as (
    select
        f.*,
        t.urgency_critical_score,
        t.urgency_high_score,
        t.urgency_medium_score,
        t.closing_days,
        coalesce(
            'STUCK' = any(f.risk_flags) or f.deviation_days > t.stuck_over_benchmark_days, false
        ) as is_stuck,
        coalesce(f.amount_rank >= t.escalate_amount_rank and f.health_score < t.escalate_below_health, false) as is_big,
        round(
            100 * (
                w.health_weight * coalesce(f.health_factor, 0) + w.silence_weight * coalesce(f.silence_factor, 0)
                + w.amount_weight * coalesce(f.amount_factor, 0)
                + w.close_date_weight * coalesce(f.close_date_factor, 0) + w.risk_flags_weight * f.risk_flags_factor
            ) / (
                case when f.health_factor is not null then w.health_weight else 0 end
                + case when f.silence_factor is not null then w.silence_weight else 0 end
                + case when f.amount_factor is not null then w.amount_weight else 0 end
                + case when f.close_date_factor is not null then w.close_date_weight else 0 end + w.risk_flags_weight
            ), 2
        ) as priority_score
    from factors as f
    inner join weights as w on f.tenant_id = w.tenant_id and f.snapshot_date = w.day
    inner join staging.thresholds as t on f.tenant_id = t.tenant_id and f.snapshot_date = t.snapshot_date
),

urgent as (
    select
        *,
        case
            when priority_score >= urgency_critical_score then 'CRITICAL'
            when days_until_close <= 7 and health_score < 60 then 'CRITICAL'
            when priority_score >= urgency_high_score then 'HIGH'
            when priority_score >= urgency_medium_score then 'MEDIUM'
            else 'LOW'
        end as urgency,
        coalesce(days_until_close between 0 and closing_days, false) as is_due_soon,
        case
            when is_stuck then array['STUCK'] || (array_remove(risk_flags, 'STUCK'))[1:2]
            else risk_flags[1:2]
        end as told_flags
    from scored
),

decided as (
    select
        u.*,
        p.contact_name as anybody,
        p.role_contact_id,
        p.role_contact_name,
        case when p.role_contact_id is not null then p.contact_role end as contact_role,
        coalesce(r.has_roles, false) and p.role_contact_id is null and not u.is_stuck as is_without_contact,
        case
            when u.is_stuck and (u.urgency = 'CRITICAL' or u.is_big) then 'escalate'
            when u.is_stuck and 'GOING_DARK' = any(u.risk_flags) then 'call'
            when u.is_stuck and u.risk_flags && array['SINGLE_THREADED', 'NO_EB', 'NO_CHAMPION'] then 'meeting'
            when u.is_stuck then 'email'
            when cardinality(u.risk_flags) = 0 and not u.is_due_soon then null
            when coalesce(r.has_roles, false) and p.role_contact_id is null then 'task'
            else coalesce(f.actions ->> u.risk_flags[1], 'call')
        end as action
    from urgent as u
    left join flags as f on u.tenant_id = f.tenant_id and u.snapshot_date = f.day
    left join enriched.health_rules as r on u.tenant_id = r.tenant_id and u.snapshot_date = r.snapshot_date
    left join enriched.deal_people as p
        on u.tenant_id = p.tenant_id and u.snapshot_date = p.snapshot_date and u.opportunity_id = p.opportunity_id
),

-- Being stuck, the two worst flags beside it, and always silence and what is due.
reasoned as (
    select
        d.*,
        r.reasons,
        coalesce(d.action = 'escalate', false) as is_escalated,
        dashboard.task(
            d.action = 'escalate', case when d.team_id not in ('none', '-1') then d.team_name end, d.is_without_contact
        ) as task,
        array_remove(array[
            case when d.is_due_soon then dashboard.due(d.days_until_close) end
        ], null) as more_reasons
    from decided as d
    cross join
        lateral (
            select
                array_agg(
                    dashboard.flag_reason(
                        f.flag, d.stay_days, d.stage_name, d.benchmark_days, d.silent_days, d.days_until_close,
                        d.engaged_count, d.pushes_count, d.competitor, d.competitor_status, d.discount_pct
                    ) order by f.place
                ) as reasons
            from unnest(
                d.told_flags || case
                    when 'GOING_DARK' = any(d.risk_flags) and 'GOING_DARK' <> all(d.told_flags)
                        then array['GOING_DARK']
                end
            ) with ordinality as f (flag, place)
        ) as r
)

select
    tenant_id,
    snapshot_date,
    opportunity_id,
    owner_id,
    days_until_close,
    deviation_days,
    is_stuck,
    amount_rank,
    amount_at_stake,
    round(health_factor, 4) as health_factor,
    round(silence_factor, 4) as silence_factor,
    round(amount_factor, 4) as amount_factor,
    round(close_date_factor, 4) as close_date_factor,
    round(risk_flags_factor, 4) as risk_flags_factor,
    priority_score,
    urgency,
    action,
    case
        when action = 'escalate' then case when team_id not in ('none', '-1') then team_name end
        when action is not null then anybody
    end as action_target,
    case when action is not null then dashboard.reason(task, reasons || more_reasons) end as action_reason,
    case when not is_escalated then role_contact_id end as contact_id,
    case when not is_escalated then role_contact_name end as contact_name,
    case when not is_escalated then contact_role end as contact_role
from reasoned
