"""An asset for each table that every run builds again."""

import dagster as dg

from revops_assets.assets.metadata import look
from revops_assets.assets.run import about_run, run_of
from revops_assets.assets.spec import spec_of
from revops_assets.building.full_refresh import write_full_refresh
from revops_assets.catalogue.dataset import Dataset
from revops_assets.warehouse.resource import POOL, Warehouse


def full_refresh_table(dataset: Dataset) -> dg.AssetsDefinition:
    """An asset that fills a table from its file."""

    @dg.multi_asset(name=dataset.table.replace(".", "__"), specs=[spec_of(dataset)], pool=POOL)
    def run(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult:  # type: ignore[type-arg]
        found = run_of(context, warehouse)
        told = write_full_refresh(found, dataset)
        with warehouse.transaction() as connection:
            return dg.MaterializeResult(metadata={**told, **about_run(found), **look(connection, dataset.file)})

    return run
