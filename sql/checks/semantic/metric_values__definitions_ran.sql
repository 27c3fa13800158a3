-- Detects: approved definitions that gave nothing on a stored day because their SQL failed or was stopped.
-- Why: a metric that silently ends reads like one that fell to nothing.
-- A row means: a tenant's day, metric and variant with the error.
select
    r.tenant_id,
    r.snapshot_date,
    r.metric_id,
    r.variant,
    r.error
from semantic.metric_runs as r
where r.error is not null
order by r.snapshot_date desc, r.tenant_id asc, r.metric_id asc, r.variant asc
