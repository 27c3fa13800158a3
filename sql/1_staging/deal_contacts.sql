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
with changes as (
    select
        tenant_id,
        opportunity_id,
        contact_id,
        day,
        occurred_at as two_way_at,
        null as role,
        0 as change
    from staging.activities
    where is_two_way and opportunity_id is not null and contact_id is not null
    union all
    select
        r.tenant_id,
        r.opportunity_id,
        r.contact_id,
        c.day,
        null as two_way_at,
        r.role,
        c.change
    from staging.contact_roles as r
    cross join lateral (values (r.from_day, 1), (r.to_day, -1)) as c (day, change)
    where c.day < 'infinity'
),

days as (
    select
        tenant_id,
        opportunity_id,
        contact_id,
        day,
        max(two_way_at) as two_way_at,
        coalesce(sum(change) filter (where role = 'Economic Buyer'), 0) as buyer,
        coalesce(sum(change) filter (where role = 'Champion'), 0) as champion,
        coalesce(sum(change) filter (where role not in ('Economic Buyer', 'Champion')), 0) as other,
        max(role) filter (where change > 0 and role not in ('Economic Buyer', 'Champion')) as other_role
    from changes
    group by tenant_id, opportunity_id, contact_id, day
),

spans as (
    select
        tenant_id,
        opportunity_id,
        contact_id,
        day as d_from,
        lead(day, 1, 'infinity') over contact_by_day as d_to,
        max(two_way_at) over contact_by_day as last_two_way_at,
        case
            when sum(buyer) over contact_by_day > 0 then 'Economic Buyer'
            when sum(champion) over contact_by_day > 0 then 'Champion'
            when sum(other) over contact_by_day > 0 then ops.last_known(other_role) over contact_by_day
        end as role
    from days
    window contact_by_day as (partition by tenant_id, opportunity_id, contact_id order by day)
)

select
    tenant_id,
    opportunity_id,
    contact_id,
    d_from,
    d_to,
    role,
    last_two_way_at
from spans
where role is not null or last_two_way_at is not null
