"""What a run is told by its tags: the known time that it reads at, its tenants."""

import dagster as dg
import sqlalchemy as sa

from revops_assets.datasets.dated_reference import take_over_files
from revops_assets.datasets.window import ReadAt, read_at
from revops_assets.invalidation.run_tags import KNOWN_AS_OF_TAG, TENANTS_TAG
from revops_assets.settings import get_settings
from revops_assets.warehouse.resource import driver_connection


def resolve_read_at(
    context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext, connection: sa.Connection
) -> ReadAt:
    """Known time of this run: from its tag, or 'latest', resolved by its first step and kept in the tag.

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
