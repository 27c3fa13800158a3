"""Full refresh: a table that every run builds again, all tenants together or, where rows break that, each by itself."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from revops_assets.building.run import Run
from revops_assets.catalogue.dataset import Dataset
from revops_assets.datasets.ledger import note_table
from revops_assets.datasets.offences import Offence, find_offences
from revops_assets.datasets.replace import check_columns, renew_statistics, replace_rows, replace_window, selecting
from revops_assets.datasets.window import ReadAt, Window
from revops_assets.invalidation.rules import invalidation_rules
from revops_assets.invalidation.stale import mark_affected
from revops_assets.invalidation.unwritten import hold, write_apart
from revops_assets.warehouse.sql_files import SqlFile


def write_full_refresh(run: Run, dataset: Dataset) -> dict[str, Any]:
    """Write the table, but for tenants that must wait; returns what the run tells of it."""
    table, file, tenants = dataset.table, dataset.file, run.tenants

    def once(connection: sa.Connection, window: Window, alone: bool) -> dict[str, Any]:
        check_columns(connection, file)
        with selecting(connection, file, window, alone) as select:
            return write_table(connection, file, run.at, window.tenants, invalidation_rules().get(table), select)

    def explain(connection: sa.Connection, window: Window) -> list[Offence]:
        with selecting(connection, file, window, alone=True) as select:
            return find_offences(connection, file, select, run.at, window)

    with run.warehouse.transaction() as connection:
        waiting = hold(connection, run.run_id, table, dataset.deps, tenants, ())
        if waiting:
            tenants = tuple(name for name in tenants or run.at.tenants if name not in waiting)
    if tenants == ():
        return {}
    window = Window(tenants=tenants)
    return _together([told for _, told in write_apart(run.warehouse, run.run_id, [table], window, once, explain)])


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
    rule: str | None,
    select: str | None = None,
) -> dict[str, Any]:
    """Write a table by full refresh, all tenants' rows or some tenants'; returns what the run tells of it.

    `rule`: the query of the days that its rows matter to; those of changed rows are marked in ops.stale_partitions.
    `select`: in place of the file's own.
    """
    window = Window(tenants=tenants)
    requested = 0
    if rule:
        written = replace_rows(connection, file, at, window, select)
        if written.inserted or written.deleted:
            requested = mark_affected(connection, file.table, rule)
    else:
        written = replace_window(connection, file, at, window, select=select)
    note_table(connection, file.table, at, tenants or at.tenants)
    renew_statistics(connection, file, [written])
    return {
        "dagster/row_count": connection.scalar(sa.text(f"select count(*) from {file.table}")),
        "rows_removed": written.deleted,
        "rows_written": written.inserted,
        "seconds": written.seconds,
        **({"partitions_marked_stale": requested} if requested else {}),
    }
