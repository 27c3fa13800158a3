-- What each customer is billed in each month up to the day's, all its subscriptions together, and how that moved within the
-- month: one movement a customer and month, as MRR is reported.
create or replace view semantic_input.subscriptions_by_customer with (security_barrier) as
with months as (
    select s.customer_id, s.billing_date, s.region,
        sum(greatest(s.starting_mrr_amount, 0)) as starting_mrr_amount,
        sum(case when s.status = 'active' then s.mrr_amount else 0 end) as mrr_amount
    from (
        select coalesce(v.customer_id, 'subscription ' || v.subscription_id) as customer_id, v.billing_date, v.region,
            v.starting_mrr_amount, v.mrr_amount, v.status
        from semantic_input.subscriptions as v
    ) as s
    group by 1, 2, 3
),
lives as (
    select m.*, min(m.billing_date) over (partition by m.customer_id) as cohort_month from months as m
)
select l.customer_id, a.segment, l.region, l.cohort_month, l.billing_date, l.starting_mrr_amount, l.mrr_amount,
    case
        when l.starting_mrr_amount = 0 and l.billing_date = l.cohort_month then 'new'
        when l.starting_mrr_amount = 0 then 'reactivation'
        when l.mrr_amount = 0 then 'churn'
        when l.mrr_amount > l.starting_mrr_amount then 'expansion'
        when l.mrr_amount < l.starting_mrr_amount then 'contraction'
        else 'none'
    end as movement
from lives as l
cross join semantic.session as s
left join history.accounts as a
    on a.tenant_id = s.tenant_id and a.account_id = l.customer_id and a.holds_from < s.as_of and a.valid_to >= s.as_of;
comment on view semantic_input.subscriptions_by_customer is 'Grain: customer and month (billing_date) in which it is billed or '
    'churned. cohort_month: the first of them. movement: new, expansion, contraction, churn, reactivation or none, from '
    'starting_mrr_amount to mrr_amount.';
