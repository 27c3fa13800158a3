"""A SQL file becomes a dataset of daily partitions: a run writes its whole range, a month a transaction."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from itertools import groupby
from typing import Any

import dagster as dg
import sqlalchemy as sa

from revops_assets.assets.made import Made
from revops_assets.assets.metadata import look
from revops_assets.assets.run import resolve_read_at, tenants_of_run
from revops_assets.assets.spec import about_run, spec_of
from revops_assets.catalogue import is_looked_at
from revops_assets.catalogue.dataset import Dataset
from revops_assets.contracts.guard import keep_contract
from revops_assets.datasets.charts import Chart
from revops_assets.datasets.ledger import note_days, prepare_days
from revops_assets.datasets.offences import Offence, find_offences
from revops_assets.datasets.partitions import DAILY, checked_range, months
from revops_assets.datasets.replace import check_columns, replace_window, selecting
from revops_assets.datasets.window import ReadAt, Window, Written, all_tenants
from revops_assets.invalidation.look_back import days_asked, days_to_fill
from revops_assets.invalidation.requests import request_look_backs
from revops_assets.invalidation.run_tags import ALSO_TAG
from revops_assets.invalidation.unwritten import hold, root_of, without, write_apart
from revops_assets.warehouse.resource import POOL, Warehouse
from revops_assets.warehouse.sql_files import SqlFile

BeforeWrite = Callable[[sa.Connection, Window, Warehouse], None]


def daily_dataset(dataset: Dataset, before_write: BeforeWrite | None = None, chart: Chart | None = None) -> Made:
    """An asset that fills days of a table: a run writes its whole range, a month a transaction.

    Before its range a run also writes those days that it looks back on and that were never written; where a day that
    was looked at has changed, those that looked at it are asked for again in ops.rerun_requests. `before_write` lays
    out, in each write's transaction, what the file reads of pg_temp besides the run's days. `chart` shows the run's
    last day.
    """
    table, file = dataset.table, dataset.file
    spec = spec_of(dataset)

    def write(
        warehouse: Warehouse, run_id: str, at: ReadAt, planned: Sequence[Window]
    ) -> Iterator[tuple[Window, Written, int]]:
        def once(connection: sa.Connection, window: Window, alone: bool) -> tuple[Written, int]:
            prepare_days(connection, table, at, window)
            if before_write:
                before_write(connection, window, warehouse)
            guards = [keep_contract] if dataset.contract else []
            with selecting(connection, file, window, alone) as select:
                written = replace_window(connection, file, at, window, None, guards, is_looked_at(table), select)
            note_days(connection, file, at, window)
            return written, request_look_backs(connection, table, written.changed)

        def explain(connection: sa.Connection, window: Window) -> list[Offence]:
            prepare_days(connection, table, at, window)
            if before_write:
                before_write(connection, window, warehouse)
            with selecting(connection, file, window, alone=True) as select:
                return find_offences(connection, file, select, at, window, None)

        with warehouse.transaction() as connection:
            check_columns(connection, file)
        for window in planned:
            with warehouse.transaction() as connection:
                waiting = hold(connection, run_id, table, dataset.read, window.tenants, window.all_days)
            for part in without(window, waiting):
                for done, (written, asked) in write_apart(warehouse, run_id, [table], part, once, explain):
                    yield done, written, asked

    def again(warehouse: Warehouse, run_id: str, at: ReadAt, tenant: str, days: list[date] | None) -> None:
        by_month = groupby(days or (), key=lambda day: (day.year, day.month))
        planned = [_window_of(tuple(found), (tenant,)) for _, found in by_month]
        for _ in write(warehouse, run_id, at, planned):
            pass

    @dg.multi_asset(
        name=table.replace(".", "__"),
        specs=[spec],
        partitions_def=DAILY,
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool=POOL,
    )
    def run(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult:  # type: ignore[type-arg]
        keys = context.partition_key_range
        start, end = checked_range(keys.start, keys.end)
        chosen = tenants_of_run(context)
        selected = {".".join(key.path) for key in context.job_def.asset_layer.selected_asset_keys}
        run_id, rows, seconds, requested = root_of(context.run), 0, 0.0, 0
        with warehouse.transaction() as connection:
            at = resolve_read_at(context, connection)
            tenants = chosen or all_tenants(connection)
            riders = context.run.tags.get(ALSO_TAG)
            also = days_asked(connection, tenants, [date.fromisoformat(d) for d in riders.split(",")] if riders else [])
            missing = days_to_fill(connection, table, selected, start, end, at, chosen, also)
        planned = list(windows(missing, start, end, tenants))
        for _, written, asked in write(warehouse, run_id, at, planned):
            requested += asked
            rows, seconds = rows + written.inserted, seconds + written.seconds
        with warehouse.transaction() as connection:
            for window in planned:
                for day, count in _counts(connection, file, window):
                    if day >= start:
                        context.add_asset_metadata(
                            {"dagster/partition_row_count": count}, asset_key=spec.key, partition_key=str(day)
                        )
        for day in missing:  # these have been materialised as well, though the run's range does not say so
            if DAILY.has_partition_key(str(day)):
                context.log_event(dg.AssetMaterialization(spec.key, partition=str(day), description="written as well"))
        with warehouse.transaction() as connection:  # what reads it next is planned with fresh statistics
            connection.execute(sa.text(f"analyze {file.table}"))
            shown = look(connection, file)
            if chart:
                shown |= chart.draw(connection.execute(sa.text(chart.query), {"day": end}).all())
        # Every day's event repeats what the result says; what is long is said once, with the newest day.
        context.add_asset_metadata(shown, asset_key=spec.key, partition_key=str(end))
        about: dict[str, Any] = {"dagster/row_count": rows, "seconds": seconds, **about_run(at, warehouse)}
        if missing:
            about["days_filled"] = len(missing)
        if requested:
            about["later_days_requested"] = requested
        return dg.MaterializeResult(metadata=about)

    return Made(run, {table: again})


def windows(missing: Sequence[date], start: date, end: date, tenants: tuple[str, ...]) -> Iterator[Window]:
    """What is written in one transaction each: the missing days of each quarter of a year, then month after month."""
    for _, found in groupby(missing, key=lambda day: (day.year, (day.month - 1) // 3)):
        yield _window_of(tuple(found), tenants)
    for first, after in months(start, end):
        yield Window("snapshot_date", first, after, tenants)


def _window_of(days: tuple[date, ...], tenants: tuple[str, ...]) -> Window:
    """These days, in order, and no others between them."""
    return Window("snapshot_date", days[0], days[-1] + timedelta(days=1), tenants, days)


def _counts(connection: sa.Connection, file: SqlFile, window: Window) -> list[tuple[date, int]]:
    statement = f"select d.snapshot_date, count(*) from {file.table} as d where {window.condition('d')} group by 1"
    return [(day, count) for day, count in connection.execute(sa.text(statement), window.params)]
