-- Changes of subscriptions by the end of the day.
create or replace view semantic_input.subscription_changes with (security_barrier) as
select c.change_id, c.subscription_id, lower(c.kind) as change_type, c.mrr_delta_amount as delta_mrr,
    (c.changed_at at time zone s.timezone)::date as change_date
from semantic.session as s
inner join history.subscription_changes as c on c.tenant_id = s.tenant_id and c.changed_at < s.as_of;
comment on view semantic_input.subscription_changes is 'Grain: change of a subscription by the end of the day. delta_mrr: what it adds to MRR.';
