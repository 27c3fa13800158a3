-- Deals that stand too long in their stage, of a group; the page orders them.
select
    s.*,
    floor(s.days_in_stage) as days_shown,
    round(s.benchmark_days) as expected_shown
from dashboard.stuck_deals_view as s
where
    s.tenant_id = :tenant and s.snapshot_date = :day and (:team = 'All' or s.team_id = :team)
    and (:segment = 'All' or s.segment = :segment) and (:region = 'All' or s.region = :region)
