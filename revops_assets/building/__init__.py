"""How datasets are built: what a run writes, what waits, what is written again. Assets call it."""
