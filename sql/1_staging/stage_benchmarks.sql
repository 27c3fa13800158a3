-- How long the tenant's own source says a stage should take, at any time.
--
-- One row per: tenant, stage and span of time in which the record did not change.
-- Columns:
--   tenant_id: company the row belongs to
--   stage_id: the stage, as in staging.pipeline_stages
--   valid_from: from when on it was so; the first row reaches back without end
--   valid_to: until just before when; the last row reaches on without end
--   expected_days: days that a stay should take
--   max_days: days that it should take at most
--   historical_conversion: share of deals that pass the stage
with labels as (
    select distinct
        tenant_id,
        stage_label,
        stage_id
    from staging.pipeline_stages
),

versions as (
    select distinct on (tenant_id, stage_id, valid_from)
        v.tenant_id,
        coalesce(s.stage_id, v.stage_id) as stage_id,
        coalesce(v.modified_at, l.started_at) as valid_from,
        v.expected_days,
        v.max_days,
        v.historical_conversion,
        v.is_deleted
    from crm_remote.stage_benchmarks_versions as v
    inner join crm_remote.loads as l on v.load_id = l.load_id
    left join labels as s on v.tenant_id = s.tenant_id and v.stage_id = s.stage_label
    where v.known_from <= (select ops.known_as_of()) and v.stage_id is not null
    order by
        v.tenant_id asc, coalesce(s.stage_id, v.stage_id) asc, coalesce(v.modified_at, l.started_at) asc,
        v.known_from desc, v.line_no desc
),

spans as (
    select
        *,
        row_number() over stage_by_time as version_number,
        lead(valid_from, 1, 'infinity') over stage_by_time as valid_to
    from versions
    window stage_by_time as (partition by tenant_id, stage_id order by valid_from)
)

select
    tenant_id,
    stage_id,
    case when version_number = 1 then '-infinity' else valid_from end as valid_from,
    valid_to,
    expected_days,
    max_days,
    historical_conversion
from spans
where not is_deleted and expected_days is not null
