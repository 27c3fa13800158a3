"""Datasets' tables, laid down as their files' headers say.

A table that is not there is created, a column that a release adds is added, and what was built without it becomes
stale. Anything else that differs is a migration's to change: only that can say what becomes of the rows.
"""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from revops_assets.errors import RevopsError
from revops_assets.warehouse.sql_files import Column, SqlFile, dataset_files, table_functions

# Types by the names that headers use: as PostgreSQL names them.
FULL_NAMES = {"int": "integer", "float8": "double precision", "timestamptz": "timestamp with time zone"}
COLUMNS = """
select a.attrelid::regclass::text as relation, a.attname, format_type(a.atttypid, a.atttypmod) as type, a.attnotnull
from pg_attribute as a
inner join pg_class as c on a.attrelid = c.oid and c.relkind = 'r'
where a.attrelid = any(select to_regclass(name) from unnest(cast(:names as text[])) as name)
    and a.attnum > 0 and not a.attisdropped
order by a.attrelid, a.attnum
"""
# What was built without it: the days of the dataset itself, or, of a new one, every day that is there.
MARK_STALE = """
insert into ops.stale_partitions (dataset, tenant_id, snapshot_date, reason)
select distinct :dataset, tenant_id, snapshot_date, :reason
from ops.partition_ledger
where dataset = :dataset or :is_new
on conflict (dataset, tenant_id, snapshot_date) do nothing
"""


def create_tables(connection: sa.Connection) -> None:
    """Bring every dataset's table in line with its header; RevopsError names what only a migration can change."""
    files = [file for file in (dataset_files() | table_functions()).values() if file.is_table]
    present: dict[str, dict[str, tuple[str, bool]]] = {}
    rows = connection.execute(sa.text(COLUMNS), {"names": [file.table for file in files]})
    for relation, name, type_name, is_required in rows:
        present.setdefault(relation, {})[name] = (type_name, is_required)
    for file in files:
        if file.table not in present:
            for statement in _statements(file):
                connection.exec_driver_sql(statement.replace("%", "%%"))
            _mark_stale(connection, file, "a new dataset", is_new=True)
            continue
        columns = present[file.table]
        if added := [column for column in file.all_columns.values() if column.name not in columns]:
            _add(connection, file, added)
        differing = [
            f"{name} is stored as {_stored(*columns[name])}, its file says {_stored(*wanted)}"
            for name, wanted in ((c.name, (full_name(c.type), not c.is_nullable)) for c in file.all_columns.values())
            if name in columns and columns[name] != wanted
        ]
        differing += [f"{name} is no longer in its file" for name in columns if name not in file.all_columns]
        if differing:
            raise RevopsError(
                f"{file.table}: {'; '.join(differing)}. Only a migration (sql/0_schema/warehouse/migrations) can say"
                " what becomes of the rows"
            )


def _statements(file: SqlFile) -> Iterator[str]:
    """The table, its constraints and its indexes. Contracts are kept by the guard, which says what is wrong."""
    parts = [f"{c.name} {c.type}{'' if c.is_nullable else ' not null'}" for c in file.all_columns.values()]
    parts += [f"primary key ({', '.join(file.key)})"] if file.key else []
    parts += [f"unique ({columns})" for columns in file.uniques]
    if not file.has_contract:
        parts += [f"check ({rule.condition})" for rule in file.rules()]
    yield f"create table {file.table} (\n    " + ",\n    ".join(parts) + "\n)"
    for index in file.indexes:
        yield f"create index on {file.table} {index}"


def _add(connection: sa.Connection, file: SqlFile, columns: list[Column]) -> None:
    for column in columns:
        if not column.is_nullable and connection.scalar(sa.text(f"select exists (select from {file.table})")):
            raise RevopsError(
                f"{file.table}: {column.name} is new and must not be null, but there are rows. Only a migration"
                " (sql/0_schema/warehouse/migrations) can say what it is in them"
            )
        required = "" if column.is_nullable else " not null"
        connection.exec_driver_sql(f"alter table {file.table} add column {column.name} {column.type}{required}")
    _mark_stale(connection, file, "a new column", is_new=False)


def _mark_stale(connection: sa.Connection, file: SqlFile, reason: str, is_new: bool) -> None:
    if "snapshot_date" in file.key:
        values = {"dataset": file.table, "reason": reason, "is_new": is_new}
        connection.execute(sa.text(MARK_STALE), values)


def full_name(type_name: str) -> str:
    """A header's type as PostgreSQL names it."""
    base, bracket, rest = type_name.replace(", ", ",").partition("(")
    is_array = base.endswith("[]")
    base = base.removesuffix("[]")
    return FULL_NAMES.get(base, base) + ("[]" if is_array else "") + bracket + rest


def _stored(type_name: str, is_required: bool) -> str:
    return type_name + (" not null" if is_required else "")
