"""The guard of a write: rows that break their contract are named, and the write's transaction fails."""

from __future__ import annotations

from itertools import chain

import sqlalchemy as sa

from revops_assets.datasets.offences import SHOWN, Offence, RowsRefused
from revops_assets.datasets.window import Window
from revops_assets.warehouse.sql_files import Rule, SqlFile


def keep_contract(connection: sa.Connection, file: SqlFile, window: Window) -> None:
    """RowsRefused names dataset, key, column and value of the first rows of the window that break the contract."""
    missing = (
        Rule(column.name, "is missing", f"{column.name} is not null")
        for column in file.columns.values()
        if not column.is_nullable
    )
    rules = list(chain(missing, file.rules()))
    keys = ", ".join(file.key)
    holds = ",\n".join(f"({rule.condition})" for rule in rules)
    values = ", ".join(f"{rule.column}::text" for rule in rules)
    # Rules may compare a row with others of the window, so that they are asked before rows are left out.
    rows = connection.execute(
        sa.text(
            f"select {keys}, c.number, c.value from (\n"
            f"select {keys}, array[\n{holds}] as holds, array[{values}] as values\n"
            f"from {file.table} as d where {window.condition('d')}) as d\n"
            "cross join lateral unnest(d.holds, d.values) with ordinality as c (holds, value, number)\n"
            f"where not c.holds order by {keys}, c.number limit {SHOWN}"
        ),
        window.params,
    ).all()
    found = [_offence(file, row[:-2], rules[row[-2] - 1], row[-1]) for row in rows]
    if found:
        told = "; ".join(map(str, found))
        raise RowsRefused(f"{file.table} breaks its contract, nothing was written: {told}", found)


def _offence(file: SqlFile, key: tuple[object, ...], rule: Rule, value: str | None) -> Offence:
    where = {name: str(part) for name, part in zip(file.key, key, strict=True)}
    return Offence(file.table, where, rule.column, value, rule.fault)
