"""What a factory makes of a dataset: the asset, and how a tenant's part of it is written again."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import dagster as dg

from revops_assets.invalidation.unwritten import Rewrite


@dataclass(frozen=True)
class Made:
    """An asset definition (a spec alone where Dagster does not run it), and the rewrites of its tables."""

    definition: dg.AssetsDefinition | dg.AssetSpec
    rewrites: Mapping[str, Rewrite] = field(default_factory=dict)
