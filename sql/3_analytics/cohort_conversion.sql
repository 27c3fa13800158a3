-- What became of the deals created in a month: how many of them got to each stage of their pipeline, won or lost, and
-- how long that took them; on the last day of every month, of the months that began in the :window before it. A deal
-- got to a stage when it first was in it or in one after it (as the pipeline is ordered on the day), or was won. It
-- counts in the pipeline of its first stage; segments and lead sources are those of the day, each beside all of the
-- other, as both together are too few to tell. Deals that are gone on the day do not count. Other days have no rows.
--
-- Window: 365 days
-- Grain: tenant, last day of a month, month of creation, pipeline, step, stage, and segment or lead source.
-- Key: tenant_id, snapshot_date, cohort_month, pipeline_id, segment, lead_source, step, stage_id
-- Preview: d.cohort_month, d.stage_order nulls last
-- Columns:
--   tenant_id text not null: company the row belongs to
--   snapshot_date date not null: last day of the month
--   cohort_month date not null: first day of the month in which the deals were created
--   pipeline_id text not null: pipeline of their first stage; none for deals that were in no stage
--   segment text not null: All, their accounts' segment, or none
--   lead_source text not null: All, a lead source, or none
--   step text not null, one of created, stage, won, lost, open: what the deals did: created and open are all of them,
--       and those that are neither won nor lost
--   stage_id text not null: the stage that they got to; of other steps the step
--   stage_name text not null: its name on the day
--   stage_order numeric: its place on the day
--   created_count bigint not null, more than 0: deals created in the month
--   reached_count bigint not null, more than 0: those of them that got so far
--   visited_count bigint not null, at least 0: those of them that were in the stage itself
--   reached_pct numeric(5, 4) not null, 0 to 1: reached_count / created_count
--   reached_90_count bigint, at least 0: those that got so far by the 90th day after their creation; null until all
--       have had 90 days
--   median_days numeric(9, 2): median of the days from creation until they got so far; null for open
-- Rules:
--   reached_count is more than was created unless reached_count <= created_count
--   visited_count is more than got so far unless visited_count <= reached_count
with deals as (
    select
        r.tenant_id,
        r.day,
        i.opportunity_id,
        k.cohort_month,
        k.opened_on,
        i.opened_at,
        i.closed_at,
        i.status,
        coalesce(f.pipeline_id, 'none') as pipeline_id,
        coalesce(a.segment, 'none') as segment,
        coalesce(ops.group_key(i.lead_source), 'none') as lead_source
    from pg_temp.run_days as r
    inner join staging.deal_intervals as i on r.tenant_id = i.tenant_id and r.day >= i.d_from and r.day < i.d_to
    cross join
        lateral (
            select
                z.opened_on,
                date_trunc('month', z.opened_on::timestamp)::date as cohort_month
            from (select (i.opened_at at time zone (select ops.timezone()))::date as opened_on) as z
        ) as k
    left join staging.visit_facts as f
        on
            i.tenant_id = f.tenant_id and i.opportunity_id = f.opportunity_id and f.visit_number = 1
            and r.day >= f.entered_on
    left join staging.accounts as a
        on i.tenant_id = a.tenant_id and i.account_id = a.account_id and r.day >= a.d_from and r.day < a.d_to
    where ops.ends_month(r.day) and k.cohort_month >= r.day - :window_days
),

-- Where they have been, and that they were won, which is after every stage.
moves as (
    select
        d.tenant_id,
        d.day,
        d.opportunity_id,
        d.cohort_month,
        d.opened_on,
        d.opened_at,
        d.pipeline_id,
        d.segment,
        d.lead_source,
        v.stage_id,
        coalesce(s.stage_name, v.stage_id) as stage_name,
        s.stage_order,
        v.entered_at as reached_at
    from deals as d
    inner join staging.visit_facts as v
        on
            d.tenant_id = v.tenant_id and d.opportunity_id = v.opportunity_id and d.pipeline_id = v.pipeline_id
            and d.day >= v.entered_on
    inner join pg_temp.run_days as r on d.tenant_id = r.tenant_id and d.day = r.day
    left join staging.pipeline_stages as s
        on v.tenant_id = s.tenant_id and v.stage_id = s.stage_id and r.as_of > s.valid_from and r.as_of <= s.valid_to
    union all
    select
        tenant_id,
        day,
        opportunity_id,
        cohort_month,
        opened_on,
        opened_at,
        pipeline_id,
        segment,
        lead_source,
        null as stage_id,
        null as stage_name,
        null as stage_order,
        closed_at as reached_at
    from deals
    where status = 'won'
),

stages as (
    select
        tenant_id,
        day,
        pipeline_id,
        stage_id,
        max(stage_name) as stage_name,
        max(stage_order) as stage_order
    from moves
    where stage_id is not null
    group by tenant_id, day, pipeline_id, stage_id
),

-- Each deal once for every step that it got to.
steps as (
    select
        m.tenant_id,
        m.day,
        m.cohort_month,
        m.opened_on,
        m.opened_at,
        m.pipeline_id,
        m.segment,
        m.lead_source,
        'stage' as step,
        s.stage_id,
        s.stage_name,
        s.stage_order,
        coalesce(bool_or(m.stage_id = s.stage_id), false) as has_visited,
        min(m.reached_at) as reached_at
    from moves as m
    inner join stages as s
        on
            m.tenant_id = s.tenant_id and m.day = s.day and m.pipeline_id = s.pipeline_id
            and (m.stage_id = s.stage_id or m.stage_id is null or m.stage_order >= s.stage_order)
    group by
        m.tenant_id, m.day, m.opportunity_id, m.cohort_month, m.opened_on, m.opened_at, m.pipeline_id, m.segment,
        m.lead_source, s.stage_id, s.stage_name, s.stage_order
    union all
    select
        d.tenant_id,
        d.day,
        d.cohort_month,
        d.opened_on,
        d.opened_at,
        d.pipeline_id,
        d.segment,
        d.lead_source,
        o.step,
        o.step as stage_id,
        o.step as stage_name,
        null as stage_order,
        false as has_visited,
        o.reached_at
    from deals as d
    cross join lateral (values ('created', d.opened_at), (d.status, d.closed_at)) as o (step, reached_at)
),

counted as (
    select
        tenant_id,
        day,
        cohort_month,
        pipeline_id,
        ops.or_all(grouping(segment), segment) as segment,
        ops.or_all(grouping(lead_source), lead_source) as lead_source,
        step,
        stage_id,
        max(stage_name) as stage_name,
        max(stage_order) as stage_order,
        count(*) as reached_count,
        count(*) filter (where has_visited) as visited_count,
        count(*) filter (
            where (reached_at at time zone (select ops.timezone()))::date <= opened_on + 90
        ) as reached_90_count,
        percentile_cont(0.5) within group (
            order by extract(epoch from reached_at - opened_at)::float8 / 86400
        ) as median_days
    from steps
    group by
        tenant_id, day, cohort_month, pipeline_id, step, stage_id,
        grouping sets ((), (segment), (lead_source))
)

select
    tenant_id,
    day as snapshot_date,
    cohort_month,
    pipeline_id,
    segment,
    lead_source,
    step,
    stage_id,
    stage_name,
    stage_order,
    created_count,
    reached_count,
    visited_count,
    round(reached_count::numeric / created_count, 4) as reached_pct,
    case
        when step <> 'open' and (cohort_month + interval '1 month')::date + 89 <= day then reached_90_count
    end as reached_90_count,
    case when step <> 'open' then round(median_days::numeric, 2) end as median_days
from (
    select
        *,
        max(reached_count) filter (where step = 'created') over (
            partition by tenant_id, day, cohort_month, pipeline_id, segment, lead_source
        ) as created_count
    from counted
) as c
