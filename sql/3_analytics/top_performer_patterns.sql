-- What sets the top performers apart, at the end of every day: each driver's value over their deals, beside that of all
-- other active reps.
--
-- Grain: tenant, day and metric that both have a value for.
-- Key: tenant_id, snapshot_date, metric_name
-- Columns:
--   tenant_id text not null: company the row belongs to
--   snapshot_date date not null: the business day
--   metric_name text not null: what is measured, as in analytics.rep_drivers
--   top_performers_count bigint not null: reps in the top quartile by attainment
--   top_performer_value numeric not null: their value, pooled over their deals
--   top_performer_deals_count bigint not null: deals that it is of
--   others_value numeric not null: the value of all other active reps
--   others_deals_count bigint not null: deals that it is of
--   difference numeric not null: top performers less others
with reps as (
    select
        d.tenant_id,
        d.snapshot_date,
        d.metric_name,
        d.metric_total,
        d.deals_count,
        d.top_performer_value,
        p.is_top_performer
    from analytics.rep_drivers as d
    inner join analytics.rep_performance as p
        on d.tenant_id = p.tenant_id and d.snapshot_date = p.snapshot_date and d.rep_id = p.rep_id
    where d.snapshot_date >= :window_start and d.snapshot_date < :window_end and p.is_active
),

summed as (
    select
        tenant_id,
        snapshot_date,
        metric_name,
        count(*) filter (where is_top_performer) as top_performers_count,
        max(top_performer_value) as top_performer_value,
        sum(deals_count) filter (where is_top_performer) as top_performer_deals_count,
        round(
            sum(metric_total) filter (where not is_top_performer)
            / sum(deals_count) filter (where not is_top_performer), 4
        ) as others_value,
        sum(deals_count) filter (where not is_top_performer) as others_deals_count
    from reps
    group by tenant_id, snapshot_date, metric_name
)

select
    tenant_id,
    snapshot_date,
    metric_name,
    top_performers_count,
    top_performer_value,
    top_performer_deals_count,
    others_value,
    others_deals_count,
    top_performer_value - others_value as difference
from summed
where top_performers_count > 0 and others_deals_count > 0
