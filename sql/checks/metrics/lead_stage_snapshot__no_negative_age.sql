-- Detects: leads with a mean age below 0.
-- Why: a lead that is dated after the day counts as 0 days old; a negative mean says that it did not.
-- A row means: a status whose leads are younger than nothing.
select
    tenant_id,
    metric_date,
    lead_status,
    avg_lead_age_days
from metrics.lead_stage_snapshot
where avg_lead_age_days < 0
