"""The assets, one module per wing and tier: names and dependencies, nothing else. The SQL lies in sql/."""
