-- Changes of deals, renamed and typed, nothing filtered.
--
-- Grain: line of the deal_changes export.
-- Columns:
--   tenant_id: company the row belongs to
--   deal_id: deal that changed
--   changed_at: when it changed (Pipedrive exports UTC)
--   field_key: which field: add_time, stage_id, user_id, lost_reason, …
--   new_value: its value from then on
select
    tenant_id,
    deal_id,
    change_time::timestamp at time zone 'UTC' as changed_at,
    changed_field_key as field_key,
    new_value
from pipedrive_remote.deal_changes_versions
where known_from <= (select ops.known_as_of()) and known_to > (select ops.known_as_of())
