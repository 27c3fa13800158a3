-- What is to be sold in each day's quarter and the next, as of the end of the day: of All the company's target, of
-- every combination of team, segment and region the quotas of its reps.
--
-- Grain: tenant, day, quarter, team, segment and region with a target.
-- Key: tenant_id, snapshot_date, quarter, team_id, segment, region
-- Columns:
--   tenant_id text not null: company the row belongs to
--   snapshot_date date not null: the business day
--   quarter text not null: the quarter
--   team_id text not null: All, a manager's id, none or -1
--   segment text not null: All, a segment, or Unknown
--   region text not null: All, a region, or Unknown
--   target numeric(16, 2) not null: what is to be sold
with quotas as (
    select
        q.tenant_id,
        q.snapshot_date,
        q.rep_id,
        w.quarter,
        case w.place when 1 then q.quarter_target else q.next_quarter_target end as target
    from staging.quota_days as q
    inner join ops.quarters_ahead as w on q.snapshot_date = w.day
    where q.snapshot_date >= :window_start and q.snapshot_date < :window_end
)

select
    tenant_id,
    snapshot_date,
    quarter,
    'All' as team_id,
    'All' as segment,
    'All' as region,
    target
from quotas
where rep_id = 'All' and target is not null
union all
select
    q.tenant_id,
    q.snapshot_date,
    q.quarter,
    ops.or_all(grouping(p.team_id), p.team_id) as team_id,
    ops.or_all(grouping(p.segment), p.segment) as segment,
    ops.or_all(grouping(p.region), p.region) as region,
    sum(q.target) as target
from quotas as q
inner join staging.rep_days as p
    on q.tenant_id = p.tenant_id and q.snapshot_date = p.snapshot_date and q.rep_id = p.rep_id
where q.rep_id <> 'All'
group by q.tenant_id, q.snapshot_date, q.quarter, cube (p.team_id, p.segment, p.region)
having sum(q.target) is not null and grouping(p.team_id, p.segment, p.region) < 7
