"""Values that a dataset cannot hold: which they are, and which errors they are the cause of."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from revops_assets.datasets.window import ReadAt, Window, set_transaction_time
from revops_assets.errors import RevopsError
from revops_assets.warehouse.sql_files import SqlFile

SHOWN = 3
# SQLSTATE classes of errors that rows cause: cardinality, data exception, constraint, program limit. Not among them:
# what a function says of its arguments.
OF_ROWS = ("21", "22", "23", "54")
OF_ARGUMENTS = "22023"
# Bytes of a text that a B-tree entry holds for certain.
LONGEST_KEY = 2600
NUMERIC = re.compile(r"numeric\((\d+), (\d+)\)")


@dataclass(frozen=True)
class Offence:
    """A value that cannot stay, its dataset and the key of its row, and what is wrong with it."""

    dataset: str
    key: dict[str, str]
    column: str
    value: str | None
    meaning: str

    def __str__(self) -> str:
        where = ", ".join(f"{name} {_short(part)}" for name, part in self.key.items())
        return f"{where}: {self.column} {'null' if self.value is None else repr(_short(self.value))} {self.meaning}"


class RowsRefused(RevopsError):
    """Rows that a dataset cannot hold: the write's transaction fails, the earlier rows stay."""

    def __init__(self, message: str, offences: Sequence[Offence] = ()) -> None:
        super().__init__(message)
        self.offences = tuple(offences)


def is_of_rows(error: Exception) -> bool:
    """Whether an error is due to what was to be written, not to the statement, the server or the connection."""
    if isinstance(error, sa.exc.DBAPIError):
        code = str(getattr(error.orig, "pgcode", None) or "")
        return code[:2] in OF_ROWS and code != OF_ARGUMENTS
    return isinstance(error, RowsRefused)


def in_words(error: Exception) -> str:
    """What an error of rows says, on one line."""
    if isinstance(error, sa.exc.DBAPIError):
        found = getattr(error.orig, "diag", None)
        return " ".join(str(getattr(found, "message_primary", None) or error.orig).split())
    return " ".join(str(error).split())


def find_offences(connection: sa.Connection, file: SqlFile, select: str, at: ReadAt, window: Window) -> list[Offence]:
    """The first rows of `select` within the window that the file's table cannot hold: values missing, out of their
    type's or a CHECK's range, too long for an index, keys that stand twice."""
    set_transaction_time(connection, at)
    connection.execute(sa.text("drop table if exists pg_temp.refused_rows"))
    columns = ", ".join(f"q.{name}" for name in file.columns)
    connection.execute(
        sa.text(
            f"create temporary table refused_rows on commit drop as select {columns}"
            f" from (\n{select}\n) as q where {window.condition('q')}"
        ),
        window.params,
    )
    has_key = [name for name in file.key if name in file.columns]
    key = has_key or [name for name in file.columns if name.endswith("_id")]
    shown = ", ".join(f"d.{name}::text" for name in key)
    found: list[Offence] = []
    for rules in (_rules(file, key), _other_constraints(connection, file)):
        for column, wrong, meaning in () if found else rules:
            rows = connection.execute(
                sa.text(
                    f"select d.{column}::text as value, {shown or 'null'} from refused_rows as d where {wrong}"
                    f" order by {', '.join('d.' + name for name in key) or '1'} limit {SHOWN}"
                )
            )
            found += [
                Offence(file.table, dict(zip(key, row[1:], strict=False)), column, row[0], meaning) for row in rows
            ]
    if has_key:
        names = ", ".join(f"d.{name}" for name in key)
        rows = connection.execute(
            sa.text(
                f"select count(*), {shown} from refused_rows as d group by {names} having count(*) > 1 limit {SHOWN}"
            )
        )
        found += [
            Offence(file.table, dict(zip(key, row[1:], strict=True)), key[-1], row[-1], f"stands {row[0]} times")
            for row in rows
        ]
    return found[:SHOWN]


def _rules(file: SqlFile, key: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """(column, condition on `d` that is true of a wrong row, what is then wrong)."""
    for name, column in file.columns.items():
        if not column.is_nullable:
            yield name, f"d.{name} is null", "is missing"
        if digits := NUMERIC.fullmatch(column.type):
            precision, scale = map(int, digits.groups())
            yield (
                name,
                f"abs(round(d.{name}, {scale})) >= 1e{precision - scale} and d.{name} <> 'NaN'",
                f"does not fit {column.type}",
            )
        if column.type == "text" and name in key:
            yield name, f"octet_length(d.{name}) > {LONGEST_KEY}", "is too long for a key"
    for rule in () if file.has_contract else file.rules():  # contracts have a guard of their own
        yield rule.column, f"({rule.condition}) is false", rule.fault


def _other_constraints(connection: sa.Connection, file: SqlFile) -> Iterator[tuple[str, str, str]]:
    """CHECK constraints as they stand in the database, where the file says nothing of what is wrong: somebody's own."""
    checks = connection.execute(
        sa.text(
            "select a.attname, pg_get_expr(c.conbin, c.conrelid) from pg_constraint as c"
            " cross join lateral (select min(k.attnum) as attnum from unnest(c.conkey) as k (attnum)) as k"
            " inner join pg_attribute as a on a.attrelid = c.conrelid and a.attnum = k.attnum"
            " where c.conrelid = to_regclass(:name) and c.contype = 'c' order by c.conname"
        ),
        {"name": file.table},
    )
    for name, expression in checks:
        if name in file.columns:
            yield name, f"({expression}) is false", f"breaks the rule {expression}"


def _short(value: str) -> str:
    return value if len(value) <= 80 else value[:80] + "…"
