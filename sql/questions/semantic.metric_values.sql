-- What was each business metric, as of a day?
select
    metric_id,
    period,
    value
from semantic.metric_values
where
    tenant_id = 'acme' and variant = '' and measure = 'value'
    and snapshot_date = (select max(n.snapshot_date) from semantic.metric_values as n)
order by metric_id, period;

-- Which past values were restated, by which load?
select
    snapshot_date,
    metric_id,
    period,
    value_before,
    value,
    restated_by_load
from semantic.metric_values
where tenant_id = 'acme' and is_restatement
order by snapshot_date desc, metric_id asc;
