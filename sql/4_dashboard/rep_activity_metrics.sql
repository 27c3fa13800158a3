-- What every active rep did, at the end of every day: activities of the last :window, of the last 7 and of the day.
-- Means are per working day, Monday to Friday.
--
-- Window: 30 days
-- Grain: tenant, day, active rep and period.
-- Key: tenant_id, snapshot_date, rep_id, period
-- Columns:
--   tenant_id text not null: company the row belongs to
--   snapshot_date date not null: the business day
--   rep_id text not null: the rep
--   period text not null, one of 30d, 7d, today: 30d, 7d or today
--   total_activities bigint not null, at least 0: calls, emails, meetings, demos, tasks, and what the source calls
--       otherwise
--   call_count bigint not null, at least 0: calls
--   email_count bigint not null, at least 0: emails
--   meeting_count bigint not null, at least 0: meetings
--   demo_count bigint not null, at least 0: demos
--   avg_daily_activities numeric(10, 2), at least 0: total per working day of the period; null without one
--   team_avg_daily numeric(10, 2), at least 0: the same, mean of the team's active reps
--   top_performer_daily numeric(10, 2), at least 0: the same, mean of the top performers
--   monday_avg numeric(10, 2), at least 0: mean of the period's Mondays; null without one
--   tuesday_avg numeric(10, 2), at least 0: mean of its Tuesdays
--   wednesday_avg numeric(10, 2), at least 0: mean of its Wednesdays
--   thursday_avg numeric(10, 2), at least 0: mean of its Thursdays
--   friday_avg numeric(10, 2), at least 0: mean of its Fridays
--   low_activity_days text[] not null, any of Monday, Tuesday, Wednesday, Thursday, Friday: weekdays whose mean is
--       below that of all working days, by a share (thresholds) and by more than chance gives
--   activity_consistency_score numeric(5, 4), 0 to 1: 1 less the standard deviation over the mean of the working days,
--       at least 0
--   working_days_count bigint not null, at least 0: working days in the period
--   team_id text not null: the manager's id; none without one
--   manager_name text not null: the manager's name
--   segment text: segment
--   region text: region
--   other_count bigint not null, at least 0: tasks, and what the source calls otherwise
-- Rules:
--   total_activities is not the sum of the kinds unless total_activities = call_count + email_count + meeting_count +
--       demo_count + other_count
--   avg_daily_activities does not agree with working_days_count unless (avg_daily_activities is null) =
--       (working_days_count = 0)
--   period is not one of three unless count(*) over (partition by tenant_id, snapshot_date, rep_id) = 3
with per_day as (
    select
        tenant_id,
        rep_id,
        day,
        count(*) filter (where kind = 'call') as calls,
        count(*) filter (where kind = 'email') as emails,
        count(*) filter (where kind = 'meeting') as meetings,
        count(*) filter (where kind = 'demo') as demos,
        count(*) as activities
    from staging.activities
    where
        day > cast(:window_start as date) - :window_days and day < :window_end
    group by tenant_id, rep_id, day
),

reps as (
    select
        d.tenant_id,
        d.snapshot_date,
        d.rep_id,
        d.team_id,
        d.team_name,
        d.segment,
        d.region,
        coalesce(p.is_top_performer, false) as is_top_performer
    from staging.rep_days as d
    left join analytics.rep_performance as p
        on d.tenant_id = p.tenant_id and d.snapshot_date = p.snapshot_date and d.rep_id = p.rep_id
    where
        d.snapshot_date >= :window_start and d.snapshot_date < :window_end and d.is_active
        and (
            p.rep_id is not null
            or exists (
                select
                from per_day as a
                where
                    a.tenant_id = d.tenant_id and a.rep_id = d.rep_id and a.day > d.snapshot_date - :window_days
                    and a.day <= d.snapshot_date
            )
        )
),

-- Every rep's every day of every period, with or without activities.
days as (
    select
        r.tenant_id,
        r.snapshot_date,
        r.rep_id,
        p.period,
        extract(isodow from r.snapshot_date - n.days_before) as weekday,
        coalesce(a.calls, 0) as calls,
        coalesce(a.emails, 0) as emails,
        coalesce(a.meetings, 0) as meetings,
        coalesce(a.demos, 0) as demos,
        coalesce(a.activities, 0) as activities
    from reps as r
    cross join generate_series(0, :window_days - 1) as n (days_before)
    inner join (values ('30d', :window_days), ('7d', 7), ('today', 1)) as p (period, days) on n.days_before < p.days
    left join per_day as a
        on r.tenant_id = a.tenant_id and r.rep_id = a.rep_id and a.day = r.snapshot_date - n.days_before
),

summed as (
    select
        tenant_id,
        snapshot_date,
        rep_id,
        period,
        sum(activities) as total_activities,
        sum(calls) as call_count,
        sum(emails) as email_count,
        sum(meetings) as meeting_count,
        sum(demos) as demo_count,
        count(*) filter (where weekday <= 5) as working_days_count,
        avg(activities) filter (where weekday <= 5) as mean_of_days,
        stddev_pop(activities) filter (where weekday <= 5) as deviation_of_days,
        avg(activities) filter (where weekday = 1) as monday_avg,
        avg(activities) filter (where weekday = 2) as tuesday_avg,
        avg(activities) filter (where weekday = 3) as wednesday_avg,
        avg(activities) filter (where weekday = 4) as thursday_avg,
        avg(activities) filter (where weekday = 5) as friday_avg,
        count(*) filter (where weekday = 1) as mondays,
        count(*) filter (where weekday = 2) as tuesdays,
        count(*) filter (where weekday = 3) as wednesdays,
        count(*) filter (where weekday = 4) as thursdays,
        count(*) filter (where weekday = 5) as fridays
    from days
    group by tenant_id, snapshot_date, rep_id, period
),

measured as (
    select
        s.*,
        r.team_id,
        r.team_name,
        r.segment,
        r.region,
        r.is_top_performer,
        round(s.total_activities / nullif(s.working_days_count, 0), 2) as avg_daily_activities
    from summed as s
    inner join reps as r
        on s.tenant_id = r.tenant_id and s.snapshot_date = r.snapshot_date and s.rep_id = r.rep_id
)

select
    m.tenant_id,
    m.snapshot_date,
    m.rep_id,
    m.period,
    m.total_activities,
    m.call_count,
    m.email_count,
    m.meeting_count,
    m.demo_count,
    m.avg_daily_activities,
    round(avg(m.avg_daily_activities) over (
        partition by m.tenant_id, m.snapshot_date, m.period, m.team_id
    ), 2) as team_avg_daily,
    round(avg(m.avg_daily_activities) filter (where m.is_top_performer) over (
        partition by m.tenant_id, m.snapshot_date, m.period
    ), 2) as top_performer_daily,
    round(m.monday_avg, 2) as monday_avg,
    round(m.tuesday_avg, 2) as tuesday_avg,
    round(m.wednesday_avg, 2) as wednesday_avg,
    round(m.thursday_avg, 2) as thursday_avg,
    round(m.friday_avg, 2) as friday_avg,
    -- By standard errors of a Poisson count (2.33 by default: 1 %, one-sided): four Mondays tell little of two a day.
    array(
        select w.weekday
        from (
            values
            (1, 'Monday', m.monday_avg, m.mondays), (2, 'Tuesday', m.tuesday_avg, m.tuesdays),
            (3, 'Wednesday', m.wednesday_avg, m.wednesdays), (4, 'Thursday', m.thursday_avg, m.thursdays),
            (5, 'Friday', m.friday_avg, m.fridays)
        ) as w (number, weekday, mean, days)
        where
            w.mean < t.low_activity_share * m.mean_of_days
            and (m.mean_of_days - w.mean) * w.days > t.low_activity_errors * sqrt(m.mean_of_days * w.days)
        order by w.number
    ) as low_activity_days,
    case
        when m.working_days_count > 1 and m.mean_of_days > 0
            then round(1 - least(1, m.deviation_of_days / m.mean_of_days), 4)
    end as activity_consistency_score,
    m.working_days_count,
    m.team_id,
    m.team_name as manager_name,
    m.segment,
    m.region,
    m.total_activities - m.call_count - m.email_count - m.meeting_count - m.demo_count as other_count
from measured as m
inner join staging.thresholds as t on m.tenant_id = t.tenant_id and m.snapshot_date = t.snapshot_date
