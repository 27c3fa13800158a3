"""Jobs: the selections of assets that are run together."""

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from revops_assets.settings import Settings

funnel_job = dg.define_asset_job(
    "funnel",
    selection=dg.AssetSelection.groups("pipedrive") | dg.AssetSelection.assets(["reference", "funnel_steps"]),
    description="The Pipedrive monthly sales funnel, from the newest export to the report, with its checks.",
)

# What the generator and loads make; builds start behind it.
SOURCE_GROUPS = ("scenario", "crm", "pipedrive_raw")
SOURCES = dg.AssetSelection.groups(*SOURCE_GROUPS)
stage_visits = dg.AssetSelection.assets(["dyno_crm", "pipeline_stage"], ["dyno_crm", "deal_pipeline_stage_state"])
stage_visits_job = dg.define_asset_job(
    "stage_visits",
    selection=stage_visits.upstream() - SOURCES,
    description="Stays of deals in stages, from the newest loads: what the stage velocity report reads.",
)
stage_velocity_job = dg.define_asset_job(
    "stage_velocity",
    selection=(stage_visits.upstream() | dg.AssetSelection.groups("dyno_crm")) - SOURCES,
    description="The stage velocity report of every pipeline, or of those that the run's config names.",
)

scenario_job = dg.define_asset_job(
    "scenario",
    selection=SOURCES,
    description="Generate both companies' exports and load them; size, seed and end date in the run's config.",
)


def jobs(settings: Settings) -> list[UnresolvedAssetJobDefinition]:
    """All jobs; the scenario's only where there is a scenario."""
    always = [funnel_job, stage_visits_job, stage_velocity_job]
    return [*always, scenario_job] if settings.scenario else always
