-- People who sell, as their records said at any time: a change of manager, region or segment begins a new row. Who owns
-- deals or is credited with them and is not listed by the source is here by the id alone.
--
-- Grain: tenant, rep and span of time in which the record did not change.
-- Key: tenant_id, rep_id, valid_from
-- Columns:
--   tenant_id text not null: company the row belongs to
--   rep_id text not null: the rep
--   valid_from timestamptz not null: from when on it was so; the first row reaches back without end
--   valid_to timestamptz not null: until just before when; the last row reaches on without end
--   rep_name text not null: name, for people
--   manager_id text: whom the rep reports to
--   region text: region
--   segment text: segment
--   role text: what the rep is
--   hire_date date: first day of work
--   is_deleted boolean not null: whether the record had been removed
--   is_listed boolean not null: whether the source lists the rep
select
    tenant_id,
    rep_id,
    holds_from as valid_from,
    valid_to,
    coalesce(name, email, rep_id) as rep_name,
    manager_id,
    region,
    segment,
    role,
    hire_date,
    is_deleted,
    true as is_listed
from history.reps
union all
select
    i.tenant_id,
    i.rep_id,
    '-infinity'::timestamptz as valid_from,
    'infinity'::timestamptz as valid_to,
    i.rep_id as rep_name,
    null as manager_id,
    null as region,
    null as segment,
    null as role,
    null::date as hire_date,
    false as is_deleted,
    false as is_listed
from (
    select
        tenant_id,
        owner_id as rep_id
    from staging.deal_intervals
    where owner_id is not null
    union
    select
        tenant_id,
        rep_id
    from staging.deal_credits
    where rep_id <> '-1'
) as i
left join history.reps as v on i.tenant_id = v.tenant_id and i.rep_id = v.rep_id
where v.rep_id is null
