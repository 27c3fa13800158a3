-- How long the tenant's own source says a stage should take, at any time.
--
-- Grain: tenant, stage and span of time in which the record did not change.
-- Key: tenant_id, stage_id, valid_from
-- Columns:
--   tenant_id text not null: company the row belongs to
--   stage_id text not null: the stage, as in staging.pipeline_stages
--   valid_from timestamptz not null: from when on it was so; the first row reaches back without end
--   valid_to timestamptz not null: until just before when; the last row reaches on without end
--   expected_days numeric not null: days that a visit should take
--   max_days numeric: days that it should take at most
--   historical_conversion numeric: share of deals that pass the stage
select
    tenant_id,
    of_stage as stage_id,
    holds_from as valid_from,
    valid_to,
    expected_days,
    max_days,
    historical_conversion
from history.stage_benchmarks
where not is_deleted and expected_days is not null
