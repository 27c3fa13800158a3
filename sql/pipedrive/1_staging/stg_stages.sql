-- Stages of the sales pipeline, renamed and typed, nothing filtered.
--
-- Grain: line of the stages export.
-- Columns:
--   tenant_id: company the row belongs to
--   stage_id: Pipedrive's id of the stage
--   stage_name: its name, for people
select
    tenant_id,
    stage_id,
    stage_name
from pipedrive_remote.stages_versions
where known_from <= (select ops.known_as_of()) and known_to > (select ops.known_as_of())
