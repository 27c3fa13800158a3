"""Jobs: the selections of assets that are run together."""

import dagster as dg

funnel_job = dg.define_asset_job(
    "funnel",
    selection=dg.AssetSelection.groups("pipedrive") | dg.AssetSelection.assets(["reference", "funnel_steps"]),
    description="The Pipedrive monthly sales funnel, from the newest export to the report, with its checks.",
)

JOBS = [funnel_job]
