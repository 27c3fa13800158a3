"""Assembly only: everything Dagster shows and runs. Importing it connects to nothing."""

import os

import dagster as dg

from revops_assets.assets import all_assets, registry, source
from revops_assets.assets.checks import check_definitions
from revops_assets.assets.scenario import scenario_exports
from revops_assets.orchestration.console import quiet_console
from revops_assets.orchestration.jobs import jobs
from revops_assets.orchestration.schedules import schedules
from revops_assets.orchestration.sensors import sensors
from revops_assets.settings import get_settings
from revops_assets.warehouse.resource import Warehouse

# Dagster's own setting: events of a run's partitions are stored together. A year of days takes a third of the time.
os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", "1000")

settings = get_settings()
top = [scenario_exports, source.loaded_tables()] if settings.scenario else source.table_specs(has_scenario=False)

defs = dg.Definitions(
    assets=[*top, *all_assets()],
    asset_checks=[*check_definitions(), registry.definitions_hold],
    jobs=jobs(settings),
    schedules=schedules(settings),
    sensors=sensors(settings),
    resources={"warehouse": Warehouse()},
    loggers={"console": quiet_console},
    # The work is done by PostgreSQL; a process for each step would cost seconds and gain nothing.
    executor=dg.in_process_executor,
)
