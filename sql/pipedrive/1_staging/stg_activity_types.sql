-- Kinds of activity, renamed and typed, nothing filtered.
--
-- Grain: line of the activity_types export.
-- Columns:
--   tenant_id: company the row belongs to
--   activity_type_id: Pipedrive's id of the type
--   activity_type_name: its name, for people
--   activity_type: its code, which activities carry
--   is_active: whether it can still be chosen
select
    tenant_id,
    id as activity_type_id,
    name as activity_type_name,
    type as activity_type,
    active::boolean as is_active
from pipedrive_remote.activity_types_versions
where known_from <= (select ops.known_as_of()) and known_to > (select ops.known_as_of())
