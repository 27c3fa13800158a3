"""The made relation as a person would see it."""

from typing import Any

import dagster as dg
import pandas as pd
import sqlalchemy as sa

from revops_assets.assets.spec import one_of
from revops_assets.datasets.lineage import column_lineage
from revops_assets.warehouse.sql_files import SqlFile, columns_after

PREVIEW_ROWS = 10


def look(connection: sa.Connection, file: SqlFile) -> dict[str, Any]:
    """The made relation as a person would see it: its columns, where they come from, its first rows."""
    types = connection.execute(
        sa.text(
            "select attname, format_type(atttypid, atttypmod), not attnotnull, col_description(attrelid, attnum)"
            " from pg_attribute where attrelid = to_regclass(:name) and attnum > 0 and not attisdropped"
            " order by attnum"
        ),
        {"name": file.table},
    ).all()
    rows = connection.execute(sa.text(f"select * from {file.table} limit {PREVIEW_ROWS}"))
    preview = pd.DataFrame(rows, columns=list(rows.keys()))
    columns = [
        dg.TableColumn(
            name,
            column_type,
            description=(file.columns | columns_after(file)).get(name) or comment,
            constraints=dg.TableColumnConstraints(nullable=nullable, other=one_of(file, name)),
        )
        for name, column_type, nullable, comment in types
    ]
    return {
        "dagster/column_schema": dg.TableSchema(columns=columns),
        **({"dagster/column_lineage": column_lineage(connection, file)} if file.is_select else {}),
        "preview": dg.MetadataValue.md(preview.to_markdown(index=False)),
    }
