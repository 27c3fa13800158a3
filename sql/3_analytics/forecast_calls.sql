-- What people called that the day's quarter and the next will bring, as their calls stood at the end of every day: each
-- rep's own call, what a manager put in its place, and which of the two stands; beside what is won, and, of teams and
-- the company, what the AI forecast says. Calls for months add up to the quarter's. A call that leaves out what is won
-- is told with it. Of somebody whom others report to it is about the team: such calls are shown and not added up.
--
-- Grain: tenant, day, quarter, rep who was called for, and forecast category; teams (rep_id All) and All of those who
--     lead nobody.
-- Key: tenant_id, snapshot_date, quarter, team_id, rep_id, category
-- Preview: d.standing_amount desc nulls last
-- Columns:
--   tenant_id text not null: company the row belongs to
--   snapshot_date date not null: the business day
--   quarter text not null: the quarter that is called
--   team_id text not null: All, a manager's id, none or -1
--   rep_id text not null: All, or whose number it is
--   category text not null: forecast category that is called
--   team_name text not null: All, or the manager's name
--   rep_name text not null: All, or the rep's name
--   leads_team boolean not null: whether the number is that of those who report to the rep, with the rep's own
--   callers_count bigint not null, at least 0: reps whose number stands
--   overrides_count bigint not null, at least 0: those of them whose call somebody has overridden
--   unconverted_count bigint not null, at least 0: calls and overrides without a rate to the company's currency
--   call_amount numeric(18, 2): what the reps called; null where there is no call, or it was taken back
--   called_by text: of a rep: who said it last
--   called_at timestamptz: of a rep: when
--   override_amount numeric(18, 2): what was put in its place
--   overridden_by text: of a rep: by whom last
--   overridden_at timestamptz: of a rep: when
--   standing_amount numeric(18, 2): the override where there is one, else the call
--   won_amount numeric(18, 2) not null: what those who were called for have won in the quarter so far
--   ai_forecast numeric(18, 2): of teams and All: what the AI forecast says (analytics.forecast_confidence)
-- Rules:
--   overrides_count is more than callers unless overrides_count <= callers_count
with stood as (
    select
        c.tenant_id,
        r.day,
        q.place,
        c.rep_id,
        c.category,
        min(q.quarter) as quarter,
        count(*) filter (where c.amount is null and c.currency_amount is not null) as unconverted_count,
        sum(c.amount) filter (where c.kind = 'call') as call_amount,
        sum(c.amount) filter (where c.kind = 'override') as override_amount,
        bool_and(c.includes_won) filter (where c.kind = 'call') as call_includes_won,
        bool_and(c.includes_won) filter (where c.kind = 'override') as override_includes_won,
        (
            array_agg(c.submitted_by order by c.submitted_at desc, c.period_start desc) filter (where c.kind = 'call')
        )[1] as called_by,
        max(c.submitted_at) filter (where c.kind = 'call') as called_at,
        (
            array_agg(c.submitted_by order by c.submitted_at desc, c.period_start desc)
            filter (where c.kind = 'override' and c.currency_amount is not null)
        )[1] as overridden_by,
        max(c.submitted_at) filter (where c.kind = 'override' and c.currency_amount is not null) as overridden_at
    from staging.forecast_calls as c
    inner join ops.calendar as p on c.period_start = p.day
    cross join
        lateral generate_series(
            greatest(
                c.d_from, :window_start, (p.quarter_start - interval '3 months')::date
            ) - cast(:window_start as date),
            least(c.d_to, :window_end, p.quarter_end + 1) - cast(:window_start as date) - 1
        ) as n (days)
    inner join pg_temp.run_days as r
        on c.tenant_id = r.tenant_id and r.day = cast(:window_start as date) + n.days
    inner join ops.quarters_ahead as q on r.day = q.day and p.quarter_start = q.quarter_start
    where c.d_from < :window_end and c.d_to > :window_start
    group by c.tenant_id, r.day, q.place, c.rep_id, c.category
),

-- What a rep won is the rep's, and the manager's.
won as (
    select
        k.tenant_id,
        k.snapshot_date as day,
        w.rep_id,
        sum(k.quarter_won_amount) as won_amount,
        sum(k.next_quarter_won_amount) as next_won_amount
    from staging.rep_closings as k
    inner join staging.rep_days as p
        on k.tenant_id = p.tenant_id and k.snapshot_date = p.snapshot_date and k.rep_id = p.rep_id
    cross join lateral (values (k.rep_id, true), (p.team_id, p.team_id <> k.rep_id)) as w (rep_id, is_another)
    where k.snapshot_date >= :window_start and k.snapshot_date < :window_end and w.is_another
    group by k.tenant_id, k.snapshot_date, w.rep_id
),

leaders as (
    select distinct
        tenant_id,
        snapshot_date as day,
        team_id as rep_id
    from staging.rep_days
    where snapshot_date >= :window_start and snapshot_date < :window_end and team_id not in ('none', '-1')
),

reps as (
    select
        s.*,
        coalesce(p.team_id, 'none') as team_id,
        coalesce(p.team_name, 'No manager') as team_name,
        coalesce(p.rep_name, s.rep_id) as rep_name,
        l.rep_id is not null as leads_team,
        coalesce(case s.place when 1 then w.won_amount else w.next_won_amount end, 0) as won_amount
    from stood as s
    left join staging.rep_days as p
        on s.tenant_id = p.tenant_id and s.day = p.snapshot_date and s.rep_id = p.rep_id
    left join leaders as l on s.tenant_id = l.tenant_id and s.day = l.day and s.rep_id = l.rep_id
    left join won as w on s.tenant_id = w.tenant_id and s.day = w.day and s.rep_id = w.rep_id
),

totals as (
    select
        *,
        call_amount + case when call_includes_won then 0 else won_amount end as full_call_amount,
        override_amount + case when override_includes_won then 0 else won_amount end as full_override_amount
    from reps
),

summed as (
    select
        t.tenant_id,
        t.day,
        t.quarter,
        ops.or_all(grouping(t.team_id), t.team_id) as team_id,
        ops.or_all(grouping(t.rep_id), t.rep_id) as rep_id,
        t.category,
        ops.or_all(grouping(t.team_id), max(t.team_name)) as team_name,
        ops.or_all(grouping(t.rep_id), max(t.rep_name)) as rep_name,
        grouping(t.rep_id) = 1 as is_group,
        bool_or(t.leads_team) as leads_team,
        count(coalesce(t.full_override_amount, t.full_call_amount)) as callers_count,
        count(t.full_override_amount) as overrides_count,
        sum(t.unconverted_count) as unconverted_count,
        sum(t.full_call_amount) as call_amount,
        max(t.called_by) as called_by,
        max(t.called_at) as called_at,
        sum(t.full_override_amount) as override_amount,
        max(t.overridden_by) as overridden_by,
        max(t.overridden_at) as overridden_at,
        sum(coalesce(t.full_override_amount, t.full_call_amount)) as standing_amount,
        sum(t.won_amount) as won_amount
    from totals as t
    group by
        t.tenant_id, t.day, t.quarter, t.category,
        grouping sets ((t.team_id, t.rep_id, t.leads_team), (t.team_id, t.leads_team), (t.leads_team))
    having grouping(t.rep_id) = 0 or not t.leads_team
)

select
    s.tenant_id,
    s.day as snapshot_date,
    s.quarter,
    s.team_id,
    s.rep_id,
    s.category,
    s.team_name,
    s.rep_name,
    s.leads_team,
    s.callers_count,
    s.overrides_count,
    s.unconverted_count,
    s.call_amount,
    case when not s.is_group then s.called_by end as called_by,
    case when not s.is_group then s.called_at end as called_at,
    s.override_amount,
    case when not s.is_group then s.overridden_by end as overridden_by,
    case when not s.is_group then s.overridden_at end as overridden_at,
    s.standing_amount,
    s.won_amount,
    f.ai_forecast
from summed as s
left join analytics.forecast_confidence as f
    on
        s.tenant_id = f.tenant_id and s.day = f.snapshot_date and s.quarter = f.quarter and s.team_id = f.team_id
        and f.segment = 'All' and f.region = 'All' and f.line = 'TOTAL FORECAST' and s.is_group
