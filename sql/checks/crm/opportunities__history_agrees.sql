-- Detects: deals of which a tracked field is not what its last change led to.
-- Why: past days are rebuilt from the changes; where they disagree with the record, today and yesterday do not fit.
-- A row means: the source's change log misses a change of this deal's field, or holds one too many.
-- Severity: warn
select *
from crm_remote.history_faults
