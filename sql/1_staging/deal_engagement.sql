-- Who of the customer is engaged in each deal, day by day, as changes of counts. A two-way activity is a meeting or
-- demo held, an answered call, an email with a reply; a contact is engaged on the day of one and for 89 days after it.
-- Roles count from the day they were given to the day they were taken away.
--
-- Window: 90 days
-- Grain: tenant, deal, day and kind of change.
-- Columns:
--   tenant_id: company the row belongs to
--   opportunity_id: the deal
--   day: business day
--   two_way_at: last two-way activity of the day
--   engaged_change: contacts that become engaged, less those that cease to be
--   champion_change: the same for contacts with the role of champion, engaged or not
--   buyer_change: the same for engaged contacts with the role of economic buyer
with two_way as (
    select
        tenant_id,
        opportunity_id,
        contact_id,
        occurred_at,
        day
    from staging.activities
    where is_two_way and opportunity_id is not null
),

steps as (
    select
        tenant_id,
        opportunity_id,
        contact_id,
        day,
        lag(day) over (partition by tenant_id, opportunity_id, contact_id order by day) as previous_day
    from two_way
    where contact_id is not null
),

runs as (
    select
        tenant_id,
        opportunity_id,
        contact_id,
        day,
        count(*) filter (where day > previous_day + :window_days or previous_day is null) over (
            partition by tenant_id, opportunity_id, contact_id order by day
        ) as run_number
    from steps
),

engaged as (
    select
        tenant_id,
        opportunity_id,
        contact_id,
        min(day) as from_day,
        max(day) + :window_days as to_day
    from runs
    group by tenant_id, opportunity_id, contact_id, run_number
),

roles as (
    select
        tenant_id,
        opportunity_id,
        contact_id,
        role = 'Champion' as is_champion,
        from_day,
        to_day
    from staging.contact_roles
    where role in ('Champion', 'Economic Buyer')
),

engaged_buyers as (
    select distinct
        e.tenant_id,
        e.opportunity_id,
        e.contact_id,
        greatest(e.from_day, r.from_day) as from_day,
        least(e.to_day, r.to_day) as to_day
    from engaged as e
    inner join roles as r
        on e.tenant_id = r.tenant_id and e.opportunity_id = r.opportunity_id and e.contact_id = r.contact_id
    where not r.is_champion and greatest(e.from_day, r.from_day) < least(e.to_day, r.to_day)
)

select
    tenant_id,
    opportunity_id,
    day,
    max(occurred_at) as two_way_at,
    0 as engaged_change,
    0 as champion_change,
    0 as buyer_change
from two_way
group by tenant_id, opportunity_id, day
union all
select
    e.tenant_id,
    e.opportunity_id,
    c.day,
    null as two_way_at,
    c.change as engaged_change,
    0 as champion_change,
    0 as buyer_change
from engaged as e
cross join lateral (values (e.from_day, 1), (e.to_day, -1)) as c (day, change)
union all
select
    r.tenant_id,
    r.opportunity_id,
    c.day,
    null as two_way_at,
    0 as engaged_change,
    c.change as champion_change,
    0 as buyer_change
from roles as r
cross join lateral (values (r.from_day, 1), (r.to_day, -1)) as c (day, change)
where r.is_champion and c.day < 'infinity'
union all
select
    b.tenant_id,
    b.opportunity_id,
    c.day,
    null as two_way_at,
    0 as engaged_change,
    0 as champion_change,
    c.change as buyer_change
from engaged_buyers as b
cross join lateral (values (b.from_day, 1), (b.to_day, -1)) as c (day, change)
