"""Assembly only: everything Dagster shows and runs. Importing it connects to nothing."""

import dagster as dg

from revops_assets.assets import pipedrive, source
from revops_assets.checks import check_definitions
from revops_assets.jobs import JOBS
from revops_assets.resources import Warehouse
from revops_assets.schedules import schedules
from revops_assets.settings import get_settings

defs = dg.Definitions(
    assets=[*source.raw_tables(), *pipedrive.ASSETS],
    asset_checks=check_definitions(),
    jobs=JOBS,
    schedules=schedules(get_settings()),
    resources={"warehouse": Warehouse()},
    # The work is done by PostgreSQL; a process for each step would cost seconds and gain nothing.
    executor=dg.in_process_executor,
)
