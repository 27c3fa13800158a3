-- Roles of contacts on deals, as their records said at any time: from the day on which the role was given, for each
-- later version of the record from the day on which it was modified, to the day of the next version or of its deletion.
--
-- Grain: tenant, record of a role and span of days in which it did not change.
-- Columns:
--   tenant_id: company the row belongs to
--   opportunity_id: the deal
--   contact_id: the contact
--   role: Economic Buyer, Champion, or another as the source calls it
--   from_day: first business day at whose end it was so; -infinity where nobody says since when
--   to_day: first day after it at whose end it was not; infinity while it lasts
with versions as (
    select
        v.tenant_id,
        v.opportunity_id,
        v.contact_id,
        v.role,
        v.is_deleted,
        (v.created_at at time zone (select ops.timezone()))::date as created_on,
        (v.valid_from at time zone (select ops.timezone()))::date as valid_on,
        v.holds_from = '-infinity' as is_first,
        (v.valid_to at time zone (select ops.timezone()))::date as next_on
    from history.opportunity_contacts as v
),

spans as (
    select
        tenant_id,
        opportunity_id,
        contact_id,
        ops.contact_role(role) as role,
        case when is_first then coalesce(created_on, '-infinity') else valid_on end as from_day,
        -- A record that is first heard of as deleted was there before.
        case when is_deleted then least(valid_on, next_on) else next_on end as to_day
    from versions
    where (is_first or not is_deleted) and role is not null and contact_id is not null
)

select
    tenant_id,
    opportunity_id,
    contact_id,
    role,
    from_day,
    to_day
from spans
where from_day < to_day
