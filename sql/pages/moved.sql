-- What each open deal added to a quarter's forecast on two days, and why that differs: the biggest difference first.
with was as (
    select *
    from enriched.deal_forecasts
    where tenant_id = :tenant and snapshot_date = :other and quarter = :quarter
),

is_now as (
    select *
    from enriched.deal_forecasts
    where tenant_id = :tenant and snapshot_date = :day and quarter = :quarter
),

both_days as (
    select
        coalesce(n.opportunity_id, w.opportunity_id) as opportunity_id,
        w.weighted_amount as was,
        n.weighted_amount as is_now,
        coalesce(n.weighted_amount, 0) - coalesce(w.weighted_amount, 0) as difference,
        (w.opportunity_id is null) as is_new,
        (n.opportunity_id is null) as is_gone,
        (n.amount is distinct from w.amount) as has_other_amount,
        (n.weight is distinct from w.weight) as has_other_weight,
        (n.forecast_category is distinct from w.forecast_category) as has_other_category,
        (n.health_score is distinct from w.health_score) as has_other_health
    from is_now as n
    full outer join was as w on n.opportunity_id = w.opportunity_id
    where n.weighted_amount is distinct from w.weighted_amount
)

select
    b.opportunity_id,
    b.was,
    b.is_now,
    b.difference,
    coalesce(s.opportunity_name, b.opportunity_id) as opportunity_name,
    case
        when b.is_new and o.opportunity_id is not null then 'close date moved into the quarter'
        when b.is_new then 'created or opened again'
        when b.is_gone and s.status in ('won', 'lost') then s.status
        when b.is_gone and s.opportunity_id is null then 'deleted or merged'
        when b.is_gone then 'close date moved out of the quarter'
        when b.has_other_amount and b.has_other_weight then 'amount and weight changed'
        when b.has_other_amount then 'amount changed'
        when b.has_other_category then 'forecast category changed'
        when b.has_other_health then 'health changed the weight'
        else 'other forecast weights hold'
    end as cause
from both_days as b
left join staging.deal_intervals as s
    on b.opportunity_id = s.opportunity_id and s.tenant_id = :tenant and s.d_from <= :day and s.d_to > :day
left join staging.deal_intervals as o
    on
        b.opportunity_id = o.opportunity_id and o.tenant_id = :tenant and o.d_from <= :other and o.d_to > :other
        and o.status = 'open'
order by abs(b.difference) desc, b.opportunity_id
