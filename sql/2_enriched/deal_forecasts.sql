-- What each open deal adds to the forecast of the quarter that it is to close in, at the end of every day, for the
-- day's quarter and the next: its amount times the weight of its forecast category and health. Omitted deals add
-- nothing and are left out.
--
-- Grain: tenant, day and open deal whose close date, as known on the day, lies in the day's quarter or the next.
-- Key: tenant_id, snapshot_date, opportunity_id
-- Index: (snapshot_date)
-- Restatements: kept where true
-- Preview: d.weighted_amount desc nulls last
-- Columns:
--   tenant_id text not null: company the row belongs to
--   snapshot_date date not null: the business day
--   opportunity_id text not null: the deal
--   quarter text not null: the quarter that it is to close in
--   owner_id text not null: who owned it; -1 if nobody
--   forecast_category text not null, one of Commit, Best Case, Pipeline: Commit, Best Case or Pipeline
--   amount numeric(18, 2): what it is worth; null if nobody said
--   health_score int: its health; null if it cannot be judged: then it weighs as the unhealthiest
--   weight numeric not null, 0 to 1: share of the amount that counts
--   weighted_amount numeric(16, 4): amount times weight
with weights as (
    select
        d.tenant_id,
        d.day,
        w.forecast_category,
        w.weight,
        w.health_at_least,
        lead(w.health_at_least, 1, 101) over (
            partition by d.tenant_id, d.day, w.forecast_category order by w.health_at_least
        ) as health_below
    from pg_temp.run_days as d
    inner join reference.forecast_weights as w
        on d.tenant_id = w.tenant_id and d.day >= w.valid_from and d.day < w.valid_to
)

select
    d.tenant_id,
    d.snapshot_date,
    d.opportunity_id,
    q.quarter,
    d.owner_id,
    d.forecast_category,
    d.amount,
    h.health_score,
    w.weight,
    d.amount * w.weight as weighted_amount
from staging.deal_days as d
inner join pg_temp.run_days as r on d.tenant_id = r.tenant_id and d.snapshot_date = r.day
-- ops.quarters_ahead by its parts: joined as a view, every deal meets every day (90 days: 190 s in place of 0.6).
inner join ops.calendar as q on d.close_date = q.day and q.quarter_start in (r.quarter_start, r.quarter_end + 1)
inner join enriched.deal_health_scores as h
    on d.tenant_id = h.tenant_id and d.snapshot_date = h.snapshot_date and d.opportunity_id = h.opportunity_id
inner join weights as w
    on
        d.tenant_id = w.tenant_id and d.snapshot_date = w.day and d.forecast_category = w.forecast_category
        and coalesce(h.health_score, 0) >= w.health_at_least and coalesce(h.health_score, 0) < w.health_below
where d.snapshot_date >= :window_start and d.snapshot_date < :window_end
