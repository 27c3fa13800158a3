"""The tables that people keep as files: thresholds, bands, weights, benchmarks."""

from revops_assets.assets.reference_tables import dated_reference_table
from revops_assets.datasets.dated_reference import topics

ASSETS = [dated_reference_table(topic) for topic in topics()]
