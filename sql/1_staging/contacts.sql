-- People of the customers, by name, as their records said at any time.
--
-- One row per: tenant, contact and span of time in which the record did not change.
-- Columns:
--   tenant_id: company the row belongs to
--   contact_id: the contact
--   valid_from: from when on it was so; the first row reaches back without end
--   valid_to: until just before when; the last row reaches on without end
--   contact_name: the name; the id if nobody said
with versions as (
    select distinct on (tenant_id, contact_id, valid_from)
        v.tenant_id,
        v.contact_id,
        coalesce(v.modified_at, l.started_at) as valid_from,
        coalesce(v.name, v.contact_id) as contact_name
    from crm_remote.contacts_versions as v
    inner join crm_remote.loads as l on v.load_id = l.load_id
    where v.known_from <= (select ops.known_as_of())
    order by
        v.tenant_id asc, v.contact_id asc, coalesce(v.modified_at, l.started_at) asc, v.known_from desc, v.line_no desc
)

select
    tenant_id,
    contact_id,
    case when row_number() over contact_by_time = 1 then '-infinity' else valid_from end as valid_from,
    lead(valid_from, 1, 'infinity') over contact_by_time as valid_to,
    contact_name
from versions
window contact_by_time as (partition by tenant_id, contact_id order by valid_from)
