-- People who work in Pipedrive, renamed and typed, nothing filtered.
--
-- Grain: line of the users export.
-- Columns:
--   tenant_id: company the row belongs to
--   user_id: Pipedrive's id of the user
--   user_name: full name
--   email: address
--   modified_at: when the record was last changed (Pipedrive exports UTC)
select
    tenant_id,
    id as user_id,
    name as user_name,
    email,
    modified::timestamp at time zone 'UTC' as modified_at
from pipedrive_remote.users_versions
where known_from <= (select ops.known_as_of()) and known_to > (select ops.known_as_of())
