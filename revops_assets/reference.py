"""Reference tables: small CSV files under sql/reference/ that people edit, as assets."""

import csv

import dagster as dg
from psycopg2 import sql

from revops_assets.loading.copy import copy_rows
from revops_assets.resources import Warehouse, driver_connection
from revops_assets.settings import SQL_DIR
from revops_assets.sql_asset import OWNERS, asset_key


def reference_table(table: str, description: str) -> dg.AssetsDefinition:
    """An asset that replaces a table by its file; a file that breaks the table's constraints changes nothing."""
    schema, name = table.split(".")
    path = SQL_DIR / "reference" / f"{name}.csv"
    spec = dg.AssetSpec(
        asset_key(table),
        description=description,
        group_name=schema,
        owners=OWNERS,
        kinds={"postgres", "csv", "table"},
        metadata={"dagster/table_name": table},
    )

    @dg.multi_asset(name=table.replace(".", "__"), specs=[spec])
    def run(warehouse: Warehouse) -> dg.MaterializeResult:  # type: ignore[type-arg]
        with path.open(newline="", encoding="utf-8") as handle:
            header, *rows = csv.reader(handle)
        table_id = sql.Identifier(schema, name)
        columns = sql.SQL(", ").join(map(sql.Identifier, header))
        with warehouse.transaction() as connection, driver_connection(connection).cursor() as cursor:
            cursor.execute(sql.SQL("delete from {}").format(table_id))
            count = copy_rows(cursor, sql.SQL("{} ({})").format(table_id, columns), rows)
        preview = "\n".join(f"| {' | '.join(row)} |" for row in [header, ["---"] * len(header), *rows])
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": count,
                "database": warehouse.database,
                "preview": dg.MetadataValue.md(preview),
            }
        )

    return run
