"""A SQL file becomes a view."""

from typing import Any

import dagster as dg
import sqlalchemy as sa

from revops_assets.assets.made import Made
from revops_assets.assets.metadata import look
from revops_assets.assets.run import resolve_read_at
from revops_assets.assets.spec import about_run, spec_of
from revops_assets.catalogue.dataset import Dataset
from revops_assets.datasets.window import tell_known_time
from revops_assets.warehouse.resource import POOL, Warehouse, driver_connection
from revops_assets.warehouse.views import create_view


def view(dataset: Dataset) -> Made:
    """An asset that lays a view down from its file."""
    file = dataset.file
    spec = spec_of(dataset)

    @dg.multi_asset(name=file.table.replace(".", "__"), specs=[spec], pool=POOL)
    def run(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult:  # type: ignore[type-arg]
        with warehouse.transaction() as connection:
            at = resolve_read_at(context, connection)
            create_view(driver_connection(connection), file.table, file.table)
            tell_known_time(connection, at)
            about: dict[str, Any] = {
                "dagster/row_count": connection.scalar(sa.text(f"select count(*) from {file.table}")),
                **about_run(at, warehouse),
                **look(connection, file),
            }
        return dg.MaterializeResult(metadata=about)

    return Made(run)
