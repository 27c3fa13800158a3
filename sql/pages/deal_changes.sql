-- Spans of days over which nothing about a deal changed.
select
    i.d_from as day,
    i.owner_id,
    i.amount,
    dashboard.currency(i.amount) as amount_shown,
    i.close_date,
    i.forecast_category,
    i.status
from staging.deal_intervals as i
where i.tenant_id = :tenant and i.opportunity_id = :deal and i.d_from <= :day
order by i.d_from
