-- The ways that deals took through the stages until they were closed, at the end of every day: deals closed in the
-- :window up to it and closed still, by their path, the most frequent paths of each pipeline.
--
-- Window: 365 days
-- Grain: tenant, day, pipeline and path.
-- Key: tenant_id, snapshot_date, pipeline_id, variant_rank
-- Columns:
--   tenant_id text not null: company the row belongs to
--   snapshot_date date not null: the business day
--   pipeline_id text not null: the pipeline of the path's last stage
--   variant_rank bigint not null: 1 for the pipeline's most frequent path
--   path text[] not null: the stages in order, each visit counted
--   path_names text not null: their names on the day, for people
--   deals_count bigint not null: deals that took the path
--   share numeric(5, 4) not null, 0 to 1: those as a share of the pipeline's closed deals
--   won_count bigint not null: those of them that were won
--   win_rate numeric(5, 4), 0 to 1: won as a share of the path's deals; null as long as the source has told of no won
--       or no lost deal
--   avg_cycle_days numeric(10, 2) not null: mean elapsed days from creation to closing
with counted as (
    select
        tenant_id,
        opportunity_id,
        closed_at,
        is_won,
        cycle_us,
        greatest(d_from, closed_on, :window_start) as from_day,
        least(d_to, closed_on + :window_days, :window_end) as to_day
    from staging.closing_facts
    where greatest(d_from, closed_on, :window_start) < least(d_to, closed_on + :window_days, :window_end)
),

paths as (
    select
        c.tenant_id,
        c.is_won,
        c.cycle_us,
        c.from_day,
        c.to_day,
        array_agg(v.stage_id order by v.visit_number) as path,
        (array_agg(v.pipeline_id order by v.visit_number desc))[1] as pipeline_id
    from counted as c
    inner join staging.stage_visits as v
        on c.tenant_id = v.tenant_id and c.opportunity_id = v.opportunity_id and c.closed_at >= v.entered_at
    group by c.tenant_id, c.opportunity_id, c.closed_at, c.is_won, c.cycle_us, c.from_day, c.to_day
),

changes as (
    select
        p.tenant_id,
        p.pipeline_id,
        p.path,
        s.day,
        sum(s.sign) as deals,
        sum(s.sign) filter (where p.is_won) as won,
        sum(s.sign * p.cycle_us) as cycle_us
    from paths as p
    cross join lateral (values (p.from_day, 1), (p.to_day, -1)) as s (day, sign)
    group by p.tenant_id, p.pipeline_id, p.path, s.day
),

grid as (
    select
        p.tenant_id,
        p.pipeline_id,
        p.path,
        cast(:window_start as date) + n.days as day
    from (select distinct
        c.tenant_id,
        c.pipeline_id,
        c.path
    from changes as c) as p
    cross join lateral generate_series(0, cast(:window_end as date) - cast(:window_start as date) - 1) as n (days)
),

running as (
    select
        g.tenant_id,
        g.pipeline_id,
        g.path,
        g.day as snapshot_date,
        coalesce(sum(c.deals) over so_far, 0) as deals_count,
        coalesce(sum(c.won) over so_far, 0) as won_count,
        coalesce(sum(c.cycle_us) over so_far, 0) as cycle_us
    from grid as g
    left join changes as c
        on g.tenant_id = c.tenant_id and g.pipeline_id = c.pipeline_id and g.path = c.path and g.day = c.day
    window so_far as (partition by g.tenant_id, g.pipeline_id, g.path order by g.day)
),

ranked as (
    select
        *,
        row_number() over (
            partition by tenant_id, snapshot_date, pipeline_id order by deals_count desc, path asc
        ) as variant_rank,
        deals_count / sum(deals_count) over (partition by tenant_id, snapshot_date, pipeline_id) as share
    from running
    where deals_count > 0
)

select
    v.tenant_id,
    v.snapshot_date,
    v.pipeline_id,
    v.variant_rank,
    v.path,
    (
        select string_agg(coalesce(s.stage_name, p.stage_id), ' > ' order by p.place)
        from unnest(v.path) with ordinality as p (stage_id, place)
        left join enriched.stage_rules as s
            on s.tenant_id = v.tenant_id and s.snapshot_date = v.snapshot_date and p.stage_id = s.stage_id
    ) as path_names,
    v.deals_count,
    round(v.share, 4) as share,
    v.won_count,
    case
        when v.snapshot_date >= e.outcomes_since then round(v.won_count::numeric / v.deals_count, 4)
    end as win_rate,
    round(v.cycle_us::numeric / v.deals_count / 86400000000, 2) as avg_cycle_days
from ranked as v
inner join staging.thresholds as t on v.tenant_id = t.tenant_id and v.snapshot_date = t.snapshot_date
left join staging.coverage_dates as e on v.tenant_id = e.tenant_id
where v.variant_rank <= t.variants
