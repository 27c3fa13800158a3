-- Detects: open deals whose stage is not the one that their last stage change led to.
-- Why: past days are rebuilt from the changes; where they disagree with the record, today and yesterday do not fit.
-- A row means: the source's change log misses a change of this deal's stage, or holds one too many.
-- Severity: warn
with last_changes as (
    select distinct on (tenant_id, opportunity_id)
        tenant_id,
        opportunity_id,
        new_value
    from crm_remote.opportunity_history
    where field = 'stage_id'
    order by tenant_id asc, opportunity_id asc, changed_at desc, known_from desc, line_no desc
)

select
    o.tenant_id,
    o.opportunity_id,
    o.stage_id,
    c.new_value as last_change_to
from crm_remote.opportunities as o
inner join last_changes as c on o.tenant_id = c.tenant_id and o.opportunity_id = c.opportunity_id
where not o.is_closed and o.stage_id is distinct from c.new_value
