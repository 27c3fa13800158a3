"""A SQL file becomes a table that is built as a whole."""

from datetime import date
from typing import Any

import dagster as dg
import sqlalchemy as sa

from revops_assets.assets.made import Made
from revops_assets.assets.metadata import look
from revops_assets.assets.run import resolve_read_at, tenants_of_run
from revops_assets.assets.spec import about_run, spec_of
from revops_assets.catalogue.dataset import Dataset
from revops_assets.datasets.ledger import note_table
from revops_assets.datasets.offences import Offence, find_offences
from revops_assets.datasets.replace import check_columns, replace_rows, replace_window, selecting
from revops_assets.datasets.window import ReadAt, Window, all_tenants
from revops_assets.invalidation.reach import reach_files
from revops_assets.invalidation.requests import request_affected
from revops_assets.invalidation.unwritten import hold, root_of, write_apart
from revops_assets.warehouse.resource import POOL, Warehouse
from revops_assets.warehouse.sql_files import SqlFile


def whole_table(dataset: Dataset) -> Made:
    """An asset that fills a table from its file."""
    table, file, deps = dataset.table, dataset.file, dataset.deps
    spec = spec_of(dataset)

    def write(warehouse: Warehouse, run_id: str, at: ReadAt, tenants: tuple[str, ...] | None) -> list[dict[str, Any]]:
        def once(connection: sa.Connection, window: Window, alone: bool) -> dict[str, Any]:
            check_columns(connection, file)
            with selecting(connection, file, window, alone) as select:
                return write_table(connection, file, at, window.tenants, reach_files().get(table), select)

        def explain(connection: sa.Connection, window: Window) -> list[Offence]:
            with selecting(connection, file, window, alone=True) as select:
                return find_offences(connection, file, select, at, window, None)

        with warehouse.transaction() as connection:
            waiting = hold(connection, run_id, table, deps, tenants, ())
            if waiting:
                tenants = tuple(name for name in tenants or all_tenants(connection) if name not in waiting)
        if tenants == ():
            return []
        return [told for _, told in write_apart(warehouse, run_id, [table], Window(tenants=tenants), once, explain)]

    def again(warehouse: Warehouse, run_id: str, at: ReadAt, tenant: str, days: list[date] | None) -> None:
        write(warehouse, run_id, at, (tenant,))

    @dg.multi_asset(name=table.replace(".", "__"), specs=[spec], pool=POOL)
    def run(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult:  # type: ignore[type-arg]
        with warehouse.transaction() as connection:
            at = resolve_read_at(context, connection)
        done = write(warehouse, root_of(context.run), at, tenants_of_run(context))
        with warehouse.transaction() as connection:
            about: dict[str, Any] = {**_together(done), **about_run(at, warehouse), **look(connection, file)}
        return dg.MaterializeResult(metadata=about)

    return Made(run, {table: again})


def _together(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """What several writes of a table tell, as one: the last one's count of rows, the sums of the rest."""
    if not parts:
        return {}
    total = {name: sum(part.get(name, 0) for part in parts) for part in parts for name in part}
    return total | {"dagster/row_count": parts[-1]["dagster/row_count"]}


def write_table(
    connection: sa.Connection,
    file: SqlFile,
    at: ReadAt,
    tenants: tuple[str, ...] | None,
    reach: str | None,
    select: str | None = None,
) -> dict[str, Any]:
    """Write a table that is built as a whole, all tenants' rows or some tenants'; returns what the run tells of it.

    `reach`: the query of the days that its rows matter to; those of changed rows are asked for in ops.rerun_requests.
    `select`: in place of the file's own.
    """
    window = Window(tenants=tenants)
    requested = 0
    if reach:
        written = replace_rows(connection, file, at, window, None, select)
        if written.inserted or written.deleted:
            requested = request_affected(connection, file.table, reach)
    else:
        written = replace_window(connection, file, at, window, select=select)
    note_table(connection, file.table, at, tenants or all_tenants(connection))
    connection.execute(sa.text(f"analyze {file.table}"))
    return {
        "dagster/row_count": connection.scalar(sa.text(f"select count(*) from {file.table}")),
        "rows_removed": written.deleted,
        "rows_written": written.inserted,
        "seconds": written.seconds,
        **({"days_requested": requested} if requested else {}),
    }
