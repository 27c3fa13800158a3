-- Detects: companies whose health score tells won deals from lost ones no better than chance.
-- Why: a score that ranks nothing sends people to the wrong deals.
-- A row means: on the newest day, of deals as they stood this many days before they ended, the score's AUC is
--     not above 0.5 by more than two standard errors, though there were enough deals (threshold calibration_deals).
-- Severity: warn
select
    c.tenant_id,
    c.snapshot_date,
    c.days_before,
    c.deals_count,
    c.auc,
    c.auc_error
from analytics.score_calibration as c
inner join staging.thresholds as t on c.tenant_id = t.tenant_id and c.snapshot_date = t.snapshot_date
where
    c.score = 'health_score' and c.tenth = 0 and c.deals_count >= t.calibration_deals
    and c.snapshot_date = (
        select max(n.snapshot_date) from analytics.score_calibration as n
        where n.tenant_id = c.tenant_id
    )
    and c.auc <= 0.5 + 2 * c.auc_error
