-- What people did in the product by the end of the day.
create or replace view semantic_input.user_events with (security_barrier) as
select e.event_id, e.user_id, e.account_id as customer_id, e.feature, p.plan_type,
    (e.occurred_at at time zone s.timezone)::date as event_date
from semantic.session as s
inner join history.user_events as e on e.tenant_id = s.tenant_id and e.occurred_at < s.as_of
left join (
    select distinct on (v.tenant_id, v.account_id) v.tenant_id, v.account_id, coalesce(r.name, v.product_id) as plan_type
    from semantic.session as n
    inner join history.subscriptions as v
        on v.tenant_id = n.tenant_id and v.holds_from < n.as_of and v.valid_to >= n.as_of and v.started_at < n.as_of
            and not v.is_deleted
    left join history.products as r
        on r.tenant_id = v.tenant_id and r.product_id = v.product_id and r.holds_from < n.as_of and r.valid_to >= n.as_of
    order by v.tenant_id, v.account_id, v.started_at desc, v.subscription_id desc
) as p on p.tenant_id = e.tenant_id and p.account_id = e.account_id;
comment on view semantic_input.user_events is 'Grain: event by the end of the day. plan_type: of the account''s latest subscription.';
