-- What every rep should do next, at the end of every day: the ten open deals that need it most, whom to speak to, why,
-- and when that contact (else, the rep's contacts) has answered before. What the source tells nothing of is left out
-- of the priority, the other factors weigh more.
--
-- One row per: tenant, day, rep and action, at most ten a rep.
-- Columns:
--   tenant_id: company the row belongs to
--   snapshot_date: the business day
--   action_id: the same for the same deal, action and day
--   rep_id: the rep
--   opportunity_id: the deal
--   account_name: the customer; a dash if nobody said
--   contact_name: whom to speak to: somebody with a role on the deal; null if nobody has one
--   contact_role: the contact's role
--   action_type: call, email, meeting or task
--   action_reason: why, by the worst risk flag
--   priority_score: 0 to 100
--   priority_rank: 1 for the rep's most important
--   best_time_start: when to, in business time; null without enough history
--   best_time_end: two hours later
--   urgency: today, this_week or soon
--   deal_amount: what the deal is worth; null if nobody said
--   deal_health: its health
--   days_since_contact: calendar days since the last two-way activity, or since its creation if there was none
--   risk_if_delayed: what is at stake, in words
--   action_icon: the action as a mark
--   time_display: the best time for people
--   opportunity_name: the deal's name; its id if nobody said
--   contact_id: the contact
--   risk_flags: what is wrong, worst first
--   health_factor: (100 - health) / 100
--   silence_factor: days since contact / 21, at most 1
--   amount_factor: share of the tenant's open deals that are worth less
--   close_date_factor: 1 less the days to the close date / 90; 1 once it has passed
--   risk_flags_factor: flags / 4, at most 1
--   best_time_basis: contact or rep: whose answers the best time is from
--   best_time_samples: how many answers those are
--   close_date: when the deal is to close
--   quarter: quarter of that date
--   team_id: the rep's manager; none without one
--   manager_name: the manager's name
--   segment: segment
--   region: region
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

factors as (
    select
        d.*,
        h.health_score,
        h.health_change_7d,
        h.risk_flags,
        h.benchmark_days,
        d.close_date - d.snapshot_date as days_to_close,
        (100 - h.health_score) / 100.0 as health_factor,
        case when h.days_since_two_way is not null then least(h.days_since_two_way / 21.0, 1) end as silence_factor,
        case when d.amount is not null then percent_rank() over (
            partition by d.tenant_id, d.snapshot_date, d.amount is null order by d.amount
        )::numeric end as amount_factor,
        case
            when d.close_date is not null then 1 - least(greatest(d.close_date - d.snapshot_date, 0) / 90.0, 1)
        end as close_date_factor,
        least(cardinality(h.risk_flags) / 4.0, 1) as risk_flags_factor
    from staging.deal_days as d
    inner join enriched.deal_health_scores as h
        on d.tenant_id = h.tenant_id and d.snapshot_date = h.snapshot_date and d.opportunity_id = h.opportunity_id
    where d.snapshot_date >= :window_start and d.snapshot_date < :window_end
),

scored as (
    select
        f.*,
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
),

ranked as (
    select
        *,
        row_number() over (
            partition by tenant_id, snapshot_date, owner_id
            order by priority_score desc, amount desc nulls last, opportunity_id asc
        ) as priority_rank,
        priority_score >= 70 or coalesce(days_to_close <= 7 and health_score < 60, false) as is_pressing
    from scored
    where owner_id <> '-1'
),

-- No more for one day than the rep does in one.
chosen as (
    select
        r.*,
        case
            when r.is_pressing and count(*) filter (where r.is_pressing) over (
                partition by r.tenant_id, r.snapshot_date, r.owner_id order by r.priority_rank
            ) <= greatest(3, coalesce(round(a.avg_daily_activities), 0)) then 'today'
            when r.is_pressing or r.priority_score >= 50 then 'this_week'
            else 'soon'
        end as urgency
    from ranked as r
    left join dashboard.rep_activity_metrics as a
        on
            r.tenant_id = a.tenant_id and r.snapshot_date = a.snapshot_date and r.owner_id = a.rep_id
            and a.period = '30d'
    where r.priority_rank <= 10
),

answers as (
    select
        tenant_id,
        rep_id,
        contact_id,
        day,
        extract(hour from occurred_at at time zone (select ops.timezone()))::int as hour
    from staging.activities
    where is_two_way and day < :window_end
),

contact_hours as (
    select
        c.tenant_id,
        c.snapshot_date,
        p.role_contact_id as contact_id,
        a.hour,
        count(*) as answers
    from chosen as c
    inner join enriched.deal_people as p
        on c.tenant_id = p.tenant_id and c.snapshot_date = p.snapshot_date and c.opportunity_id = p.opportunity_id
    inner join answers as a
        on c.tenant_id = a.tenant_id and p.role_contact_id = a.contact_id and c.snapshot_date >= a.day
    group by c.tenant_id, c.snapshot_date, c.opportunity_id, p.role_contact_id, a.hour
),

rep_hours as (
    select
        r.tenant_id,
        r.day as snapshot_date,
        a.rep_id,
        a.hour,
        count(*) as answers
    from pg_temp.run_days as r
    inner join answers as a on r.tenant_id = a.tenant_id and r.day >= a.day and a.day > r.day - 90
    where a.rep_id is not null
    group by r.tenant_id, r.day, a.rep_id, a.hour
),

-- The two hours, beginning between 8 and 16 o'clock, with most answers; five answers at least.
windows as (
    select
        h.basis,
        h.tenant_id,
        h.snapshot_date,
        h.who,
        s.start,
        sum(h.answers) filter (where h.hour between s.start and s.start + 1) as answers_then,
        sum(h.answers) as answers_ever
    from (
        select distinct
            'contact' as basis,
            tenant_id,
            snapshot_date,
            contact_id as who,
            hour,
            answers
        from contact_hours
        union all
        select
            'rep' as basis,
            tenant_id,
            snapshot_date,
            rep_id as who,
            hour,
            answers
        from rep_hours
    ) as h
    cross join lateral generate_series(8, 16) as s (start)
    group by h.basis, h.tenant_id, h.snapshot_date, h.who, s.start
),

best as (
    select distinct on (basis, tenant_id, snapshot_date, who)
        basis,
        tenant_id,
        snapshot_date,
        who,
        start,
        answers_ever
    from windows
    where answers_ever >= 5 and answers_then > 0
    order by basis asc, tenant_id asc, snapshot_date asc, who asc, answers_then desc, start asc
),

flags as (
    select
        r.tenant_id,
        r.day,
        f.flag,
        f.display,
        f.action_type
    from pg_temp.run_days as r
    inner join reference.risk_flags as f
        on r.tenant_id = f.tenant_id and r.day >= f.valid_from and r.day < f.valid_to
),

told as (
    select
        c.*,
        coalesce(a.account_name, '—') as account_name,
        p.role_contact_id as contact_id,
        p.role_contact_name as contact_name,
        case when p.role_contact_id is not null then p.contact_role end as contact_role,
        case
            when p.role_contact_id is null then 'task'
            else coalesce(f.action_type, 'email')
        end as action_type,
        coalesce(f.display, 'Keep in touch') as flag_display,
        q.quarter,
        coalesce(b.start, e.start) as start,
        coalesce(b.basis, e.basis) as best_time_basis,
        coalesce(b.answers_ever, e.answers_ever) as best_time_samples
    from chosen as c
    left join enriched.deal_people as p
        on c.tenant_id = p.tenant_id and c.snapshot_date = p.snapshot_date and c.opportunity_id = p.opportunity_id
    left join flags as f on c.tenant_id = f.tenant_id and c.snapshot_date = f.day and c.risk_flags[1] = f.flag
    left join staging.accounts as a
        on
            c.tenant_id = a.tenant_id and c.account_id = a.account_id
            and c.as_of > a.valid_from and c.as_of <= a.valid_to
    left join ops.calendar as q on c.close_date = q.day
    left join best as b
        on
            b.basis = 'contact' and c.tenant_id = b.tenant_id and c.snapshot_date = b.snapshot_date
            and p.role_contact_id = b.who
    left join best as e
        on
            e.basis = 'rep' and c.tenant_id = e.tenant_id and c.snapshot_date = e.snapshot_date
            and c.owner_id = e.who
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
    case
        when contact_id is null then 'Find a contact: nobody has a role on the deal'
        else flag_display || case risk_flags[1]
            when 'STUCK'
                then
                    format(
                        ': %s in %s, expected are %s', dashboard.days(round(days_in_stage::numeric)), stage_name,
                        dashboard.days(round(benchmark_days::numeric))
                    )
            when 'NO_EB' then ': no economic buyer engaged in ' || stage_name
            when 'GOING_DARK' then ': silent for ' || dashboard.days(days_since_two_way)
            when 'CLOSE_DATE_PAST' then ': was to close ' || dashboard.days(-days_to_close) || ' ago'
            when 'NO_CHAMPION' then ': nobody has the role of champion'
            when 'SINGLE_THREADED' then ': engaged contacts: ' || engaged_contacts_count
            when 'PUSHED' then ': close date moved out ' || pushes_count || ' times'
            when 'COMPETITIVE' then ': ' || competitor || ' is ' || competitor_status || ' in the deal'
            when 'HEAVY_DISCOUNT' then ': ' || round(discount_pct) || '% off'
            else ': nothing is wrong'
        end
    end as action_reason,
    priority_score,
    priority_rank,
    to_char('2000-01-01'::timestamp + make_interval(hours => start), 'FMHH12:MI AM') as best_time_start,
    to_char('2000-01-01'::timestamp + make_interval(hours => start + 2), 'FMHH12:MI AM') as best_time_end,
    urgency,
    amount as deal_amount,
    health_score as deal_health,
    days_since_two_way as days_since_contact,
    dashboard.currency(amount) || case
        when days_to_close < 0 then ' overdue by ' || dashboard.days(-days_to_close)
        when days_to_close <= 30 then ' due in ' || dashboard.days(days_to_close)
        else ' open'
    end || case
        when health_change_7d < 0 then ', health down ' || -health_change_7d || ' in a week'
        when health_score is not null then ', health ' || health_score
        else ''
    end as risk_if_delayed,
    case action_type when 'call' then '📞' when 'email' then '📧' when 'meeting' then '📅' else '✅' end as action_icon,
    coalesce(
        to_char('2000-01-01'::timestamp + make_interval(hours => start), 'FMHH12:MI AM') || ' – '
        || to_char('2000-01-01'::timestamp + make_interval(hours => start + 2), 'FMHH12:MI AM'), '—'
    ) as time_display,
    coalesce(opportunity_name, opportunity_id) as opportunity_name,
    contact_id,
    risk_flags,
    round(health_factor, 4) as health_factor,
    round(silence_factor, 4) as silence_factor,
    round(amount_factor, 4) as amount_factor,
    round(close_date_factor, 4) as close_date_factor,
    round(risk_flags_factor, 4) as risk_flags_factor,
    best_time_basis,
    best_time_samples,
    close_date,
    quarter,
    team_id,
    team_name as manager_name,
    segment,
    region
from told
