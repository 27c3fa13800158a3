-- The rules of deal health that held on each day, as arrays, from the files under sql/reference; and what
-- the source could be judged by on that day.
--
-- Grain: tenant and day.
-- Key: tenant_id, snapshot_date
-- Columns:
--   tenant_id text not null: company the row belongs to
--   snapshot_date date not null: the business day
--   velocity_bounds float8[] not null: velocity: upper bounds of the bands, negated and ascending
--   velocity_scores int[] not null: velocity: score of each band, best first, and of all else
--   velocity_weight bigint not null: velocity: weight in ten-thousandths
--   activity_bounds float8[] not null: activity: upper bounds of the bands, negated and ascending
--   activity_scores int[] not null: activity: score of each band, best first, and of all else
--   activity_weight bigint not null: activity: weight in ten-thousandths
--   stakeholder_bounds float8[] not null: stakeholder: upper bounds of the bands, negated and ascending
--   stakeholder_scores int[] not null: stakeholder: score of each band, best first, and of all else
--   stakeholder_weight bigint not null: stakeholder: weight in ten-thousandths
--   competition_bounds float8[] not null: competition: upper bounds of the bands, negated and ascending
--   competition_scores int[] not null: competition: score of each band, best first, and of all else
--   competition_weight bigint not null: competition: weight in ten-thousandths
--   discount_bounds float8[] not null: discount: upper bounds of the bands, negated and ascending
--   discount_scores int[] not null: discount: score of each band, best first, and of all else
--   discount_weight bigint not null: discount: weight in ten-thousandths
--   category_bounds int[] not null: health scores from which each category holds, ascending
--   category_names text[] not null: the categories
--   risk_levels int[] not null: their risk levels
--   flags_in_order text[] not null: risk flags, worst first
--   has_activity boolean not null: whether the source had told anything of activity by then
--   has_stakeholder boolean not null: whether the source had told anything of stakeholder by then
--   has_competition boolean not null: whether the source had told anything of competition by then
--   has_discount boolean not null: whether the source had told anything of discount by then
--   has_roles boolean not null: whether the source had told anything of roles by then
with bands as (
    select
        d.tenant_id,
        d.day as snapshot_date,
        b.component,
        max((w.weight * 10000)::bigint) as weight,
        coalesce(
            array_agg(-b.at_most::float8 order by b.at_most desc) filter (where b.at_most is not null), '{}'
        ) as bounds,
        array_agg(b.score order by b.at_most nulls last) as scores
    from pg_temp.run_days as d
    inner join reference.health_bands as b
        on d.tenant_id = b.tenant_id and d.day >= b.valid_from and d.day < b.valid_to
    inner join reference.health_weights as w
        on
            d.tenant_id = w.tenant_id and d.day >= w.valid_from and d.day < w.valid_to
            and b.component = w.component
    group by d.tenant_id, d.day, b.component
),

components as (
    select
        b.tenant_id,
        b.snapshot_date,
        max(b.bounds) filter (where b.component = 'velocity') as velocity_bounds,
        max(b.scores) filter (where b.component = 'velocity') as velocity_scores,
        coalesce(max(b.weight) filter (where b.component = 'velocity'), 0) as velocity_weight,
        max(b.bounds) filter (where b.component = 'activity') as activity_bounds,
        max(b.scores) filter (where b.component = 'activity') as activity_scores,
        coalesce(max(b.weight) filter (where b.component = 'activity'), 0) as activity_weight,
        max(b.bounds) filter (where b.component = 'stakeholder') as stakeholder_bounds,
        max(b.scores) filter (where b.component = 'stakeholder') as stakeholder_scores,
        coalesce(max(b.weight) filter (where b.component = 'stakeholder'), 0) as stakeholder_weight,
        max(b.bounds) filter (where b.component = 'competition') as competition_bounds,
        max(b.scores) filter (where b.component = 'competition') as competition_scores,
        coalesce(max(b.weight) filter (where b.component = 'competition'), 0) as competition_weight,
        max(b.bounds) filter (where b.component = 'discount') as discount_bounds,
        max(b.scores) filter (where b.component = 'discount') as discount_scores,
        coalesce(max(b.weight) filter (where b.component = 'discount'), 0) as discount_weight
    from bands as b
    group by b.tenant_id, b.snapshot_date
),

categories as (
    select
        d.tenant_id,
        d.day as snapshot_date,
        array_agg(c.at_least order by c.at_least) as category_bounds,
        array_agg(c.category order by c.at_least) as category_names,
        array_agg(c.risk_level order by c.at_least) as risk_levels
    from pg_temp.run_days as d
    inner join reference.health_categories as c
        on d.tenant_id = c.tenant_id and d.day >= c.valid_from and d.day < c.valid_to
    group by d.tenant_id, d.day
),

flags as (
    select
        d.tenant_id,
        d.day as snapshot_date,
        array_agg(f.flag order by f.severity) as flags_in_order
    from pg_temp.run_days as d
    inner join reference.risk_flags as f
        on d.tenant_id = f.tenant_id and d.day >= f.valid_from and d.day < f.valid_to
    group by d.tenant_id, d.day
)

select
    tenant_id,
    snapshot_date,
    velocity_bounds,
    velocity_scores,
    velocity_weight,
    activity_bounds,
    activity_scores,
    activity_weight,
    stakeholder_bounds,
    stakeholder_scores,
    stakeholder_weight,
    competition_bounds,
    competition_scores,
    competition_weight,
    discount_bounds,
    discount_scores,
    discount_weight,
    category_bounds,
    category_names,
    risk_levels,
    flags_in_order,
    coalesce(activity_since <= snapshot_date, false) as has_activity,
    coalesce(stakeholder_since <= snapshot_date, false) as has_stakeholder,
    coalesce(competition_since <= snapshot_date, false) as has_competition,
    coalesce(discount_since <= snapshot_date, false) as has_discount,
    coalesce(roles_since <= snapshot_date, false) as has_roles
from components
inner join categories using (tenant_id, snapshot_date)
inner join flags using (tenant_id, snapshot_date)
left join staging.coverage_dates using (tenant_id)
