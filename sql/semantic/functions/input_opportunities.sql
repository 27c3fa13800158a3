-- Deals as they stood at the end of the day, in the company's own currency.
create or replace view semantic_input.opportunities with (security_barrier) as
select d.opportunity_id, d.opportunity_name as name, d.status, d.amount as deal_value, d.probability,
    d.close_date as expected_close_date, coalesce(g.stage_name, d.stage_id) as stage, coalesce(r.rep_name, d.owner_id) as owner,
    d.status = 'won' as is_won, d.status = 'lost' as is_lost,
    (d.opened_at at time zone s.timezone)::date as created_date, (d.closed_at at time zone s.timezone)::date as closed_date
from semantic.session as s
inner join staging.deal_intervals as d on d.tenant_id = s.tenant_id and d.d_from <= s.day and d.d_to > s.day
left join staging.pipeline_stages as g
    on g.tenant_id = d.tenant_id and g.stage_id = d.stage_id and g.valid_from < s.as_of and g.valid_to >= s.as_of
left join staging.reps as r
    on r.tenant_id = d.tenant_id and r.rep_id = d.owner_id and r.valid_from < s.as_of and r.valid_to >= s.as_of;
comment on view semantic_input.opportunities is 'Grain: deal. status: open, won or lost at the end of the day.';
