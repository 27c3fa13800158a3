-- How long visits to each stage last, those that still do included (Kaplan and Meier), and what became of the deals
-- (Aalen and Johansen: won against lost), on the last day of every week (of the quarter): visits that began in the
-- :window up to it, for as long as they have been seen. Completed visits alone are biased short: deals that stay are
-- the last to complete. Other days have no rows.
--
-- Window: 365 days
-- Grain: tenant, last day of a week and stage with a visit that began in the :window.
-- Key: tenant_id, snapshot_date, stage_id
-- Index: (snapshot_date)
-- Columns:
--   tenant_id text not null: company the row belongs to
--   snapshot_date date not null: last day of the week
--   stage_id text not null: the stage
--   visits_count bigint not null: visits that began in the :window
--   completed_count bigint not null: those of them that were completed
--   median_days float8: elapsed days after which half of the visits are over; null as long as more than half last
--   p90_days float8: elapsed days after which nine of ten are over
--   won_within_30 numeric(7, 6), 0 to 1: share of the deals won within 30 days of coming into the stage
--   lost_within_30 numeric(7, 6), 0 to 1: share lost within 30 days
--   won_within_90 numeric(7, 6), 0 to 1: share won within 90 days
--   lost_within_90 numeric(7, 6), 0 to 1: share lost within 90 days
--   won_within_180 numeric(7, 6), 0 to 1: share won within 180 days
--   lost_within_180 numeric(7, 6), 0 to 1: share lost within 180 days
with timed as (
    select
        *,
        entered_at + elapsed_us * interval '1 microsecond' as exited_at
    from staging.visit_facts
    where entered_on < :window_end and gone_on > cast(:window_start as date)
),

visits as (
    select
        *,
        min(exited_on) filter (where ended_by in ('won', 'lost')) over onward as closed_on,
        min(exited_at) filter (where ended_by in ('won', 'lost')) over onward as closed_at,
        min(exited_at) filter (where ended_by = 'won') over onward as won_at
    from timed
    window onward as (
        partition by tenant_id, opportunity_id order by visit_number rows between current row and unbounded following
    )
),

-- Of each visit two times: in the stage, and until the deal's end; how long it was seen, and how that ended.
times as (
    select
        r.tenant_id,
        r.day,
        v.stage_id,
        e.matter,
        ops.elapsed_days(v.entered_at, coalesce(e.ended_at, r.as_of)) as days,
        case when e.ended_at is not null then e.event end as event
    from pg_temp.run_days as r
    inner join visits as v
        on
            r.tenant_id = v.tenant_id and r.day >= v.entered_on and r.day < v.entered_on + :window_days
            and r.day < v.gone_on
    cross join
        lateral (
            values
            ('visit', case when v.exited_on <= r.day then v.exited_at end, 'over'),
            (
                'deal', case when v.closed_on <= r.day then v.closed_at end,
                case when v.closed_at = v.won_at then 'won' else 'lost' end
            )
        ) as e (matter, ended_at, event)
    where
        v.entered_on > cast(:window_start as date) - :window_days
        and ops.ends_week(r.day, r.quarter_start, r.quarter_end)
),

-- At each time: how many were still seen, and for how many something happened.
steps as (
    select
        tenant_id,
        day,
        stage_id,
        matter,
        days,
        count(event) as events_count,
        count(*) filter (where event = 'won') as won_count,
        count(*) filter (where event = 'lost') as lost_count,
        sum(count(*)) over (
            partition by tenant_id, day, stage_id, matter order by days desc
        )::float8 as seen_count
    from times
    group by tenant_id, day, stage_id, matter, days
),

-- The share that lasts beyond each time: the product of the shares that pass each.
lasting as (
    select
        *,
        case
            when bool_or(events_count = seen_count) over so_far then 0
            else exp(sum(ln(1 - events_count / nullif(seen_count, events_count))) over so_far)
        end as share
    from steps
    window so_far as (partition by tenant_id, day, stage_id, matter order by days)
),

ended as (
    select
        *,
        coalesce(lag(share) over in_time, 1) * won_count / seen_count as won_share,
        coalesce(lag(share) over in_time, 1) * lost_count / seen_count as lost_share
    from lasting
    window in_time as (partition by tenant_id, day, stage_id, matter order by days)
)

select
    e.tenant_id,
    e.day as snapshot_date,
    e.stage_id,
    max(e.seen_count) filter (where e.matter = 'visit')::bigint as visits_count,
    sum(e.events_count) filter (where e.matter = 'visit')::bigint as completed_count,
    min(e.days) filter (where e.matter = 'visit' and e.share <= 0.5 + 1e-9) as median_days,
    min(e.days) filter (where e.matter = 'visit' and e.share <= 0.1 + 1e-9) as p90_days,
    round(coalesce(sum(e.won_share) filter (where e.days <= 30), 0)::numeric, 6) as won_within_30,
    round(coalesce(sum(e.lost_share) filter (where e.days <= 30), 0)::numeric, 6) as lost_within_30,
    round(coalesce(sum(e.won_share) filter (where e.days <= 90), 0)::numeric, 6) as won_within_90,
    round(coalesce(sum(e.lost_share) filter (where e.days <= 90), 0)::numeric, 6) as lost_within_90,
    round(coalesce(sum(e.won_share) filter (where e.days <= 180), 0)::numeric, 6) as won_within_180,
    round(coalesce(sum(e.lost_share) filter (where e.days <= 180), 0)::numeric, 6) as lost_within_180
from ended as e
group by e.tenant_id, e.day, e.stage_id
