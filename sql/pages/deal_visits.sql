-- A deal's visits to stages, up to an instant.
select
    v.stage_id,
    coalesce(s.stage_name, v.stage_id) as stage_name,
    v.entered_at,
    v.exited_at,
    v.ended_by,
    v.is_reentry,
    v.is_reopening,
    round(extract(epoch from coalesce(v.exited_at, :as_of) - v.entered_at) / 86400, 1) as days
from staging.deal_visits as v
left join staging.pipeline_stages as s
    on
        v.tenant_id = s.tenant_id
        and v.stage_id = s.stage_id
        and v.entered_at >= s.valid_from
        and v.entered_at < s.valid_to
where v.tenant_id = :tenant and v.opportunity_id = :deal and v.entered_at < :as_of and v.status = 'open'
order by v.entered_at, v.visit_number
