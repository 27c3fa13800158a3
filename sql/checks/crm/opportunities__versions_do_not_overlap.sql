-- Detects: records of any canonical table of which two versions were known at the same time.
-- Why: reading as known at an instant would find a record twice, and every figure on it would double.
-- A row means: this record's versions overlap; something wrote past crm.finish_load.
select *
from crm_remote.version_faults
