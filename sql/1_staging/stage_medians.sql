-- How long a tenant's visits to each stage have typically taken: the median of those completed in the :window up to
-- the end of each day.
--
-- Window: 365 days
-- Grain: tenant, day and stage with a completed visit.
-- Key: tenant_id, snapshot_date, stage_id
-- Columns:
--   tenant_id text not null: company the row belongs to
--   snapshot_date date not null: the business day
--   stage_id text not null: the stage
--   visits_count bigint not null: visits that ended on that day or in the 364 days before
--   median_days float8 not null: their median, in elapsed days
select
    r.tenant_id,
    r.day as snapshot_date,
    v.stage_id,
    count(*) as visits_count,
    percentile_cont(0.5) within group (order by v.days) as median_days
from pg_temp.run_days as r
inner join staging.visit_facts as v
    on r.tenant_id = v.tenant_id and r.day >= v.exited_on and r.day < v.exited_on + :window_days and r.day < v.gone_on
where v.exited_on < :window_end and v.exited_on > cast(:window_start as date) - :window_days
group by r.tenant_id, r.day, v.stage_id
