-- How healthy every open deal was at the end of every day, from 0 to 100, and why: five components, each with what it
-- was judged by, its score and its share of the whole. A component of which the source tells nothing is left out and
-- the others weigh more. Bands, weights, categories, flags and thresholds are those that held on the day.
--
-- Grain: tenant, day and open deal.
-- Key: tenant_id, snapshot_date, opportunity_id
-- Index: (snapshot_date)
-- Preview: d.health_score nulls last
-- Columns:
--   tenant_id text not null: company the row belongs to
--   snapshot_date date not null: the business day
--   opportunity_id text not null: the deal
--   owner_id text not null: who owned it; -1 if nobody
--   health_score int, 0 to 100: weighted mean of the components' scores, rounded half up
--   health_category text, one of Healthy, Monitor, At Risk, Critical: Healthy, Monitor, At Risk or Critical
--   risk_level int, 1 to 4: 1 (Healthy) to 4 (Critical)
--   needs_attention boolean: whether the score is below the threshold
--   health_change_7d int: score less that of seven days before; null if the deal was not open then
--   top_driver text: what costs most points, in words; null if nothing does
--   risk_flags text[] not null: what is wrong, worst first
--   evidence text[] not null: components that the source tells something about
--   evidence_pct numeric(5, 4) not null, 0 to 1: their share of all weights
--   days_in_stage float8: elapsed days since the deal came into its stage
--   benchmark_days float8: days that a visit to the stage should take
--   benchmark_source text, one of tenant, source, default, own median: tenant (own file rows), source (its CRM),
--       default, or own median
--   own_median_days float8: the tenant's own median of the year before, whatever the benchmark is
--   velocity_ratio float8: days_in_stage / benchmark_days; 1 without a benchmark
--   velocity_score int: score of the stage's pace
--   velocity_contribution numeric(5, 2): its points of the health score
--   days_since_two_way int: calendar days since the last two-way activity, or since creation if there was none
--   activity_score int: score of the silence; the worst if there never was a two-way activity
--   activity_contribution numeric(5, 2): its points of the health score
--   engaged_contacts_count int: contacts with a two-way activity in the last 90 days
--   has_champion boolean: whether a contact has the role of champion
--   stakeholder_score int: score of the engaged contacts and the champion
--   stakeholder_contribution numeric(5, 2): its points of the health score
--   competitor_status text: named, active, or null for none
--   competition_score int: score of the competition
--   competition_contribution numeric(5, 2): its points of the health score
--   discount_pct numeric: percent off
--   discount_score int: score of the discount
--   discount_contribution numeric(5, 2): its points of the health score
with measured as (
    select
        d.*,
        coalesce(s.needs_economic_buyer, false) as needs_economic_buyer,
        s.benchmark_days,
        s.benchmark_source,
        s.own_median_days,
        s.stall_days,
        coalesce(d.days_in_stage / s.benchmark_days, 1) as velocity_ratio
    from staging.deal_days as d
    left join enriched.stage_rules as s
        on d.tenant_id = s.tenant_id and d.snapshot_date = s.snapshot_date and d.stage_id = s.stage_id
    where d.snapshot_date >= cast(:window_start as date) - 7 and d.snapshot_date < :window_end
),

scored as (
    select
        m.*,
        r.velocity_weight,
        r.activity_weight,
        r.stakeholder_weight,
        r.competition_weight,
        r.discount_weight,
        r.category_bounds,
        r.category_names,
        r.risk_levels,
        r.flags_in_order,
        r.has_activity,
        r.has_stakeholder,
        r.has_competition,
        r.has_discount,
        r.has_roles,
        t.going_dark_days,
        t.single_threaded_contacts,
        t.heavy_discount_pct,
        t.pushed_times,
        t.needs_attention_below,
        velocity_scores[
            cardinality(velocity_bounds) + 1 - width_bucket(-velocity_ratio, velocity_bounds)
        ] as velocity_score,
        activity_scores[cardinality(activity_bounds) + 1 - case
            when last_two_way_at is null then 0
            else width_bucket(-days_since_two_way::float8, activity_bounds)
        end] as activity_score,
        least(100, stakeholder_scores[
            cardinality(stakeholder_bounds) + 1 - width_bucket(-engaged_contacts_count::float8, stakeholder_bounds)
        ] + case when has_champion then champion_bonus else 0 end) as stakeholder_score,
        competition_scores[cardinality(competition_bounds) + 1 - width_bucket(
            case competitor_status when 'named' then -1 when 'active' then -2 else 0 end::float8, competition_bounds
        )] as competition_score,
        discount_scores[
            cardinality(discount_bounds) + 1 - width_bucket(-coalesce(discount_pct, 0)::float8, discount_bounds)
        ] as discount_score,
        case when stage_id is not null then velocity_weight else 0 end as velocity_used,
        case when has_activity then activity_weight else 0 end as activity_used,
        case when has_stakeholder then stakeholder_weight else 0 end as stakeholder_used,
        case when has_competition then competition_weight else 0 end as competition_used,
        case when has_discount then discount_weight else 0 end as discount_used
    from measured as m
    inner join enriched.health_rules as r on m.tenant_id = r.tenant_id and m.snapshot_date = r.snapshot_date
    inner join staging.thresholds as t on m.tenant_id = t.tenant_id and m.snapshot_date = t.snapshot_date
    offset 0
),

summed as (
    select
        *,
        velocity_used + activity_used + stakeholder_used + competition_used + discount_used as weight_used,
        velocity_weight + activity_weight + stakeholder_weight + competition_weight + discount_weight as weight_of_all,
        velocity_used * velocity_score + activity_used * activity_score + stakeholder_used * stakeholder_score
        + competition_used * competition_score + discount_used * discount_score as points
    from scored
    offset 0
),

judged as (
    select
        *,
        ((2 * points + weight_used) / nullif(2 * weight_used, 0))::int as health_score,
        greatest(
            velocity_used * (100 - velocity_score), activity_used * (100 - activity_score),
            stakeholder_used * (100 - stakeholder_score), competition_used * (100 - competition_score),
            discount_used * (100 - discount_score)
        ) as most_lost,
        array(
            select f.flag
            from unnest(flags_in_order) as f (flag)
            where case f.flag
                when 'STUCK' then days_in_stage > stall_days
                when 'NO_EB' then has_roles and needs_economic_buyer and not has_engaged_economic_buyer
                when 'GOING_DARK' then has_activity and days_since_two_way > going_dark_days
                when 'CLOSE_DATE_PAST' then close_date < snapshot_date
                when 'NO_CHAMPION' then has_roles and not has_champion
                when 'SINGLE_THREADED' then has_stakeholder and engaged_contacts_count <= single_threaded_contacts
                when 'PUSHED' then pushes_count >= pushed_times
                when 'COMPETITIVE' then competitor is not null
                when 'HEAVY_DISCOUNT' then discount_pct > heavy_discount_pct
            end
        ) as risk_flags
    from summed
    offset 0
),

compared as (
    select
        *,
        max(health_score) over (
            partition by tenant_id, opportunity_id order by snapshot_date
            range between interval '7 days' preceding and interval '7 days' preceding
        ) as health_score_7d_ago,
        width_bucket(health_score, category_bounds) as category_number
    from judged
)

select
    tenant_id,
    snapshot_date,
    opportunity_id,
    owner_id,
    health_score,
    category_names[category_number] as health_category,
    risk_levels[category_number] as risk_level,
    health_score < needs_attention_below as needs_attention,
    health_score - health_score_7d_ago as health_change_7d,
    dashboard.top_driver(
        case
            when most_lost = 0 then null
            when velocity_used * (100 - velocity_score) = most_lost then 'velocity'
            when activity_used * (100 - activity_score) = most_lost then 'activity'
            when stakeholder_used * (100 - stakeholder_score) = most_lost then 'stakeholder'
            when competition_used * (100 - competition_score) = most_lost then 'competition'
            else 'discount'
        end, days_in_stage, stage_name, benchmark_days, last_two_way_at is not null, days_since_two_way,
        engaged_contacts_count, has_champion, competitor, competitor_status, discount_pct
    ) as top_driver,
    risk_flags,
    array_remove(array[
        case when velocity_used > 0 then 'velocity' end, case when activity_used > 0 then 'activity' end,
        case when stakeholder_used > 0 then 'stakeholder' end, case when competition_used > 0 then 'competition' end,
        case when discount_used > 0 then 'discount' end
    ], null) as evidence,
    round(weight_used::numeric / weight_of_all, 4) as evidence_pct,
    days_in_stage,
    benchmark_days,
    benchmark_source,
    own_median_days,
    velocity_ratio,
    case when velocity_used > 0 then velocity_score end as velocity_score,
    round(velocity_used * velocity_score::numeric / nullif(weight_used, 0), 2) as velocity_contribution,
    case when has_activity then days_since_two_way end as days_since_two_way,
    case when activity_used > 0 then activity_score end as activity_score,
    round(activity_used * activity_score::numeric / nullif(weight_used, 0), 2) as activity_contribution,
    case when has_stakeholder then engaged_contacts_count end as engaged_contacts_count,
    case when has_roles then has_champion end as has_champion,
    case when stakeholder_used > 0 then stakeholder_score end as stakeholder_score,
    round(stakeholder_used * stakeholder_score::numeric / nullif(weight_used, 0), 2) as stakeholder_contribution,
    competitor_status,
    case when competition_used > 0 then competition_score end as competition_score,
    round(competition_used * competition_score::numeric / nullif(weight_used, 0), 2) as competition_contribution,
    discount_pct,
    case when discount_used > 0 then discount_score end as discount_score,
    round(discount_used * discount_score::numeric / nullif(weight_used, 0), 2) as discount_contribution
from compared
