-- Detects: deals whose amount is in a currency for which there is no rate.
-- Why: such a deal counts as a deal, but its money is missing in every sum.
-- A row means: so many of this tenant's deals are in this currency; put its rate into sql/reference/exchange_rates.csv.
-- Severity: warn
select
    tenant_id,
    currency,
    count(distinct opportunity_id) as deals_count
from staging.deal_intervals
where amount is null and currency_amount is not null
group by tenant_id, currency
