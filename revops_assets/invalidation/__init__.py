"""Which stored partitions are stale, and the plan that rebuilds them."""
