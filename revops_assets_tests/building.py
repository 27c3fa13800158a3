"""Datasets built as runs build them, by the same functions, without a Dagster run around them: in less than half of the time.

That Dagster's runs give the same rows is tested by test_time.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from uuid import uuid4

import dagster as dg

from revops_assets.building.again import write_again
from revops_assets.building.daily import write_days
from revops_assets.building.daily_metrics import ask_for_stale_days, write_metrics
from revops_assets.building.full_refresh import write_full_refresh
from revops_assets.building.reference import write_dated, write_file
from revops_assets.building.run import Run
from revops_assets.catalogue import CATALOGUE
from revops_assets.catalogue.metrics import STALE_DAYS
from revops_assets.datasets.dated_reference import take_over_files, topics
from revops_assets.datasets.partitions import checked_range
from revops_assets.datasets.window import read_at
from revops_assets.errors import RevopsError
from revops_assets.invalidation.plan import Rerun
from revops_assets.invalidation.unwritten import in_one_line, left
from revops_assets.settings import Settings
from revops_assets.warehouse.databases import driver_connection
from revops_assets.warehouse.resource import Warehouse

# What the jobs of these names build, but for their checks.
FUNNEL = 'group:pipedrive or key:"reference/funnel_steps"'
STAGE_VISITS = '+key:"dyno_crm/pipeline_stage" or +key:"dyno_crm/deal_pipeline_stage_state"'


def materialize(
    settings: Settings,
    selection: str,
    first: str = "",
    last: str = "",
    known_as_of: int | None = None,
    tenants: Sequence[str] = (),
) -> str:
    """Build the datasets of a selection (Dagster's syntax), daily ones for the days from first to last; the run's id.

    RevopsError where a tenant's part could not be written.
    """
    tables = selected(selection, with_upstream=known_as_of is not None)
    days = checked_range(first, last or first) if first else None
    warehouse = Warehouse(env=settings.env)
    try:
        with warehouse.transaction() as connection:
            if known_as_of is None:
                take_over_files(driver_connection(connection), settings)
            run = Run(warehouse, str(uuid4()), read_at(connection, known_as_of), tuple(tenants) or None)
        _build(run, tables, days)
        with warehouse.transaction() as connection:
            parts = [part for part in left(connection, tables) if part.run_id == run.run_id]
    finally:
        warehouse.release()
    if parts:
        raise RevopsError(f"run {run.run_id}: {in_one_line(parts)}")
    return run.run_id


def build_again(settings: Settings, run_id: str, selection: str) -> None:
    """Build what a run left unwritten, as a run from its failure does."""
    warehouse = Warehouse(env=settings.env)
    try:
        with warehouse.transaction() as connection:
            run = Run(warehouse, run_id, read_at(connection, None))
        write_again(run, selected(selection, with_upstream=False))
    finally:
        warehouse.release()


def build_planned(settings: Settings, planned: Rerun) -> None:
    """Do one of the runs that build what is stale."""
    tables = [table for table in selected("*", with_upstream=False) if table in planned.datasets]
    warehouse = Warehouse(env=settings.env)
    try:
        with warehouse.transaction() as connection:
            run = Run(warehouse, str(uuid4()), read_at(connection, planned.known_as_of), planned.tenants)
        _build(run, tables, (planned.first, planned.last), planned.also)
    finally:
        warehouse.release()


def build_stale(settings: Settings) -> None:
    """Build what is stale, until nothing is."""
    from revops_assets.orchestration.runs import planned

    while runs := planned(settings):
        build_planned(settings, runs[0])


def _build(run: Run, tables: Sequence[str], days: tuple[date, date] | None, riders: Sequence[date] = ()) -> None:
    files = {f"reference.{topic.name}": topic for topic in topics()}
    metrics = {table for table in tables if table.startswith("metrics.")} - {STALE_DAYS}
    for table in tables:
        dataset = CATALOGUE.get(table)
        if table in files:
            write_dated(run, files[table])
        elif dataset is None:
            with run.warehouse.transaction() as connection:
                write_file(connection, table)
        elif table == STALE_DAYS:
            ask_for_stale_days(run)
        elif dataset.built == "full_refresh":
            write_full_refresh(run, dataset)
        elif dataset.built == "daily" and table not in metrics:
            assert days, f"{table} needs its days"
            write_days(run, dataset, tables, *days, riders)
    if metrics and days:
        write_metrics(run, metrics, *days, riders)


@lru_cache
def selected(selection: str, with_upstream: bool) -> tuple[str, ...]:
    """The selection's tables, what is read before what reads it."""
    from revops_assets.definitions import defs

    graph = defs.resolve_asset_graph()
    picked = dg.AssetSelection.from_string(selection)
    keys = (picked.upstream() if with_upstream else picked).resolve(graph)
    ordered = [key for level in graph.toposorted_asset_keys_by_level for key in level if key in keys]
    tables = [".".join(key.path) for key in ordered]
    return tuple(table for table in tables if table in CATALOGUE or table == "reference.funnel_steps")
