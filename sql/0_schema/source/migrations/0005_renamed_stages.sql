-- Where a source names stages by their label in deals and history, the stage's own record id tells a renamed stage from
-- a new one.

alter table crm.pipeline_stages_versions add column record_id text;
alter table crm_staging.pipeline_stages add column record_id text;
create or replace view crm.pipeline_stages as
select * from crm.pipeline_stages_versions where known_to = 9223372036854775807 and not is_deleted;
comment on column crm.pipeline_stages_versions.record_id is
'The source''s own id of the stage where stage_id is its label; null where stage_id is that id.';
