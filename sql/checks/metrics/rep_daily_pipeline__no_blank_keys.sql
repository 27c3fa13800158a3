-- Detects: rows whose rep_id is empty.
-- Why: what nobody told is -1; an empty key is a second row of the same thing, which no filter finds.
-- A row means: a row of that day under an empty key.
select
    tenant_id,
    metric_date,
    rep_id
from metrics.rep_daily_pipeline
where metrics.key_of(rep_id, '') = ''
