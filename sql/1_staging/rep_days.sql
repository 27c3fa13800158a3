-- Everybody who sells or owns deals, as of the end of every day, with the team that this puts them in: those who report
-- to the same manager.
--
-- Grain: tenant, day and rep; and one for the deals of nobody.
-- Key: tenant_id, snapshot_date, rep_id
-- Columns:
--   tenant_id text not null: company the row belongs to
--   snapshot_date date not null: the business day
--   rep_id text not null: the rep; -1 for nobody
--   rep_name text not null: name, for people; Unassigned for nobody
--   team_id text not null: the manager's id; none without a manager; -1 for nobody
--   team_name text not null: the manager's name, with the id where two share it or it means a group; No manager;
--       Unassigned
--   segment text: segment
--   region text: region
--   role text: what the rep is
--   is_active boolean not null: whether the source lists the rep, as not removed and already hired
with people as (
    select
        r.tenant_id,
        r.day,
        p.rep_id,
        p.rep_name,
        p.manager_id,
        coalesce(m.rep_name, p.manager_id) as manager_name,
        ops.group_key(p.segment) as segment,
        ops.group_key(p.region) as region,
        p.role,
        p.is_listed and not p.is_deleted and coalesce(p.hire_date <= r.day, true) as is_active
    from pg_temp.run_days as r
    inner join staging.reps as p on r.tenant_id = p.tenant_id and r.as_of > p.valid_from and r.as_of <= p.valid_to
    left join staging.reps as m
        on p.tenant_id = m.tenant_id and p.manager_id = m.rep_id and r.as_of > m.valid_from and r.as_of <= m.valid_to
),

shared_names as (
    select
        tenant_id,
        day,
        manager_name
    from people
    group by tenant_id, day, manager_name
    having count(distinct manager_id) > 1 or manager_name in ('All', 'No manager', 'Unassigned')
)

select
    p.tenant_id,
    p.day as snapshot_date,
    p.rep_id,
    p.rep_name,
    coalesce(ops.group_key(p.manager_id), 'none') as team_id,
    case
        when p.manager_id is null then 'No manager'
        when s.manager_name is null then p.manager_name
        else p.manager_name || ' (' || p.manager_id || ')'
    end as team_name,
    p.segment,
    p.region,
    p.role,
    p.is_active
from people as p
left join shared_names as s on p.tenant_id = s.tenant_id and p.day = s.day and p.manager_name = s.manager_name
union all
select
    tenant_id,
    day as snapshot_date,
    '-1' as rep_id,
    'Unassigned' as rep_name,
    '-1' as team_id,
    'Unassigned' as team_name,
    null as segment,
    null as region,
    null as role,
    false as is_active
from pg_temp.run_days
