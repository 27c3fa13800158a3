-- Orders placed by the end of the day: completed once their completion lies before it.
create or replace view semantic_input.orders with (security_barrier) as
select o.order_id, o.account_id as customer_id, o.product_id, o.channel, a.region,
    (o.ordered_at at time zone s.timezone)::date as order_date,
    (o.completed_at at time zone s.timezone)::date as completed_date,
    case
        when o.completed_at < s.as_of or o.completed_at is null and lower(o.status) = 'completed' then 'completed'
        when lower(o.status) = 'completed' then 'open'
        else lower(o.status)
    end as status,
    o.amount as total_amount
from semantic.session as s
inner join history.orders as o
    on o.tenant_id = s.tenant_id and o.holds_from < s.as_of and o.valid_to >= s.as_of
        and o.ordered_at < s.as_of and not o.is_deleted
left join history.accounts as a
    on a.tenant_id = s.tenant_id and a.account_id = o.account_id and a.holds_from < s.as_of and a.valid_to >= s.as_of;
comment on view semantic_input.orders is 'Grain: order placed by the end of the day. status: completed, open, or the source''s word.';
