-- What was created and won each day, by rep?
select
    metric_date,
    rep_name,
    pipeline_amount_created,
    closed_won_opportunities,
    revenue_won
from metrics.rep_daily_pipeline
where tenant_id = 'acme'
order by metric_date desc, revenue_won desc;

-- Who creates more pipeline than they win?
select
    rep_name,
    sum(pipeline_amount_created) as created,
    sum(revenue_won) as won
from metrics.rep_daily_pipeline
where tenant_id = 'acme'
group by rep_name
order by created desc;
