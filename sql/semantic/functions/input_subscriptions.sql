-- What each subscription is billed in each month up to the day's: at the month's end, of the running month at the day's.
-- By its changes; a subscription without any is billed its mrr from its start to its end.
create or replace view semantic_input.subscriptions with (security_barrier) as
with held as (
    select s.tenant_id, s.as_of, s.timezone, v.subscription_id, v.account_id, v.product_id, v.mrr_amount, v.started_at, v.ended_at
    from semantic.session as s
    inner join history.subscriptions as v
        on v.tenant_id = s.tenant_id and v.holds_from < s.as_of and v.valid_to >= s.as_of and v.started_at < s.as_of
            and not v.is_deleted
),
logged as (
    select c.subscription_id, c.changed_at as at, c.mrr_delta_amount as delta
    from semantic.session as s
    inner join history.subscription_changes as c on c.tenant_id = s.tenant_id and c.changed_at < s.as_of
),
deltas as (
    select subscription_id, at, delta from logged
    union all
    select h.subscription_id, e.at, e.delta
    from held as h
    cross join lateral (values (h.started_at, h.mrr_amount), (h.ended_at, -h.mrr_amount)) as e (at, delta)
    where e.at < h.as_of and h.subscription_id not in (select l.subscription_id from logged as l)
),
monthly as (
    select h.subscription_id, h.account_id, h.product_id, date_trunc('month', d.at at time zone h.timezone)::date as month,
        date_trunc('month', (h.as_of - interval '1 microsecond') at time zone h.timezone)::date as last_month, sum(d.delta) as delta
    from held as h
    inner join deltas as d on h.subscription_id = d.subscription_id
    group by 1, 2, 3, 4, 5
),
spells as (
    select *, lead(month, 1, (last_month + interval '1 month')::date) over lives as next_month,
        sum(delta) over lives as after, sum(delta) over lives - delta as before
    from monthly
    window lives as (partition by subscription_id order by month)
)
select p.subscription_id, p.account_id as customer_id, coalesce(r.name, p.product_id) as plan_type, a.region,
    m.month::date as billing_date, p.after as mrr_amount,
    case when m.month::date = p.month then p.before else p.after end as starting_mrr_amount,
    case when p.after > 0 then 'active' else 'churned' end as status
from spells as p
cross join semantic.session as s
cross join lateral generate_series(p.month, p.next_month - interval '1 day', interval '1 month') as m (month)
left join history.products as r
    on r.tenant_id = s.tenant_id and r.product_id = p.product_id and r.holds_from < s.as_of and r.valid_to >= s.as_of
left join history.accounts as a
    on a.tenant_id = s.tenant_id and a.account_id = p.account_id and a.holds_from < s.as_of and a.valid_to >= s.as_of
where p.after > 0 or m.month::date = p.month and p.before > 0;
comment on view semantic_input.subscriptions is 'Grain: subscription and month (billing_date: its first day) in which it is billed or '
    'was churned. mrr_amount: at the month''s end, of the running month at the day''s; starting_mrr_amount: at its beginning.';
