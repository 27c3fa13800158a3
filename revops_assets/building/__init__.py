"""How datasets are built: what a run writes, what waits, what is written again. No Dagster here: assets call it."""
