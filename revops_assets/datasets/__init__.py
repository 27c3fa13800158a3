"""From a SQL file to rows: windows, writing, the partition ledger, reference data, lineage, charts, checks."""
