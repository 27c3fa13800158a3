"""The business metrics registry: what each metric means, where that stands, and what it computes."""
