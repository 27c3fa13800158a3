-- Detects: bars that are longer than the longest.
-- Why: a bar beyond 100 % is drawn over its neighbour.
-- A row means: this rep's or the top performers' value exceeds the metric's bar_max of the day.
select
    tenant_id,
    snapshot_date,
    rep_id,
    metric_name,
    rep_value,
    top_performer_value,
    bar_max
from dashboard.rep_driver_comparison
where
    greatest(rep_value, top_performer_value) > bar_max
    and snapshot_date > (select max(n.snapshot_date) from dashboard.rep_driver_comparison as n) - 7
