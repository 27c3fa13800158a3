"""The tables that people keep as files: thresholds, bands, weights, benchmarks."""

from revops_assets.dated_reference import topics
from revops_assets.reference import dated_reference_table

ASSETS = [dated_reference_table(topic) for topic in topics()]
