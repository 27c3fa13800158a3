-- Planned and done activities, renamed and typed, nothing filtered: activity ids repeat in exports.
--
-- Grain: line of the activity export.
-- Columns:
--   tenant_id: company the row belongs to
--   activity_id: Pipedrive's id of the activity; not unique
--   deal_id: deal the activity is about
--   user_id: user it is assigned to
--   activity_type: code of its type, as in stg_activity_types
--   is_done: whether it has been done
--   due_at: when it is or was due (Pipedrive exports UTC)
select
    tenant_id,
    activity_id,
    deal_id,
    assigned_to_user as user_id,
    type as activity_type,
    done::boolean as is_done,
    due_to::timestamp at time zone 'UTC' as due_at
from pipedrive_remote.activity_versions
where known_from <= (select ops.known_as_of()) and known_to > (select ops.known_as_of())
