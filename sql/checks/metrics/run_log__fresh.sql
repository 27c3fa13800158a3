-- Detects: daily metrics that end before the last days that are over.
-- Why: people read the newest row as yesterday's; a run that failed or was never started shows nowhere else.
-- A row means: the newest day that ran as a whole for this tenant ended longer ago than the set age.
-- Severity: warn
select
    tenant_id,
    max(metric_date) as newest_day
from metrics.run_log
group by tenant_id
having
    (max(metric_date) + 1)::timestamp at time zone (select ops.timezone())
    < cast(:checked_at as timestamptz) - :max_age_days * interval '1 day'
