"""What a run is told by its tags, and what it tells of itself."""

from datetime import date
from typing import Any

import dagster as dg
import sqlalchemy as sa

from revops_assets.building.run import Run
from revops_assets.datasets.dated_reference import take_over_files
from revops_assets.datasets.window import ReadAt, read_at
from revops_assets.invalidation.run_tags import ALSO_TAG, KNOWN_AS_OF_TAG, TENANTS_TAG
from revops_assets.invalidation.unwritten import root_of
from revops_assets.settings import get_settings
from revops_assets.warehouse.databases import driver_connection
from revops_assets.warehouse.resource import Warehouse


def resolve_read_at(
    context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext, connection: sa.Connection
) -> ReadAt:
    """Transaction time of this run: from its tag, or 'latest', resolved by its first step and kept in the tag.

    Reference files that changed are taken over first: to the run that finds them, they are known.
    """
    run = context.instance.get_run_by_id(context.run.run_id)
    tag = (run or context.run).tags.get(KNOWN_AS_OF_TAG)
    if not tag:
        take_over_files(driver_connection(connection), get_settings())
    at = read_at(connection, int(tag) if tag else None)
    if not tag and run:
        context.instance.add_run_tags(run.run_id, {KNOWN_AS_OF_TAG: str(at.known_as_of)})
    return at


def tenants_of_run(context: dg.AssetExecutionContext) -> tuple[str, ...] | None:
    """The tenants that the run is for, by its tag (slugs with commas between); None: all."""
    tag = context.run.tags.get(TENANTS_TAG)
    return tuple(name.strip() for name in tag.split(",")) if tag else None


def riders_of(context: dg.AssetExecutionContext) -> list[date]:
    """Days outside the run's range that are written, too, where they are stale."""
    tag = context.run.tags.get(ALSO_TAG)
    return [date.fromisoformat(day) for day in tag.split(",")] if tag else []


def run_of(context: dg.AssetExecutionContext, warehouse: Warehouse) -> Run:
    """The run that a step belongs to."""
    with warehouse.transaction() as connection:  # of its own: what was read of the source is seen for the rest of it
        at = resolve_read_at(context, connection)
    return Run(warehouse, root_of(context.run), at, tenants_of_run(context))


def about_run(run: Run) -> dict[str, Any]:
    """What a run read, and where it wrote."""
    return {"known_as_of": run.at.known_as_of, "data_freshness": run.at.freshness, "database": run.warehouse.database}
