"""The tables that people keep as files: thresholds, bands, weights, benchmarks."""

from revops_assets.catalogue.dataset import Dataset
from revops_assets.datasets.dated_reference import topics

DATASETS = [
    Dataset(f"reference.{topic.name}", "full_refresh", ("crm.loads",), made_by="reference file") for topic in topics()
]
