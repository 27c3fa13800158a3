"""The made relation as a person would see it."""

from dataclasses import replace
from datetime import date
from typing import Any

import dagster as dg
import sqlalchemy as sa
from tabulate import tabulate

from revops_assets.assets.spec import column_of
from revops_assets.datasets.lineage import column_lineage
from revops_assets.datasets.shown import shown
from revops_assets.warehouse.sql_files import SqlFile

PREVIEW_ROWS = 10
LONGEST = 200


def look(connection: sa.Connection, file: SqlFile, day: date | None = None) -> dict[str, Any]:
    """The made relation as a person would see it: its columns, where they come from, its first rows, of a day."""
    types = connection.execute(
        sa.text(
            "select attname, format_type(atttypid, atttypmod), col_description(attrelid, attnum) from pg_attribute"
            " where attrelid = to_regclass(:name) and attnum > 0 and not attisdropped"
        ),
        {"name": file.table},
    )
    stored = {name: (type_name, said) for name, type_name, said in types}
    described = file.all_columns if file.is_table else file.columns
    # A comment says what the header says, or what people have said since (semantic.column_metadata).
    columns = [
        column_of(replace(column, meaning=stored[column.name][1] or column.meaning), stored[column.name][0])
        for column in described.values()
    ]
    return {
        "preview": _preview(connection, file, day),
        "dagster/column_schema": dg.TableSchema(columns=columns),
        **({"dagster/column_lineage": column_lineage(connection, file)} if file.is_select else {}),
    }


def _preview(connection: sa.Connection, file: SqlFile, day: date | None) -> dg.MetadataValue:
    """The first rows in the order that the file's header names; else groups of all before their parts, by key."""
    wholes = [f"d.{name} <> 'All'" for name in ("team_filter", "segment", "region") if name in file.columns]
    order = [*([file.preview_order] if file.preview_order else []), *wholes, *(f"d.{name}" for name in file.key)]
    on = next((name for name in ("snapshot_date", "metric_date") if name in file.columns), None) if day else None
    statement = (
        f"select * from {file.table} as d{f' where d.{on} = :day' if on else ''}"
        f"{' order by ' + ', '.join(order) if order else ''} limit {PREVIEW_ROWS}"
    )
    rows = connection.execute(sa.text(statement), {"day": day} if on else {})
    texts = [[" ".join(shown(value).split())[:LONGEST].replace("|", "/") for value in row] for row in rows]
    return dg.MetadataValue.md(tabulate(texts, list(rows.keys()), tablefmt="pipe", disable_numparse=True))
