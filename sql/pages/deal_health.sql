-- A deal's health of the last ninety days.
select
    h.snapshot_date,
    h.health_score,
    h.velocity_score,
    h.activity_score,
    h.stakeholder_score,
    h.competition_score,
    h.discount_score
from enriched.deal_health_scores as h
where
    h.tenant_id = :tenant and h.opportunity_id = :deal and h.snapshot_date <= :day
    and h.snapshot_date > cast(:day as date) - 90
order by h.snapshot_date
