-- Detects: insights for which a language model was asked and the template had to take its place.
-- Why: an endpoint that fails, or invents figures, fails quietly otherwise: the graph goes on.
-- A row means: this rep's text is the template's, for this reason.
-- Severity: warn
select
    tenant_id,
    snapshot_date,
    rep_id,
    fallback_reason
from ai.rep_coaching_insights
where
    fallback_reason is not null
    and snapshot_date > (select max(n.snapshot_date) from ai.rep_coaching_insights as n) - 7
