-- Support tickets opened by the end of the day: resolved once their resolution lies before it.
create or replace view semantic_input.tickets with (security_barrier) as
select t.ticket_id, t.account_id as customer_id, t.priority, null::text as category,
    (t.created_at at time zone s.timezone)::date as created_at,
    case when t.resolved_at < s.as_of then 'resolved' else 'open' end as status,
    case when t.resolved_at < s.as_of then extract(epoch from t.resolved_at - t.created_at) / 3600 end as resolution_hours
from semantic.session as s
inner join history.tickets as t
    on t.tenant_id = s.tenant_id and t.holds_from < s.as_of and t.valid_to >= s.as_of and t.created_at < s.as_of
        and not t.is_deleted;
comment on view semantic_input.tickets is 'Grain: ticket opened by the end of the day. category: null, as crm.tickets has none.';
