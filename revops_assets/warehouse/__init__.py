"""PostgreSQL: the servers and databases, their upgrade, and the one writer of datasets."""
