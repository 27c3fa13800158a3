-- How long a tenant's stays in each stage have typically taken: the median of those completed in the year before the
-- end of each day.
--
-- One row per: tenant, day and stage with a completed stay.
-- Columns:
--   tenant_id: company the row belongs to
--   snapshot_date: the business day
--   stage_id: the stage
--   visits_count: stays that ended in the 365 days up to the day's end
--   median_days: their median, in elapsed days
select
    r.tenant_id,
    r.day as snapshot_date,
    v.stage_id,
    count(*) as visits_count,
    percentile_cont(0.5) within group (
        order by extract(epoch from v.exited_at - v.entered_at)::float8 / 86400
    ) as median_days
from pg_temp.run_days as r
inner join staging.stage_visits as v
    on
        r.tenant_id = v.tenant_id and r.as_of > v.exited_at and r.as_of <= v.exited_at + interval '365 days'
        and coalesce(r.as_of <= v.gone_at, true)
where v.exited_at is not null and v.ended_by not in ('deleted', 'merged')
group by r.tenant_id, r.day, v.stage_id
