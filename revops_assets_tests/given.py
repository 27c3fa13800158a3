"""Given rows of what a dataset reads, the rows that its SELECT gives: no Dagster, no tables upstream, nothing written.

Each relation that the SELECT names is stood in for by a temporary table of the same columns, without constraints, that
holds the given rows only. Columns that are not given are null, but for the tenant and the day.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa

from revops_assets.catalogue import CATALOGUE
from revops_assets.datasets.ledger import RUN_DAYS
from revops_assets.settings import Settings
from revops_assets.warehouse import databases

SCHEMAS = "crm_remote|history|pipedrive|staging|enriched|analytics|dashboard|ai|reference"
NAMED = re.compile(rf"\b(({SCHEMAS})\.[a-z_0-9]+|ops\.stage_meanings)\b(?!\s*\()")
TENANT = "a"
LAID_OUT_DAYS = """
insert into run_days
select :tenant, day, ends_at, quarter, quarter_start, quarter_end, week_of_quarter, fiscal_year_start, weekday
from ops.calendar where day between :first and :last
"""
# Functions that read what a SELECT reads are stood in for, too.
FUNCTIONS = """
select proname, pg_get_functiondef(oid) from pg_proc
where pronamespace = 'ops'::regnamespace and prosrc ~ '\\mstaging\\.' and :select like '%ops.' || proname || '(%'
"""
# Rows, or a query that gives them.
Rows = Iterable[Mapping[str, Any]] | str


def table(names: str, *rows: Sequence[Any], **same: Any) -> list[dict[str, Any]]:
    """Rows as a table: table("rep_id amount", ("ann", 1), ("bob", 2), team_id="m"); `same` is so in all of them."""
    return [same | dict(zip(names.split(), row, strict=True)) for row in rows]


def selected(
    settings: Settings, table: str, columns: str, first: str, last: str = "", /, **given: Rows
) -> list[tuple[Any, ...]]:
    """Columns of the rows that a dataset's SELECT gives for the days, in their order.

    `given`: rows by table, staging__deal_days=[{...}] for staging.deal_days.
    """
    window = {"first": date.fromisoformat(first), "last": date.fromisoformat(last or first)}
    select = CATALOGUE[table].file.select
    named = sorted({match[0] for match in NAMED.findall(select)})
    tables = {name.replace("__", ".", 1): rows for name, rows in given.items()}
    assert tables.keys() <= set(named), f"{table} does not read {tables.keys() - set(named)}"
    with databases.engine(settings, "warehouse").connect() as connection:
        connection.execute(sa.text(RUN_DAYS))
        connection.execute(sa.text("truncate run_days"))
        connection.execute(sa.text(LAID_OUT_DAYS), {"tenant": TENANT, **window})
        connection.execute(sa.text("analyze run_days"))
        functions = dict(connection.execute(sa.text(FUNCTIONS), {"select": select}).all())
        stood_in: dict[str, str] = {}
        for name in named:
            stand_in = f"given__{name.replace('.', '__')}"
            connection.execute(sa.text(f"create temporary table {stand_in} as select * from {name} with no data"))
            rows = tables.get(name, ())
            if isinstance(rows, str):
                _fill(connection, stand_in, rows)
            else:
                for row in rows:
                    _insert(connection, stand_in, row, window["first"])
            stood_in[name] = f"pg_temp.{stand_in}"
        for function, body in functions.items():
            made = _renamed(body.replace(f"FUNCTION ops.{function}(", f"FUNCTION pg_temp.{function}("), stood_in)
            connection.exec_driver_sql(made)
            select = select.replace(f"ops.{function}(", f"pg_temp.{function}(")
        select = _renamed(select, stood_in)
        found = connection.execute(
            sa.text(f"select {columns} from (\n{select}\n) as q order by {columns}"),
            {"window_start": window["first"], "window_end": window["last"].fromordinal(window["last"].toordinal() + 1)},
        ).all()
        connection.rollback()
    return [tuple(row) for row in found]


def _renamed(text: str, stood_in: Mapping[str, str]) -> str:
    for name, stand_in in stood_in.items():
        text = re.sub(rf"\b{re.escape(name)}\b(?!\s*\()", stand_in, text)
    return text


def _insert(connection: sa.Connection, stand_in: str, row: Mapping[str, Any], day: date) -> None:
    there = set(
        connection.scalars(
            sa.text("select attname from pg_attribute where attrelid = to_regclass(:name) and attnum > 0"),
            {"name": f"pg_temp.{stand_in}"},
        )
    )
    assert row.keys() <= there, f"{stand_in} has no {row.keys() - there}"
    values = {name: value for name, value in {"tenant_id": TENANT, "snapshot_date": day}.items() if name in there}
    values |= row
    names: Sequence[str] = list(values)
    connection.execute(
        sa.text(f"insert into {stand_in} ({', '.join(names)}) values ({', '.join(':' + name for name in names)})"),
        values,
    )


def _fill(connection: sa.Connection, stand_in: str, query: str) -> None:
    names = ", ".join(connection.execute(sa.text(query)).keys())
    connection.execute(sa.text(f"insert into {stand_in} ({names}) {query}"))
    connection.execute(sa.text(f"analyze {stand_in}"))
