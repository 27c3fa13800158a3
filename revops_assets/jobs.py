"""Jobs: the selections of assets that are run together."""

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from revops_assets.settings import Settings

funnel_job = dg.define_asset_job(
    "funnel",
    selection=dg.AssetSelection.groups("pipedrive") | dg.AssetSelection.assets(["reference", "funnel_steps"]),
    description="The Pipedrive monthly sales funnel, from the newest export to the report, with its checks.",
)

scenario_job = dg.define_asset_job(
    "scenario",
    selection=dg.AssetSelection.groups("scenario", "crm", "pipedrive_raw"),
    description="Generate both companies' exports and load them; size, seed and end date in the run's config.",
)


def jobs(settings: Settings) -> list[UnresolvedAssetJobDefinition]:
    """All jobs; the scenario's only where there is a scenario."""
    return [funnel_job, scenario_job] if settings.scenario else [funnel_job]
