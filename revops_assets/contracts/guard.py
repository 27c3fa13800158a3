"""The guard of a write: rows that break their contract are named, and the write's transaction fails."""

from __future__ import annotations

import sqlalchemy as sa

from revops_assets.contracts import BY_DATASET
from revops_assets.contracts.contract import Contract
from revops_assets.datasets.offences import SHOWN, Offence, RowsRefused
from revops_assets.datasets.window import Window
from revops_assets.errors import RevopsError
from revops_assets.warehouse.sql_files import SqlFile


def keep_contract(connection: sa.Connection, file: SqlFile, window: Window) -> None:
    """RowsRefused names dataset, key, column and value of the first rows of the window that break the contract."""
    contract = BY_DATASET[file.table]
    _types(connection, contract)
    rules = list(contract.conditions())
    checks = ",\n".join(f"({number}, d.{rule.column}::text, ({rule.condition}))" for number, rule in enumerate(rules))
    keys = ", ".join(f"d.{name}" for name in contract.key)
    rows = connection.execute(
        sa.text(
            f"select {keys}, c.number, c.value from {file.table} as d cross join lateral (values\n{checks}) as c (number, value, holds)"
            f" where {window.condition('d')} and c.holds is not true order by {keys}, c.number limit {SHOWN}"
        ),
        window.params,
    ).all()
    found = [
        _named(contract, row[: len(contract.key)], rules[row[-2]].column, row[-1], rules[row[-2]].meaning)
        for row in rows
    ]
    for rule in contract.sets:
        source = f"(select * from {file.table} as d where {window.condition('d')}) as w"
        rows = connection.execute(sa.text(f"{rule.offending.format(window=source)} limit {SHOWN}"), window.params).all()
        found += [_named(contract, row[: len(contract.key)], rule.column, row[-1], rule.meaning) for row in rows]
    if found:
        told = "; ".join(map(str, found[:SHOWN]))
        raise RowsRefused(f"{file.table} breaks its contract, nothing was written: {told}", found[:SHOWN])


def _named(
    contract: type[Contract],
    key: sa.Row | tuple[object, ...],  # type: ignore[type-arg]
    column: str,
    value: object,
    meaning: str,
) -> Offence:
    where = {name: str(part) for name, part in zip(contract.key, key, strict=True) if part is not None}
    return Offence(contract.dataset, where, column, None if value is None else str(value), meaning)


def _types(connection: sa.Connection, contract: type[Contract]) -> None:
    """The table's columns are those of the contract, each of a type that fits."""
    rows = connection.execute(
        sa.text(
            "select attname, format_type(atttypid, null) from pg_attribute"
            " where attrelid = to_regclass(:name) and attnum > 0 and not attisdropped"
        ),
        {"name": contract.dataset},
    )
    present = {name: kind for name, kind in rows}
    for column in contract.columns().values():
        if present.pop(column.name, None) not in column.stored_as:
            raise RevopsError(f"{contract.dataset}.{column.name} is not stored as {' or '.join(column.stored_as)}")
    if present:
        raise RevopsError(f"{contract.dataset} has columns that its contract does not know: {', '.join(present)}")
