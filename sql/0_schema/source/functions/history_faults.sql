-- Tracked fields of deals whose record says something else than their last change. A field that no record of the
-- company's has is not in its exports, and says nothing.
create or replace view crm.history_faults as
with last_changes as (
    select distinct on (h.tenant_id, h.opportunity_id, h.field) h.tenant_id, h.opportunity_id, h.field, h.new_value
    from crm.opportunity_history as h
    where h.field in ('stage_id', 'amount', 'close_date', 'owner_id', 'forecast_category', 'probability', 'next_step', 'discount_pct')
    order by h.tenant_id, h.opportunity_id, h.field, h.changed_at desc, h.known_from desc, h.line_no desc
),
told as (
    select tenant_id, array_remove(array[
        case when count(stage_id) > 0 then 'stage_id' end, case when count(amount) > 0 then 'amount' end,
        case when count(close_date) > 0 then 'close_date' end, case when count(owner_id) > 0 then 'owner_id' end,
        case when count(forecast_category) > 0 then 'forecast_category' end,
        case when count(probability) > 0 then 'probability' end, case when count(next_step) > 0 then 'next_step' end,
        case when count(discount_pct) > 0 then 'discount_pct' end
    ], null) as fields
    from crm.opportunities
    group by tenant_id
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
inner join told as t on t.tenant_id = c.tenant_id and c.field = any(t.fields)
where case when c.field in ('amount', 'probability', 'discount_pct') then c.new_value::numeric is distinct from r.recorded::numeric
    else c.new_value is distinct from r.recorded end;
comment on view crm.history_faults is
'Deals of which a tracked field''s last change does not lead to what the record says: one row per deal and field.';
