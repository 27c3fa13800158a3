-- Detects: stuck deals that are not over their stage's benchmark.
-- Why: calling a deal stuck that is not sends somebody after it for nothing.
-- A row means: this deal is listed as stuck but has been in its stage for no longer than it should.
select
    tenant_id,
    snapshot_date,
    opportunity_id,
    days_in_stage,
    benchmark_days
from dashboard.stuck_deals_view
where
    days_in_stage <= benchmark_days
    and snapshot_date > (select max(n.snapshot_date) from dashboard.stuck_deals_view as n) - 7
