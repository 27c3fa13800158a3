-- What running the product cost by the end of the day.
create or replace view semantic_input.infra_costs with (security_barrier) as
select c.cost_id, c.provider, c.service, null::text as environment, c.amount as cost_usd,
    date_trunc('month', c.incurred_at at time zone s.timezone)::date as billing_month
from semantic.session as s
inner join history.infra_costs as c on c.tenant_id = s.tenant_id and c.incurred_at < s.as_of;
comment on view semantic_input.infra_costs is 'Grain: cost by the end of the day. environment: null, as crm.infra_costs has none.';
