-- How deals with a risk flag fared beside those in the same stage without it: of those open at the ends of seven
-- quarters before (the last of them one quarter ago), how many were won by the end of the quarter after. Stages are
-- weighed as by Cochran, Mantel and Haenszel.
--
-- Grain: tenant, day and flag that an open deal had at such an end, in a stage where another had not.
-- Key: tenant_id, snapshot_date, flag
-- Columns:
--   tenant_id text not null: company the row belongs to
--   snapshot_date date not null: the business day
--   flag text not null: the risk flag
--   deals_count bigint not null: deals with it, in stages with deals that had it not
--   won_count bigint not null: those of them that were won in the quarter after
--   others_count bigint not null: deals without it, in stages with deals that had it
--   others_won_count bigint not null: those of them that were won in the quarter after
--   win_rate_difference numeric(5, 4) not null: share won with it, less share won without it, in the same stage
--   standard_errors numeric(10, 4): how many standard errors lie between them; null where all or none were won
with ends as (
    select
        q.tenant_id,
        q.quarter_start,
        (q.quarter_start - make_interval(months => 3 * n.quarters))::date - 1 as day,
        (q.quarter_start - make_interval(months => 3 * (n.quarters - 1)))::date - 1 as seen_on
    from (select distinct
        r.tenant_id,
        r.quarter_start
    from pg_temp.run_days as r) as q
    cross join lateral generate_series(1, 7) as n (quarters)
),

deals as (
    select
        e.tenant_id,
        e.quarter_start,
        h.risk_flags,
        coalesce(d.pipeline_id, '') as pipeline_id,
        coalesce(d.stage_id, '') as stage_id,
        w.opportunity_id is not null as is_won
    from ends as e
    inner join enriched.deal_health_scores as h on e.tenant_id = h.tenant_id and e.day = h.snapshot_date
    inner join staging.deal_days as d
        on h.tenant_id = d.tenant_id and h.snapshot_date = d.snapshot_date and h.opportunity_id = d.opportunity_id
    left join staging.deal_intervals as w
        on
            h.tenant_id = w.tenant_id and h.opportunity_id = w.opportunity_id and w.status = 'won'
            and e.seen_on >= w.d_from and e.seen_on < w.d_to
),

flags as (
    select distinct
        d.tenant_id,
        d.quarter_start,
        f.flag
    from deals as d
    cross join lateral unnest(d.risk_flags) as f (flag)
),

stages as (
    select
        d.tenant_id,
        d.quarter_start,
        f.flag,
        count(*) filter (where f.flag = any(d.risk_flags))::numeric as deals_count,
        count(*) filter (where f.flag = any(d.risk_flags) and d.is_won)::numeric as won_count,
        count(*) filter (where f.flag <> all(d.risk_flags))::numeric as others_count,
        count(*) filter (where f.flag <> all(d.risk_flags) and d.is_won)::numeric as others_won_count,
        count(*)::numeric as all_count,
        count(*) filter (where d.is_won)::numeric as all_won_count
    from deals as d
    inner join flags as f on d.tenant_id = f.tenant_id and d.quarter_start = f.quarter_start
    group by d.tenant_id, d.quarter_start, f.flag, d.pipeline_id, d.stage_id
),

summed as (
    select
        tenant_id,
        quarter_start,
        flag,
        sum(deals_count)::bigint as deals_count,
        sum(won_count)::bigint as won_count,
        sum(others_count)::bigint as others_count,
        sum(others_won_count)::bigint as others_won_count,
        sum((won_count * others_count - others_won_count * deals_count) / all_count)
        / sum(deals_count * others_count / all_count) as win_rate_difference,
        sum(won_count - deals_count * all_won_count / all_count) as won_beyond_expected,
        sum(
            deals_count * others_count * all_won_count * (all_count - all_won_count)
            / (all_count * all_count * (all_count - 1))
        ) as variance
    from stages
    where deals_count > 0 and others_count > 0
    group by tenant_id, quarter_start, flag
)

select
    r.tenant_id,
    r.day as snapshot_date,
    s.flag,
    s.deals_count,
    s.won_count,
    s.others_count,
    s.others_won_count,
    round(s.win_rate_difference, 4) as win_rate_difference,
    round(s.won_beyond_expected / nullif(sqrt(s.variance), 0), 4) as standard_errors
from pg_temp.run_days as r
inner join summed as s on r.tenant_id = s.tenant_id and r.quarter_start = s.quarter_start
