-- How likely every open deal is to be won within 30, 60 and 90 days by the logistic model of the end of the month
-- before, beside analytics.win_probability; forecasts do not use it. Deals in a stage that the model has not seen have
-- no row.
--
-- Grain: tenant, day and open deal.
-- Key: tenant_id, snapshot_date, opportunity_id
-- Index: (snapshot_date)
-- Preview: d.won_within_30 desc nulls last
-- Columns:
--   tenant_id text not null: company the row belongs to
--   snapshot_date date not null: the business day
--   opportunity_id text not null: the deal
--   trained_on date not null: last day of the month before
--   won_within_30 numeric(7, 6), 0 to 1: probability of being won within 30 days; null where no model of so many days
--       has seen the stage
--   won_within_60 numeric(7, 6), 0 to 1: within 60 days
--   won_within_90 numeric(7, 6), 0 to 1: within 90 days
with deals as (
    select
        d.tenant_id,
        d.snapshot_date,
        d.opportunity_id,
        (date_trunc('month', d.snapshot_date) - interval '1 day')::date as trained_on,
        ops.win_features(
            ops.win_group(
                d.pipeline_id, d.stage_id, d.days_in_stage, i.visit_number, d.forecast_category, d.close_date,
                d.snapshot_date
            ),
            d.days_in_stage, ops.elapsed_days(i.opened_at, d.as_of), i.visit_number
        ) as features,
        ops.stage_feature(d.stage_id) as stage_feature
    from staging.deal_days as d
    inner join staging.deal_intervals as i
        on
            d.tenant_id = i.tenant_id and d.opportunity_id = i.opportunity_id
            and d.snapshot_date >= i.d_from and d.snapshot_date < i.d_to
    where d.snapshot_date >= :window_start and d.snapshot_date < :window_end
),

-- One model is one object: what a deal's features weigh is looked up in it, no rows are joined for each.
models as (
    select
        tenant_id,
        snapshot_date,
        horizon_days,
        jsonb_object_agg(feature, coefficient) as coefficients
    from analytics.logistic_models
    where snapshot_date < :window_end
    group by tenant_id, snapshot_date, horizon_days
),

scored as (
    select
        d.tenant_id,
        d.snapshot_date,
        d.opportunity_id,
        d.trained_on,
        m.horizon_days,
        round((1 / (1 + exp(-s.log_odds)))::numeric, 6) as probability
    from deals as d
    inner join models as m on d.tenant_id = m.tenant_id and d.trained_on = m.snapshot_date
    cross join
        lateral (
            select (m.coefficients ->> 'intercept')::float8 + sum(
                f.value::numeric * coalesce((m.coefficients ->> f.key)::numeric, 0)
            )::float8 as log_odds
            from jsonb_each_text(d.features) as f
        ) as s
    where m.coefficients -> d.stage_feature is not null
)

select
    tenant_id,
    snapshot_date,
    opportunity_id,
    trained_on,
    max(probability) filter (where horizon_days = 30) as won_within_30,
    max(probability) filter (where horizon_days = 60) as won_within_60,
    max(probability) filter (where horizon_days = 90) as won_within_90
from scored
group by tenant_id, snapshot_date, opportunity_id, trained_on
