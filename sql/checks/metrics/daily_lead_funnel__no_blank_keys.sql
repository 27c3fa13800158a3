-- Detects: rows whose lead_source is empty.
-- Why: what nobody told is Unknown; an empty key is a second row of the same thing, which no filter finds.
-- A row means: a row of that day under an empty key.
select
    tenant_id,
    metric_date,
    lead_source
from metrics.daily_lead_funnel
where metrics.key_of(lead_source, '') = ''
