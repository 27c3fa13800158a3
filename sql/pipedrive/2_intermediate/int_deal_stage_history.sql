-- When each deal entered each stage for the first time; a later return to the stage is no second entry.
--
-- Grain: deal and stage it has been in.
-- Key: tenant_id, deal_id, stage_id
-- Columns:
--   tenant_id text not null: company the row belongs to
--   deal_id text not null: the deal
--   stage_id text not null: the stage
--   stage_name text: the stage's name; null if the export has no such stage
--   entered_at timestamptz not null: the first change of the deal into the stage
with first_entries as (
    select
        tenant_id,
        deal_id,
        new_value as stage_id,
        min(changed_at) as entered_at
    from pipedrive.stg_deal_changes
    where field_key = 'stage_id' and new_value is not null
    group by tenant_id, deal_id, new_value
),

stage_names as (
    select
        tenant_id,
        stage_id,
        min(stage_name) as stage_name
    from pipedrive.stg_stages
    group by tenant_id, stage_id
)

select
    e.tenant_id,
    e.deal_id,
    e.stage_id,
    s.stage_name,
    e.entered_at
from first_entries as e
left join stage_names as s on e.tenant_id = s.tenant_id and e.stage_id = s.stage_id
