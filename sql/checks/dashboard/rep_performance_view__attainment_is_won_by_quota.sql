-- Detects: attainments that are not what was won by what was to be sold.
-- Why: people are paid by it.
-- A row means: this rep's ytd_attainment differs from won_amount_to_date / quota_to_date by more than rounding.
select
    tenant_id,
    snapshot_date,
    rep_id,
    ytd_attainment,
    won_amount_to_date,
    quota_to_date
from dashboard.rep_performance_view
where
    abs(ytd_attainment - won_amount_to_date / nullif(quota_to_date, 0)) > 0.0001
    and snapshot_date > (select max(n.snapshot_date) from dashboard.rep_performance_view as n) - 7
