-- Done activities with the name of their type. Repeated ids stay: the published report counts those rows.
--
-- Grain: line of the activity export that is done.
-- Columns:
--   tenant_id: company the row belongs to
--   activity_id: Pipedrive's id of the activity; not unique
--   deal_id: deal the activity is about
--   user_id: user it is assigned to
--   activity_type: code of its type
--   activity_type_name: name of its type; null if the export has no such type
--   due_at: when it was due
with type_names as (
    select
        tenant_id,
        activity_type,
        min(activity_type_name) as activity_type_name
    from pipedrive.stg_activity_types
    group by tenant_id, activity_type
)

select
    a.tenant_id,
    a.activity_id,
    a.deal_id,
    a.user_id,
    a.activity_type,
    t.activity_type_name,
    a.due_at
from pipedrive.stg_activity as a
left join type_names as t on a.tenant_id = t.tenant_id and a.activity_type = t.activity_type
where a.is_done
