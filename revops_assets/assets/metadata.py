"""The made relation as a person would see it."""

from dataclasses import replace
from typing import Any

import dagster as dg
import pandas as pd
import sqlalchemy as sa

from revops_assets.assets.spec import column_of
from revops_assets.datasets.lineage import column_lineage
from revops_assets.warehouse.sql_files import SqlFile

PREVIEW_ROWS = 10


def look(connection: sa.Connection, file: SqlFile) -> dict[str, Any]:
    """The made relation as a person would see it: its columns, where they come from, its first rows."""
    types = connection.execute(
        sa.text(
            "select attname, format_type(atttypid, atttypmod), col_description(attrelid, attnum) from pg_attribute"
            " where attrelid = to_regclass(:name) and attnum > 0 and not attisdropped"
        ),
        {"name": file.table},
    )
    stored = {name: (type_name, said) for name, type_name, said in types}
    described = file.all_columns if file.is_table else file.columns
    rows = connection.execute(sa.text(f"select * from {file.table} limit {PREVIEW_ROWS}"))
    preview = pd.DataFrame(rows, columns=list(rows.keys()))
    # A comment says what the header says, or what people have said since (semantic.column_metadata).
    columns = [
        column_of(replace(column, meaning=stored[column.name][1] or column.meaning), stored[column.name][0])
        for column in described.values()
    ]
    return {
        "dagster/column_schema": dg.TableSchema(columns=columns),
        **({"dagster/column_lineage": column_lineage(connection, file)} if file.is_select else {}),
        "preview": dg.MetadataValue.md(preview.to_markdown(index=False)),
    }
