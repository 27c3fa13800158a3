"""What columns mean (semantic.column_metadata): typed or imported here, shown as comments and in the graph."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from revops_assets.datasets.csv_cell import csv_cell, from_csv_cell
from revops_assets.errors import NotFound, RevopsError
from revops_assets.registry.definition import fault_of
from revops_assets.registry.guard import SCHEMA, inputs

BASETYPES = ("STRING", "INTEGER", "NUMERIC", "FLOAT", "BOOLEAN", "DATE", "TIMESTAMP", "JSON")
# Base types of PostgreSQL's.
BY_TYPE = {
    "text": "STRING", "character varying": "STRING", "smallint": "INTEGER", "integer": "INTEGER", "bigint": "INTEGER",
    "real": "FLOAT", "double precision": "FLOAT", "boolean": "BOOLEAN", "date": "DATE", "jsonb": "JSON", "json": "JSON",
}  # fmt: skip
FIELDS = ("table_id", "column_name", "basetype", "description", "confidence", "source", "updated_at")
FILE_FIELDS = FIELDS[:5]
IMPORTED = "csv_import"
LONGEST = 10_000
# Of a relation that is read, not of the bookkeeping: each column with what is said of it, here or in a header.
COLUMNS = """
select n.nspname || '.' || r.relname as table_id, a.attname as column_name, m.basetype,
    coalesce(m.description, col_description(a.attrelid, a.attnum)) as description, m.confidence, m.source, m.updated_at,
    format_type(a.atttypid, a.atttypmod) as type
from pg_class as r
inner join pg_namespace as n on n.oid = r.relnamespace
inner join pg_attribute as a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
left join semantic.column_metadata as m on m.table_id = n.nspname || '.' || r.relname and m.column_name = a.attname
where r.relkind in ('r', 'v', 'm', 'f', 'p') and n.nspname <> 'ops' and n.nspname !~ '^(pg_|information_schema)'
    and n.nspname || '.' || r.relname = :table
order by a.attnum
"""
STORED = """
select table_id, column_name, basetype, description, confidence, source, updated_at
from semantic.column_metadata
where cast(:table as text) is null or table_id = :table
order by table_id, column_name
"""
# What a person said stands: the profiler fills in what nobody said.
PUT = """
insert into semantic.column_metadata as m (table_id, column_name, basetype, description, confidence, source)
values (:table_id, :column_name, :basetype, :description, :confidence, :source)
on conflict (table_id, column_name) do update
set basetype = coalesce(excluded.basetype, m.basetype), description = coalesce(excluded.description, m.description),
    confidence = excluded.confidence, source = excluded.source, updated_at = clock_timestamp()
where (m.confidence = 'profiler' or excluded.confidence = 'manual')
    and (coalesce(excluded.basetype, m.basetype), coalesce(excluded.description, m.description), excluded.confidence)
        is distinct from (m.basetype, m.description, m.confidence)
"""


@dataclass(frozen=True)
class Column:
    """What is said of a column; `type`: PostgreSQL's, where it was asked for with its table."""

    table_id: str
    column_name: str
    basetype: str | None
    description: str | None
    confidence: str | None
    source: str | None
    updated_at: datetime | None
    type: str | None = None

    @property
    def data(self) -> dict[str, Any]:
        """As plain data, the same from the command line and the API."""
        told = {name: getattr(self, name) for name in FIELDS}
        return told | {"updated_at": self.updated_at and self.updated_at.isoformat(), "type": self.type}


def basetype_of(type_name: str) -> str:
    """The base type of one of PostgreSQL's types."""
    if type_name.startswith("numeric"):
        return "NUMERIC"
    return "TIMESTAMP" if type_name.startswith("timestamp") else BY_TYPE.get(type_name, "STRING")


def stored(connection: sa.Connection, table: str | None = None) -> list[Column]:
    """Everything that was said, or what was said of one table's columns."""
    return [Column(*row) for row in connection.execute(sa.text(STORED), {"table": table})]


def columns_of(connection: sa.Connection, table: str) -> list[Column]:
    """Every column of a table, with what is said of it here or in its header; NotFound."""
    found = [Column(*row) for row in connection.execute(sa.text(COLUMNS), {"table": table})]
    if not found:
        raise NotFound(f"the warehouse has no table {table!r}: it is named schema.table")
    return found


def input_columns(connection: sa.Connection) -> dict[str, list[Column]]:
    """The columns of every table that metrics may read, with their base types."""
    return {
        name: [
            replace(one, basetype=one.basetype or basetype_of(one.type or ""))
            for one in columns_of(connection, f"{SCHEMA}.{name}")
        ]
        for name in sorted(inputs())
    }


def set_column(
    connection: sa.Connection,
    table: str,
    column: str,
    description: str | None = None,
    basetype: str | None = None,
    confidence: str = "manual",
    source: str = "manual",
) -> bool:
    """Say what a column means, or of which type it is; whether that was new. NotFound, RevopsError."""
    if column not in {one.column_name for one in columns_of(connection, table)}:
        raise NotFound(f"{table} has no column {column!r}")
    basetype = basetype.upper() if basetype else None
    if basetype not in (None, *BASETYPES):
        raise RevopsError(f"{table}.{column}: basetype {basetype!r} is none of {', '.join(BASETYPES)}")
    description = description.strip() if description else None
    if not description and not basetype:
        raise RevopsError(f"{table}.{column}: neither a description nor a basetype")
    if description and (fault := fault_of(description)):
        raise RevopsError(f"{table}.{column}: {fault}")
    if description and len(description) > LONGEST:
        raise RevopsError(f"{table}.{column}: a description has at most {LONGEST:,} characters")
    if confidence not in ("manual", "profiler"):
        raise RevopsError(f"{table}.{column}: confidence {confidence!r} is neither manual nor profiler")
    written = connection.execute(
        sa.text(PUT),
        {
            "table_id": table, "column_name": column, "basetype": basetype, "description": description,
            "confidence": confidence, "source": source,
        },
    )  # fmt: skip
    if written.rowcount:
        push(connection, table)
    return bool(written.rowcount)


def push(connection: sa.Connection, table: str | None = None) -> int:
    """Put what was said into PostgreSQL's comments; of how many columns."""
    return int(connection.scalar(sa.text("select semantic.push_comments(:table)"), {"table": table}) or 0)


@dataclass
class Imported:
    """What an import did: columns that were written, that read as before, and lines that say nothing clear."""

    written: int = 0
    unchanged: int = 0
    failures: list[str] = field(default_factory=list)


def import_csv(connection: sa.Connection, path: Path) -> Imported:
    """Write what a CSV file says (table_id, column_name, basetype, description, confidence); a line that cannot be is
    named and left out. The caller's transaction commits."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise RevopsError(f"{path}: {error}") from None
    if "\0" in text:
        raise RevopsError(f"{path}: holds a NUL character")
    lines = csv.DictReader(io.StringIO(text), restkey="more", restval="", strict=True)
    given = set(lines.fieldnames or ())
    if len(given) < len(lines.fieldnames or ()):
        raise RevopsError(f"{path} line 1: a column stands twice")
    if not {"table_id", "column_name"} <= given <= set(FIELDS):
        raise RevopsError(
            f"{path} line 1: the columns are {', '.join(FILE_FIELDS)}; there are {', '.join(sorted(given))}"
        )
    done = Imported()
    try:
        for line in lines:
            try:
                if "more" in line:
                    raise RevopsError("more values than columns")
                written = set_column(
                    connection, line["table_id"], line["column_name"], _described(line), line.get("basetype"),
                    line.get("confidence") or "manual", IMPORTED,
                )  # fmt: skip
            except RevopsError as error:
                done.failures.append(f"{path} line {lines.line_num}: {error}")
            else:
                done.written += written
                done.unchanged += not written
    except csv.Error as error:
        raise RevopsError(f"{path} line {lines.line_num}: {error}") from None
    return done


def _described(line: dict[str, str]) -> str | None:
    text = line.get("description")
    return text if text is None else from_csv_cell(text)


def export_csv(connection: sa.Connection, path: Path) -> int:
    """Write everything that was said as a CSV file that import reads; of how many columns."""
    found = stored(connection)
    with path.open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(FILE_FIELDS)
        lines.writerows([csv_cell(getattr(one, name) or "") for name in FILE_FIELDS] for one in found)
    return len(found)
