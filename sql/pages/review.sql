-- A rep's open deals, the most pressing first: their pipeline review.
select
    d.opportunity_id,
    d.opportunity_name,
    d.stage_name,
    d.amount,
    d.close_date,
    d.forecast_category,
    h.health_score,
    h.health_change_7d,
    p.priority_score,
    dashboard.currency(d.amount) as amount_shown,
    floor(d.days_in_stage) as days_shown
from staging.deal_days as d
left join enriched.deal_health_scores as h
    on
        d.tenant_id = h.tenant_id and d.snapshot_date = h.snapshot_date
        and d.opportunity_id = h.opportunity_id
left join analytics.deal_priorities as p
    on
        d.tenant_id = p.tenant_id and d.snapshot_date = p.snapshot_date
        and d.opportunity_id = p.opportunity_id
where d.tenant_id = :tenant and d.snapshot_date = :day and d.owner_id = :rep
order by p.priority_score desc nulls last, d.amount desc nulls last, d.opportunity_id asc
limit 200
