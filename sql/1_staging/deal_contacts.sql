-- People on each deal, in spans of business days over which their role and their last two-way activity did not change:
-- at the end of day D it was the row with d_from <= D < d_to.
--
-- Grain: tenant, deal, contact and span of days in which the contact had a role or had been active.
-- Key: tenant_id, opportunity_id, contact_id, d_from
-- Index: (d_to, d_from)
-- Columns:
--   tenant_id text not null: company the row belongs to
--   opportunity_id text not null: the deal
--   contact_id text not null: the contact
--   d_from date not null: first business day at whose end it was so
--   d_to date not null: first day after it at whose end it was not; infinity while it lasts
--   role text: Economic Buyer, Champion, or another as the source calls it; null without one
--   last_two_way_at timestamptz: last two-way activity with the contact on the deal
-- Rules:
--   d_to does not come after d_from unless d_from < d_to
with roles as materialized (
    select *
    from staging.contact_roles
),

changes as (
    select
        tenant_id,
        opportunity_id,
        contact_id,
        day,
        occurred_at as two_way_at
    from staging.activities
    where is_two_way and opportunity_id is not null and contact_id is not null
    union all
    select
        r.tenant_id,
        r.opportunity_id,
        r.contact_id,
        c.day,
        null as two_way_at
    from roles as r
    cross join lateral (values (r.from_day), (r.to_day)) as c (day)
    where c.day < 'infinity'
),

spans as (
    select
        tenant_id,
        opportunity_id,
        contact_id,
        day as d_from,
        lead(day, 1, 'infinity') over contact_by_day as d_to,
        max(max(two_way_at)) over contact_by_day as last_two_way_at
    from changes
    group by tenant_id, opportunity_id, contact_id, day
    window contact_by_day as (partition by tenant_id, opportunity_id, contact_id order by day)
),

-- Of several roles the buyer's, the champion's, else the one taken last.
held as (
    select distinct on (s.tenant_id, s.opportunity_id, s.contact_id, s.d_from)
        s.tenant_id,
        s.opportunity_id,
        s.contact_id,
        s.d_from,
        r.role
    from spans as s
    inner join roles as r
        on
            s.tenant_id = r.tenant_id and s.opportunity_id = r.opportunity_id and s.contact_id = r.contact_id
            and s.d_from >= r.from_day and s.d_from < r.to_day
    order by
        s.tenant_id asc, s.opportunity_id asc, s.contact_id asc, s.d_from asc,
        array_position(array['Economic Buyer', 'Champion'], r.role) asc nulls last, r.from_day desc, r.role desc
)

select
    s.tenant_id,
    s.opportunity_id,
    s.contact_id,
    s.d_from,
    s.d_to,
    h.role,
    s.last_two_way_at
from spans as s
left join held as h using (tenant_id, opportunity_id, contact_id, d_from)
where h.role is not null or s.last_two_way_at is not null
