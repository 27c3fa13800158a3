-- What every rep should do next, at the end of every day: the ten open deals that need it most (with a risk flag, or
-- due soon; analytics.deal_priorities), whom to speak to, why, and when that contact (else, the rep's contacts) answers
-- calls and emails most often.
--
-- Grain: tenant, day, rep and action, at most ten a rep.
-- Key: tenant_id, snapshot_date, rep_id, priority_rank
-- Unique: tenant_id, snapshot_date, action_id
-- Preview: d.priority_score desc
-- Columns:
--   tenant_id text not null: company the row belongs to
--   snapshot_date date not null: the business day
--   action_id uuid not null: the same for the same deal, action and day
--   rep_id text not null: the rep
--   opportunity_id text not null: the deal
--   account_name text not null: the customer; a dash if nobody said
--   contact_name text: whom to speak to: somebody with a role on the deal; null if nobody has one
--   contact_role text: the contact's role
--   action_type text not null, one of call, email, meeting, task: call, email, meeting or task; an escalation is a task
--   action_reason text not null: why, in words, worst risk flag first
--   priority_score numeric(5, 2) not null, 0 to 100: 0 to 100
--   priority_rank bigint not null, 1 to 10: 1 for the rep's most important
--   best_time_start text: when to, in business time; null where no two hours are clearly better than the others
--   best_time_end text: two hours later
--   urgency text not null, one of today, this_week, soon: today, this_week or soon: CRITICAL deals today, as many as
--       the rep does on a day; HIGH ones this week
--   deal_amount numeric(18, 2): what the deal is worth; null if nobody said
--   deal_health int, 0 to 100: its health
--   days_since_contact int not null, at least 0: calendar days since the last two-way activity, or since its creation
--       if there was none
--   risk_if_delayed text: what a delay risks, by how such deals fared, in words; null where the past does not tell
--   action_icon text not null, one of 📞, 📧, 📅, ✅: the action as a mark
--   time_display text not null: the best time for people; any time if none is clearly better; a dash with too few
--       attempts to tell
--   opportunity_name text not null: the deal's name; its id if nobody said
--   contact_id text: the contact
--   risk_flags text[] not null, any of STUCK, NO_EB, GOING_DARK, CLOSE_DATE_PAST, NO_CHAMPION, SINGLE_THREADED,
--       PUSHED, COMPETITIVE, HEAVY_DISCOUNT: what is wrong, worst first
--   health_factor numeric(5, 4), 0 to 1: (100 - health) / 100
--   silence_factor numeric(5, 4), 0 to 1: days since contact / 21, at most 1
--   amount_factor numeric(5, 4), 0 to 1: share of the tenant's open deals that would add no more to the forecast if
--       all were healthy
--   close_date_factor numeric(5, 4), 0 to 1: 1 less the days to the close date / 90; 1 once it has passed
--   risk_flags_factor numeric(5, 4) not null, 0 to 1: flags / 4, at most 1
--   best_time_basis text, one of contact, rep: contact or rep: whose answers the best time is from
--   best_time_samples bigint, at least 0: how many calls and emails those answers are of
--   close_date date: when the deal is to close
--   quarter text: quarter of that date
--   team_id text not null: the rep's manager; none without one
--   manager_name text not null: the manager's name
--   segment text: segment
--   region text: region
--   deal_urgency text, one of CRITICAL, HIGH, MEDIUM, LOW: CRITICAL, HIGH, MEDIUM or LOW, as in
--       analytics.deal_priorities
--   amount_at_stake numeric(18, 2): what it would add to the forecast if it were healthy, less what it adds; null
--       without an amount
--   risk_amount numeric(18, 2): the amount times the share by which deals with the flag of risk_basis were won less
--       often than others
--   risk_basis text, one of STUCK, NO_EB, GOING_DARK, CLOSE_DATE_PAST, NO_CHAMPION, SINGLE_THREADED, PUSHED,
--       COMPETITIVE, HEAVY_DISCOUNT: the deal's worst flag that such a share is known of: analytics.flag_outcomes
-- Rules:
--   contact_name does not agree with contact_role unless (contact_name is null) = (contact_role is null)
--   time_display does not say the best time unless time_display = best_time_start || ' – ' || best_time_end or
--       best_time_start is null and time_display in ('any time', '—')
--   best_time_start is not of the form 2:00 PM unless best_time_start ~ '^(1[0-2]|[1-9]):[0-5][0-9] [AP]M$'
--   best_time_samples does not agree with best_time_start unless (best_time_samples is null) = (best_time_start is
--       null)
--   urgency does not agree with deal_urgency unless case urgency when 'today' then deal_urgency = 'CRITICAL' when
--       'this_week' then deal_urgency in ('CRITICAL', 'HIGH') else deal_urgency in ('MEDIUM', 'LOW') end
--   risk_if_delayed does not agree with risk_basis and risk_amount unless (risk_if_delayed is null) = (risk_basis is
--       null) and (risk_amount is null) = (risk_basis is null)
--   action_icon does not say action_type unless action_icon = case action_type when 'call' then '📞' when 'email' then
--       '📧' when 'meeting' then '📅' else '✅' end
--   priority_rank is the last of ranks with gaps unless max(priority_rank) over (partition by tenant_id,
--       snapshot_date, rep_id) = count(*) over (partition by tenant_id, snapshot_date, rep_id)
with ranked as (
    select
        p.*,
        d.amount,
        d.as_of,
        d.account_id,
        d.opportunity_name,
        d.close_date,
        d.team_id,
        d.team_name,
        d.segment,
        d.region,
        d.days_since_two_way,
        h.health_score,
        h.risk_flags,
        row_number() over (
            partition by p.tenant_id, p.snapshot_date, p.owner_id
            order by p.priority_score desc, d.amount desc nulls last, p.opportunity_id asc
        ) as priority_rank
    from analytics.deal_priorities as p
    inner join staging.deal_days as d
        on p.tenant_id = d.tenant_id and p.snapshot_date = d.snapshot_date and p.opportunity_id = d.opportunity_id
    inner join enriched.deal_health_scores as h
        on p.tenant_id = h.tenant_id and p.snapshot_date = h.snapshot_date and p.opportunity_id = h.opportunity_id
    where
        p.snapshot_date >= :window_start and p.snapshot_date < :window_end
        and p.owner_id <> '-1' and p.action is not null
),

-- No more for one day than the rep does in one.
chosen as (
    select
        r.*,
        case
            when r.urgency = 'CRITICAL' and count(*) filter (where r.urgency = 'CRITICAL') over (
                partition by r.tenant_id, r.snapshot_date, r.owner_id order by r.priority_rank
            ) <= greatest(3, coalesce(round(a.avg_daily_activities), 0)) then 'today'
            when r.urgency in ('CRITICAL', 'HIGH') then 'this_week'
            else 'soon'
        end as due
    from ranked as r
    left join dashboard.rep_activity_metrics as a
        on
            r.tenant_id = a.tenant_id and r.snapshot_date = a.snapshot_date and r.owner_id = a.rep_id
            and a.period = '30d'
    where r.priority_rank <= 10
),

-- Flags with which deals were won less often, by more than chance gives (5 % one-sided, shared out over nine flags).
less_often as (
    select
        o.tenant_id,
        o.snapshot_date,
        o.flag,
        o.win_rate_difference
    from analytics.flag_outcomes as o
    inner join staging.thresholds as t on o.tenant_id = t.tenant_id and o.snapshot_date = t.snapshot_date
    where
        o.snapshot_date >= :window_start and o.snapshot_date < :window_end
        and o.deals_count >= t.outcome_deals and o.others_count >= t.outcome_deals
        and o.standard_errors <= -t.search_errors
),

risks as (
    select distinct on (c.tenant_id, c.snapshot_date, c.opportunity_id)
        c.tenant_id,
        c.snapshot_date,
        c.opportunity_id,
        o.flag,
        o.win_rate_difference,
        round(-100 * o.win_rate_difference) >= 1 and -o.win_rate_difference * c.amount >= 500 as is_worth_saying
    from chosen as c
    inner join less_often as o
        on c.tenant_id = o.tenant_id and c.snapshot_date = o.snapshot_date and o.flag = any(c.risk_flags)
    order by
        c.tenant_id asc, c.snapshot_date asc, c.opportunity_id asc, array_position(c.risk_flags, o.flag) asc
),

told as (
    select
        c.*,
        coalesce(a.account_name, '—') as account_name,
        q.quarter,
        case c.action when 'escalate' then 'task' else c.action end as action_type,
        coalesce(b.start_hour, e.start_hour) as start,
        case
            when b.start_hour is not null then 'contact' when e.start_hour is not null then 'rep'
        end as best_time_basis,
        case
            when b.start_hour is not null then b.attempts_count
            when e.start_hour is not null then e.attempts_count
        end as best_time_samples,
        case
            when coalesce(b.attempts_count, e.attempts_count) is null then '—' else 'any time'
        end as without_best_time,
        o.flag as risk_basis,
        o.win_rate_difference,
        round(-o.win_rate_difference * c.amount, 2) as risk_amount
    from chosen as c
    left join staging.accounts as a
        on
            c.tenant_id = a.tenant_id and c.account_id = a.account_id
            and c.as_of > a.valid_from and c.as_of <= a.valid_to
    left join ops.calendar as q on c.close_date = q.day
    left join analytics.best_times as b
        on
            b.basis = 'contact' and c.tenant_id = b.tenant_id and c.snapshot_date = b.snapshot_date
            and c.contact_id = b.who
    left join analytics.best_times as e
        on
            e.basis = 'rep' and c.tenant_id = e.tenant_id and c.snapshot_date = e.snapshot_date
            and c.owner_id = e.who
    left join risks as o
        on
            c.tenant_id = o.tenant_id and c.snapshot_date = o.snapshot_date and c.opportunity_id = o.opportunity_id
            and o.is_worth_saying
)

select
    tenant_id,
    snapshot_date,
    ops.uuid_of('action', tenant_id, snapshot_date::text, opportunity_id, action_type) as action_id,
    owner_id as rep_id,
    opportunity_id,
    account_name,
    contact_name,
    contact_role,
    action_type,
    action_reason,
    priority_score,
    priority_rank,
    to_char('2000-01-01'::timestamp + make_interval(hours => start), 'FMHH12:MI AM') as best_time_start,
    to_char('2000-01-01'::timestamp + make_interval(hours => start + 2), 'FMHH12:MI AM') as best_time_end,
    due as urgency,
    amount as deal_amount,
    health_score as deal_health,
    days_since_two_way as days_since_contact,
    dashboard.risk(risk_basis, win_rate_difference, amount) as risk_if_delayed,
    case action_type when 'call' then '📞' when 'email' then '📧' when 'meeting' then '📅' else '✅' end as action_icon,
    coalesce(
        to_char('2000-01-01'::timestamp + make_interval(hours => start), 'FMHH12:MI AM') || ' – '
        || to_char('2000-01-01'::timestamp + make_interval(hours => start + 2), 'FMHH12:MI AM'), without_best_time
    ) as time_display,
    coalesce(opportunity_name, opportunity_id) as opportunity_name,
    contact_id,
    risk_flags,
    health_factor,
    silence_factor,
    amount_factor,
    close_date_factor,
    risk_flags_factor,
    best_time_basis,
    best_time_samples,
    close_date,
    quarter,
    team_id,
    team_name as manager_name,
    segment,
    region,
    urgency as deal_urgency,
    amount_at_stake,
    risk_amount,
    risk_basis
from told
