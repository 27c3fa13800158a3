"""A virtual asset for each view: `revops db upgrade` lays it down, nothing is to be run."""

import warnings

import dagster as dg

from revops_assets.assets.spec import spec_of
from revops_assets.catalogue.dataset import Dataset


def view(dataset: Dataset) -> dg.AssetSpec:
    """The view in the graph, with its SQL."""
    with warnings.catch_warnings():  # virtual assets are a preview: no user's business
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return spec_of(dataset).replace_attributes(is_virtual=True, freshness_policy=None)
