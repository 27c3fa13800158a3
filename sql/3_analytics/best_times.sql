-- When contacts and reps are answered, at the end of every day: the two hours of business time in which a higher share
-- of their calls and emails was answered than in the rest, the farthest beyond what chance gives. Of contacts whom an
-- action of the day is for by all attempts ever, of reps by those of the last :window.
--
-- Window: 90 days
-- Grain: tenant, day, basis and person with five attempts at least.
-- Key: tenant_id, snapshot_date, basis, who
-- Columns:
--   tenant_id text not null: company the row belongs to
--   snapshot_date date not null: the business day
--   basis text not null, one of contact, rep: contact or rep
--   who text not null: the contact or the rep
--   attempts_count bigint not null: calls and emails that it is of
--   start_hour int: hour at which the two begin; null where no two hours are clearly better than the others
with attempts as (
    select
        tenant_id,
        rep_id,
        contact_id,
        day,
        is_two_way::int as is_answered,
        extract(hour from occurred_at at time zone (select ops.timezone()))::int as hour
    from staging.activities
    where kind in ('call', 'email') and day < :window_end
),

contact_hours as (
    select
        c.tenant_id,
        c.snapshot_date,
        c.contact_id as who,
        a.hour,
        count(*) as attempts,
        sum(a.is_answered) as answers
    from (
        select distinct
            tenant_id,
            snapshot_date,
            contact_id
        from analytics.deal_priorities
        where
            snapshot_date >= :window_start and snapshot_date < :window_end
            and action is not null and contact_id is not null
    ) as c
    inner join attempts as a
        on c.tenant_id = a.tenant_id and c.contact_id = a.contact_id and c.snapshot_date >= a.day
    group by c.tenant_id, c.snapshot_date, c.contact_id, a.hour
),

rep_hours as (
    select
        r.tenant_id,
        r.day as snapshot_date,
        a.rep_id as who,
        a.hour,
        count(*) as attempts,
        sum(a.is_answered) as answers
    from pg_temp.run_days as r
    inner join attempts as a on r.tenant_id = a.tenant_id and r.day >= a.day and a.day > r.day - :window_days
    where a.rep_id is not null
    group by r.tenant_id, r.day, a.rep_id, a.hour
),

-- Two hours, beginning between 8 and 16 o'clock, beside all others.
windows as (
    select
        h.basis,
        h.tenant_id,
        h.snapshot_date,
        h.who,
        s.start,
        sum(h.attempts) filter (where h.hour between s.start and s.start + 1) as attempts_then,
        sum(h.answers) filter (where h.hour between s.start and s.start + 1) as answers_then,
        sum(h.attempts) as attempts_ever,
        sum(h.answers) as answers_ever
    from (
        select
            'contact' as basis,
            c.*
        from contact_hours as c
        union all
        select
            'rep' as basis,
            r.*
        from rep_hours as r
    ) as h
    cross join lateral generate_series(8, 16) as s (start)
    group by h.basis, h.tenant_id, h.snapshot_date, h.who, s.start
)

-- Those with a higher share of answers, if the difference is more than chance gives (two proportions; by default 5 %
-- one-sided, shared out over the nine tries: 2.54 standard errors).
select distinct on (w.tenant_id, w.snapshot_date, w.basis, w.who)
    w.tenant_id,
    w.snapshot_date,
    w.basis,
    w.who,
    w.attempts_ever as attempts_count,
    case
        when w.attempts_then < w.attempts_ever and z.errors >= t.search_errors then w.start
    end as start_hour
from windows as w
inner join staging.thresholds as t on w.tenant_id = t.tenant_id and w.snapshot_date = t.snapshot_date
cross join
    lateral (
        select
            (
                w.answers_then / w.attempts_then
                - (w.answers_ever - w.answers_then) / nullif(w.attempts_ever - w.attempts_then, 0)
            ) / nullif(
                sqrt(
                    w.answers_ever / w.attempts_ever * (1 - w.answers_ever / w.attempts_ever)
                    * (1 / w.attempts_then + 1 / nullif(w.attempts_ever - w.attempts_then, 0))
                ), 0
            ) as errors
    ) as z
where w.attempts_ever >= t.best_time_attempts
order by w.tenant_id asc, w.snapshot_date asc, w.basis asc, w.who asc, z.errors desc nulls last, w.start asc
