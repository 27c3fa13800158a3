-- People of the customers, by name, as their records said at any time.
--
-- Grain: tenant, contact and span of time in which the record did not change.
-- Key: tenant_id, contact_id, valid_from
-- Columns:
--   tenant_id text not null: company the row belongs to
--   contact_id text not null: the contact
--   valid_from timestamptz not null: from when on it was so; the first row reaches back without end
--   valid_to timestamptz not null: until just before when; the last row reaches on without end
--   contact_name text not null: the name; the id if nobody said
select
    tenant_id,
    contact_id,
    holds_from as valid_from,
    valid_to,
    coalesce(name, contact_id) as contact_name
from history.contacts
