"""An asset for each dataset of daily partitions."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import dagster as dg
import sqlalchemy as sa

from revops_assets.assets.metadata import look
from revops_assets.assets.run import about_run, riders_of, run_of
from revops_assets.assets.spec import asset_key, spec_of
from revops_assets.building.daily import write_days
from revops_assets.catalogue.dataset import Dataset
from revops_assets.datasets.charts import Chart
from revops_assets.datasets.partitions import DAILY, checked_range
from revops_assets.datasets.window import Window
from revops_assets.warehouse.resource import POOL, Warehouse
from revops_assets.warehouse.sql_files import SqlFile


def daily_dataset(dataset: Dataset, chart: Chart | None = None, after: Sequence[str] = ()) -> dg.AssetsDefinition:
    """An asset that fills days of a table: a run writes its whole range.

    `chart` shows the run's last day; `after`: assets before it that are no datasets of the catalogue.
    """
    spec, file = spec_of(dataset).merge_attributes(deps=[asset_key(table) for table in after]), dataset.file

    @dg.multi_asset(
        name=dataset.table.replace(".", "__"),
        specs=[spec],
        partitions_def=DAILY,
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool=POOL,
    )
    def run(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult:  # type: ignore[type-arg]
        keys = context.partition_key_range
        start, end = checked_range(keys.start, keys.end)
        selected = {".".join(key.path) for key in context.job_def.asset_layer.selected_asset_keys}
        found = run_of(context, warehouse)
        done = write_days(found, dataset, selected, start, end, riders_of(context))
        with warehouse.transaction() as connection:
            for window in done.windows:
                for day, count in _counts(connection, file, window):
                    if day >= start:
                        context.add_asset_metadata(
                            {"dagster/partition_row_count": count}, asset_key=spec.key, partition_key=str(day)
                        )
            # In the order that the UI shows them in: the picture first.
            shown = chart.draw(connection.execute(sa.text(chart.query), {"day": end}).all()) if chart else {}
            pages = found.warehouse.settings.pages_url.rstrip("/")
            shown["dashboards"] = dg.MetadataValue.url(f"{pages}/rows/{dataset.table}?day={end}")
            shown |= look(connection, file, end)
        for day in done.filled:  # these have been materialised as well, though the run's range does not say so
            if DAILY.has_partition_key(str(day)):
                context.log_event(dg.AssetMaterialization(spec.key, partition=str(day), description="written as well"))
        # Every day's event repeats what the result says; what is long is said once, with the newest day.
        context.add_asset_metadata(shown, asset_key=spec.key, partition_key=str(end))
        about: dict[str, Any] = {"dagster/row_count": done.rows, "seconds": done.seconds, **about_run(found)}
        if done.filled:
            about["days_filled"] = len(done.filled)
        if done.requested:
            about["later_days_marked_stale"] = done.requested
        return dg.MaterializeResult(metadata=about)

    return run


def _counts(connection: sa.Connection, file: SqlFile, window: Window) -> list[tuple[date, int]]:
    statement = f"select d.snapshot_date, count(*) from {file.table} as d where {window.condition('d')} group by 1"
    return [(day, count) for day, count in connection.execute(sa.text(statement), window.params)]
