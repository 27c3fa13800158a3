-- The open pipeline at the end of every day and how healthy it was, as a whole and by forecast category, stage and
-- team. Every open deal counts once in each dimension; money is of the deals that have an amount, the others are
-- counted.
--
-- Grain: tenant, day, dimension and group of it with an open deal.
-- Key: tenant_id, snapshot_date, dimension, group_id
-- Columns:
--   tenant_id text not null: company the row belongs to
--   snapshot_date date not null: the business day
--   dimension text not null, one of overall, forecast_category, stage, manager: overall, forecast_category, stage or
--       manager
--   group_id text not null: All, the category, pipeline/stage, or the manager's id (none: no manager, -1: nobody owns
--       the deal)
--   group_name text not null: the group's name, for people
--   deals_count bigint not null: open deals
--   without_amount_count bigint not null: those of them without an amount, or without a rate for its currency
--   amount numeric(16, 2): what the others are worth; null if none has an amount
--   mean_health_score numeric(5, 2): mean score; null if no deal could be judged
--   amount_weighted_health_score numeric(5, 2): mean score, each deal weighing as much as it is worth
--   healthy_count bigint not null: deals judged Healthy
--   monitor_count bigint not null: deals judged Monitor
--   at_risk_count bigint not null: deals judged At Risk
--   critical_count bigint not null: deals judged Critical
--   unjudged_count bigint not null: deals of which the source tells too little to judge
--   healthy_amount numeric(16, 2): what the Healthy deals are worth
--   monitor_amount numeric(16, 2): what the Monitor deals are worth
--   at_risk_amount numeric(16, 2): what the At Risk deals are worth
--   critical_amount numeric(16, 2): what the Critical deals are worth
--   needs_attention_count bigint not null: deals with a score below the threshold
--   stuck_count bigint not null: deals that stand too long in their stage: rows of dashboard.stuck_deals_view
--   mean_days_in_stage numeric(10, 4): mean of the elapsed days in their present stages
--   unconverted_count bigint: deals with an amount in a currency without a rate: left out of the sums
-- Rules:
--   deals_count is not the sum of the bands unless healthy_count + monitor_count + at_risk_count + critical_count +
--       unjudged_count = deals_count
with deals as (
    select
        d.tenant_id,
        d.snapshot_date,
        d.amount,
        d.amount is null and d.currency_amount is not null as is_unconverted,
        d.days_in_stage,
        h.health_score,
        h.health_category,
        h.needs_attention,
        p.is_stuck,
        d.forecast_category,
        coalesce(d.pipeline_id || '/' || d.stage_id, d.pipeline_id) as stage_key,
        coalesce(d.stage_name, 'No stage') as stage_name,
        d.team_id,
        d.team_name
    from staging.deal_days as d
    inner join enriched.deal_health_scores as h
        on d.tenant_id = h.tenant_id and d.snapshot_date = h.snapshot_date and d.opportunity_id = h.opportunity_id
    inner join analytics.deal_priorities as p
        on d.tenant_id = p.tenant_id and d.snapshot_date = p.snapshot_date and d.opportunity_id = p.opportunity_id
    where d.snapshot_date >= :window_start and d.snapshot_date < :window_end
)

select
    d.tenant_id,
    d.snapshot_date,
    g.dimension,
    g.group_id,
    g.group_name,
    count(*) as deals_count,
    count(*) filter (where d.amount is null) as without_amount_count,
    sum(d.amount) as amount,
    round(avg(d.health_score), 2) as mean_health_score,
    round(
        sum(d.health_score * d.amount) / nullif(sum(d.amount) filter (where d.health_score is not null), 0), 2
    ) as amount_weighted_health_score,
    count(*) filter (where d.health_category = 'Healthy') as healthy_count,
    count(*) filter (where d.health_category = 'Monitor') as monitor_count,
    count(*) filter (where d.health_category = 'At Risk') as at_risk_count,
    count(*) filter (where d.health_category = 'Critical') as critical_count,
    count(*) filter (where d.health_category is null) as unjudged_count,
    sum(d.amount) filter (where d.health_category = 'Healthy') as healthy_amount,
    sum(d.amount) filter (where d.health_category = 'Monitor') as monitor_amount,
    sum(d.amount) filter (where d.health_category = 'At Risk') as at_risk_amount,
    sum(d.amount) filter (where d.health_category = 'Critical') as critical_amount,
    count(*) filter (where d.needs_attention) as needs_attention_count,
    count(*) filter (where d.is_stuck) as stuck_count,
    round(avg(d.days_in_stage::numeric), 4) as mean_days_in_stage,
    count(*) filter (where d.is_unconverted) as unconverted_count
from deals as d
cross join
    lateral (
        values
        ('overall', 'All', 'All'),
        ('forecast_category', d.forecast_category, d.forecast_category),
        ('stage', d.stage_key, d.stage_name),
        ('manager', d.team_id, d.team_name)
    ) as g (dimension, group_id, group_name)
group by d.tenant_id, d.snapshot_date, g.dimension, g.group_id, g.group_name
