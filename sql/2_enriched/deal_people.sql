-- Whom to speak to about each open deal, at the end of every day: the economic buyer, else the champion, else whoever
-- was active last; and the same among those who have a role on it.
--
-- Grain: tenant, day and open deal with anybody.
-- Key: tenant_id, snapshot_date, opportunity_id
-- Index: (snapshot_date)
-- Columns:
--   tenant_id text not null: company the row belongs to
--   snapshot_date date not null: the business day
--   opportunity_id text not null: the deal
--   contact_id text not null: the contact
--   contact_name text not null: the contact's name on that day
--   role_contact_id text: the contact among those with a role; null if nobody has one
--   role_contact_name text: that contact's name on that day
--   contact_role text: that contact's role on the deal
with people as (
    select
        r.tenant_id,
        r.day,
        r.as_of,
        p.opportunity_id,
        p.contact_id,
        p.role,
        p.last_two_way_at,
        row_number() over (
            partition by r.tenant_id, r.day, p.opportunity_id
            order by
                case p.role when 'Economic Buyer' then 1 when 'Champion' then 2 else 3 end,
                p.last_two_way_at desc nulls last, p.role is null, p.contact_id asc
        ) as place,
        row_number() over (
            partition by r.tenant_id, r.day, p.opportunity_id
            order by
                case p.role when 'Economic Buyer' then 1 when 'Champion' then 2 else 3 end,
                p.role is null, p.last_two_way_at desc nulls last, p.contact_id asc
        ) as role_place
    from staging.deal_contacts as p
    cross join
        lateral generate_series(
            greatest(p.d_from, :window_start) - cast(:window_start as date),
            least(p.d_to, :window_end) - cast(:window_start as date) - 1
        ) as n (days)
    inner join pg_temp.run_days as r
        on p.tenant_id = r.tenant_id and r.day = cast(:window_start as date) + n.days
    where p.d_from < :window_end and p.d_to > :window_start
),

picked as (
    select
        tenant_id,
        day,
        as_of,
        opportunity_id,
        max(contact_id) filter (where place = 1) as contact_id,
        max(contact_id) filter (where role_place = 1 and role is not null) as role_contact_id,
        max(role) filter (where role_place = 1) as contact_role
    from people
    group by tenant_id, day, as_of, opportunity_id
)

select
    p.tenant_id,
    p.day as snapshot_date,
    p.opportunity_id,
    p.contact_id,
    coalesce(c.contact_name, p.contact_id) as contact_name,
    p.role_contact_id,
    coalesce(o.contact_name, p.role_contact_id) as role_contact_name,
    p.contact_role
from picked as p
inner join staging.deal_days as d
    on p.tenant_id = d.tenant_id and p.day = d.snapshot_date and p.opportunity_id = d.opportunity_id
left join staging.contacts as c
    on p.tenant_id = c.tenant_id and p.contact_id = c.contact_id and p.as_of > c.valid_from and p.as_of <= c.valid_to
left join staging.contacts as o
    on
        p.tenant_id = o.tenant_id and p.role_contact_id = o.contact_id
        and p.as_of > o.valid_from and p.as_of <= o.valid_to
