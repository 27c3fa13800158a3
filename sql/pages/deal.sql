-- A deal at the end of the day, with its health, priority and forecast.
select
    d.*,
    dashboard.currency(d.amount) as amount_shown,
    h.health_score,
    h.health_category,
    h.health_change_7d,
    h.top_driver,
    h.risk_flags,
    h.velocity_score,
    h.velocity_contribution,
    h.activity_score,
    h.activity_contribution,
    h.stakeholder_score,
    h.stakeholder_contribution,
    h.competition_score,
    h.competition_contribution,
    h.discount_score,
    h.discount_contribution,
    p.priority_score,
    p.urgency,
    p.action,
    p.action_target,
    p.action_reason,
    f.weight,
    f.weighted_amount,
    f.quarter,
    dashboard.currency(f.weighted_amount) as weighted_shown
from staging.deal_days as d
left join enriched.deal_health_scores as h using (tenant_id, snapshot_date, opportunity_id)
left join analytics.deal_priorities as p using (tenant_id, snapshot_date, opportunity_id)
left join enriched.deal_forecasts as f using (tenant_id, snapshot_date, opportunity_id)
where d.tenant_id = :tenant and d.snapshot_date = :day and d.opportunity_id = :deal
