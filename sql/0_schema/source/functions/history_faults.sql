-- Tracked fields of deals whose record says something else than their last change.
create or replace view crm.history_faults as
with last_changes as (
    select distinct on (h.tenant_id, h.opportunity_id, h.field) h.tenant_id, h.opportunity_id, h.field, h.new_value
    from crm.opportunity_history as h
    where h.field in ('stage_id', 'amount', 'close_date', 'owner_id', 'forecast_category', 'probability', 'next_step', 'discount_pct')
    order by h.tenant_id, h.opportunity_id, h.field, h.changed_at desc, h.known_from desc, h.line_no desc
)
select c.tenant_id, c.opportunity_id, c.field, c.new_value as last_change_to, r.recorded
from last_changes as c
inner join crm.opportunities as o on o.tenant_id = c.tenant_id and o.opportunity_id = c.opportunity_id
cross join lateral (
    select case c.field
        when 'stage_id' then o.stage_id when 'amount' then o.amount::text when 'close_date' then o.close_date::text
        when 'owner_id' then o.owner_id when 'forecast_category' then o.forecast_category
        when 'probability' then o.probability::text when 'next_step' then o.next_step
        when 'discount_pct' then o.discount_pct::text
    end as recorded
) as r
where case when c.field in ('amount', 'probability', 'discount_pct') then c.new_value::numeric is distinct from r.recorded::numeric
    else c.new_value is distinct from r.recorded end;
comment on view crm.history_faults is
'Deals of which a tracked field''s last change does not lead to what the record says: one row per deal and field.';
