"""Jobs: the selections of assets that are run together, and the tasks that are none."""

from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from revops_assets.assets.spec import asset_key
from revops_assets.diagnostics.consistency import SHOWN, topics
from revops_assets.errors import RevopsError, Unreachable
from revops_assets.loading.load import load_export
from revops_assets.orchestration.housekeeping import purge_events
from revops_assets.settings import Settings, get_settings
from revops_assets.warehouse import databases
from revops_assets.warehouse.resource import DATABASE_RETRIES

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
    description="Stage visits, from the newest loads: what the stage velocity report reads.",
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

daily_job = dg.define_asset_job(
    "daily",
    selection=(dg.AssetSelection.all() - SOURCES) | dg.AssetSelection.all_asset_checks(),
    description="Everything behind the loads, for a day or a range of days: datasets, the day's report, the funnel,"
    " and every check, of the loads too.",
)
refresh_job = dg.define_asset_job(
    "refresh",
    selection=dg.AssetSelection.tag("revops/built", "full_refresh")
    | dg.AssetSelection.assets(["reference", "funnel_steps"]),
    description="What is built by full refresh, after a load; days that its changes matter to become stale.",
)
reruns_job = dg.define_asset_job(
    "reruns",
    selection=dg.AssetSelection.tag("revops/built", "daily"),
    description="Stale days in ops.stale_partitions: the run's tags say which, for whom and why.",
)


class ExportConfig(dg.Config):
    """Which folder of the landing zone is loaded."""

    directory: str = Field(description="Folder with the export's files and its manifest")


@dg.op(retry_policy=DATABASE_RETRIES)
def load_landed_export(context: dg.OpExecutionContext, config: ExportConfig) -> None:
    """Load a complete export of the landing zone, once; what cannot be loaded is quarantined, and the run says why."""
    try:
        results = load_export(get_settings(), Path(config.directory))
    except Unreachable:
        raise
    except RevopsError as error:
        raise dg.Failure(f"{error} (quarantined: crm.exports)", allow_retries=False) from None
    if results is None:
        context.log.info(f"{config.directory} was loaded before, or quarantined")
    for result in results or ():
        about: dict[str, Any] = {
            "tenant": result.tenant,
            "load_id": result.load_id,
            "transaction_time": result.load_seq,
        }
        for table in result.tables:
            counts = {name: table[name] for name in ("rows_inserted", "rows_updated", "rows_late", "rows_unchanged")}
            context.log_event(dg.AssetMaterialization(asset_key(f"crm.{table['table_name']}"), metadata=about | counts))
        counts = {
            "rows_read": result.rows_read,
            "rows_rejected": result.rows_rejected,
            "rows_deleted": result.rows_deleted,
        }
        unread = {"unread": ", ".join(result.unread), "notes": "; ".join(result.notes)}
        context.log_event(dg.AssetMaterialization(asset_key("crm.loads"), metadata=about | counts | unread))


@dg.job(name="load_export", executor_def=dg.in_process_executor)
def load_export_job() -> None:
    """Load an export from the landing zone: what the sensor starts."""
    load_landed_export()


@dg.op(retry_policy=DATABASE_RETRIES)
def purge_dagster_events(context: dg.OpExecutionContext) -> None:
    """Remove what Dagster's storage keeps of old runs, but for what is newest of each partition."""
    removed, runs = purge_events(get_settings())
    for run_id in runs:
        context.instance.compute_log_manager.delete_logs(prefix=[run_id])
    context.log.info(f"removed {removed}, and what {len(runs)} runs had printed")


@dg.job(name="housekeeping", executor_def=dg.in_process_executor)
def housekeeping_job() -> None:
    """Keep Dagster's own storage bounded: docs/operations.md."""
    purge_dagster_events()


@dg.op(retry_policy=DATABASE_RETRIES)
def compare_datasets(context: dg.OpExecutionContext) -> None:
    """Fail where two datasets disagree; the failure names the first differences."""
    with databases.engine(get_settings(), "warehouse").begin() as connection:
        found = list(topics(connection))
    for topic in found:
        context.log.info(f"{topic.name}: {topic.compared} said twice, {topic.differing} of them differently")
    if told := [str(difference) for topic in found for difference in topic.first]:
        raise dg.Failure("; ".join(told[:SHOWN]), allow_retries=False)


@dg.job(name="consistency", executor_def=dg.in_process_executor)
def consistency_job() -> None:
    """Compare what several datasets say of the same thing, on every stored day: `revops doctor --consistency`."""
    compare_datasets()


def jobs(settings: Settings) -> list[Any]:  # Dagster's name of what define_asset_job returns is private
    """All jobs; the scenario's only where there is a scenario."""
    always = [
        daily_job,
        refresh_job,
        reruns_job,
        load_export_job,
        housekeeping_job,
        consistency_job,
        funnel_job,
        stage_visits_job,
        stage_velocity_job,
    ]
    return [*always, scenario_job] if settings.scenario else always
