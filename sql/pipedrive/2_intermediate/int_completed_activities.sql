-- Done activities with the name of their type. Repeated ids stay: the published report counts those rows.
--
-- Grain: line of the activity export that is done.
-- Columns:
--   tenant_id text not null: company the row belongs to
--   activity_id text not null: Pipedrive's id of the activity; not unique
--   deal_id text: deal the activity is about
--   user_id text: user it is assigned to
--   activity_type text: code of its type
--   activity_type_name text: name of its type; null if the export has no such type
--   due_at timestamptz: when it was due
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
