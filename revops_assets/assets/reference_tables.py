"""Reference tables: small CSV files under sql/reference/ that people edit, as assets."""

import csv

import dagster as dg
from psycopg2 import sql

from revops_assets.assets.made import Made
from revops_assets.assets.run import resolve_read_at, tenants_of_run
from revops_assets.assets.spec import OWNERS, asset_key
from revops_assets.assets.whole import write_table
from revops_assets.datasets.dated_reference import Topic, effective
from revops_assets.invalidation.reach import dated_reach
from revops_assets.loading.copy import copy_rows
from revops_assets.settings import SQL_DIR
from revops_assets.warehouse.resource import POOL, Warehouse, driver_connection
from revops_assets.warehouse.sql_files import SqlFile


def reference_table(table: str, description: str) -> Made:
    """An asset that replaces a table by its file; a file that breaks the table's constraints changes nothing."""
    schema, name = table.split(".")
    path = SQL_DIR / "reference" / f"{name}.csv"
    spec = dg.AssetSpec(
        asset_key(table),
        description=description,
        group_name=schema,
        owners=OWNERS,
        kinds={"postgres", "csv", "table"},
        tags={"revops/layer": "reference", "revops/built": "whole"},
        metadata={"dagster/table_name": table},
    )

    @dg.multi_asset(name=table.replace(".", "__"), specs=[spec], pool=POOL)
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

    return Made(run)


def dated_reference_table(topic: Topic) -> Made:
    """An asset that fills reference.<topic> with what holds for each tenant and day, as known to the run."""
    table = f"reference.{topic.name}"
    spec = dg.AssetSpec(
        asset_key(table),
        deps=[asset_key("crm.loads")],
        description=f"What sql/reference/{topic.path.name} says, for each tenant and span of days.",
        group_name="reference",
        owners=OWNERS,
        kinds={"postgres", "csv", "table"},
        tags={"revops/layer": "reference", "revops/built": "whole"},
        metadata={"dagster/table_name": table},
    )

    @dg.multi_asset(name=table.replace(".", "__"), specs=[spec], pool=POOL)
    def run(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult:  # type: ignore[type-arg]
        names = ["tenant_id", "valid_from", "valid_to", "is_default", *topic.columns]
        with warehouse.transaction() as connection:
            at = resolve_read_at(context, connection)
            with driver_connection(connection).cursor() as cursor:
                select = effective(topic).as_string(cursor)
            file = SqlFile("reference", topic.name, topic.path, "", "", dict.fromkeys(names, ""), select)
            told = write_table(connection, file, at, tenants_of_run(context), dated_reach(table, topic.columns))
        return dg.MaterializeResult(
            metadata={
                **told, "known_as_of": at.known_as_of, "database": warehouse.database,
                "file": dg.MetadataValue.md(f"```\n{topic.path.read_text()}\n```"),
            }
        )  # fmt: skip

    return Made(run)
