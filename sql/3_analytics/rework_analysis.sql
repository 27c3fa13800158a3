-- Who brings deals back into which stage, at the end of every day: visits begun in the :window up to it, by the deal's
-- owner of the day on which they began.
--
-- Window: 90 days
-- Grain: tenant, day, rep, pipeline and stage with such a visit.
-- Key: tenant_id, snapshot_date, rep_id, pipeline_id, stage_id
-- Columns:
--   tenant_id text not null: company the row belongs to
--   snapshot_date date not null: the business day
--   rep_id text not null: the rep; -1 for deals of nobody
--   pipeline_id text not null: the pipeline
--   stage_id text not null: the stage
--   entries_count bigint not null, more than 0: visits begun in the stage
--   reentries_count bigint not null: those of deals that had been in it before: rework
--   rework_rate numeric(5, 4) not null, 0 to 1: rework as a share of the entries
--   completed_reentries_count bigint not null: rework visits that were completed by the day
--   rework_days numeric(12, 4) not null: elapsed days that those took
with entries as (
    select
        v.tenant_id,
        cast(:window_start as date) + n.days as snapshot_date,
        v.entered_owner_id as rep_id,
        v.pipeline_id,
        v.stage_id,
        v.is_reentry,
        case
            when v.exited_on <= cast(:window_start as date) + n.days then v.elapsed_us
        end as elapsed_us
    from staging.visit_facts as v
    cross join
        lateral generate_series(
            greatest(v.entered_on, :window_start) - cast(:window_start as date),
            least(v.entered_on + :window_days, v.gone_on, :window_end) - cast(:window_start as date) - 1
        ) as n (days)
    where v.entered_on < :window_end and v.entered_on > cast(:window_start as date) - :window_days
)

select
    e.tenant_id,
    e.snapshot_date,
    e.rep_id,
    e.pipeline_id,
    e.stage_id,
    count(*) as entries_count,
    count(*) filter (where e.is_reentry) as reentries_count,
    round(count(*) filter (where e.is_reentry)::numeric / count(*), 4) as rework_rate,
    count(e.elapsed_us) filter (where e.is_reentry) as completed_reentries_count,
    round(coalesce(sum(e.elapsed_us) filter (where e.is_reentry), 0) / 86400000000, 4) as rework_days
from entries as e
inner join pg_temp.run_days as r on e.tenant_id = r.tenant_id and e.snapshot_date = r.day
group by e.tenant_id, e.snapshot_date, e.rep_id, e.pipeline_id, e.stage_id
