"""An asset for each reference file under sql/reference."""

import dagster as dg

from revops_assets.assets.run import run_of
from revops_assets.assets.spec import OWNERS, asset_key
from revops_assets.building.reference import write_dated, write_file
from revops_assets.datasets.dated_reference import Topic
from revops_assets.warehouse.resource import POOL, Warehouse


def reference_table(table: str, description: str) -> dg.AssetsDefinition:
    """An asset that replaces a table by its file."""
    schema, _ = table.split(".")
    spec = dg.AssetSpec(
        asset_key(table),
        description=description,
        group_name=schema,
        owners=OWNERS,
        kinds={"postgres", "csv", "table"},
        tags={"revops/layer": "reference", "revops/built": "full_refresh"},
        metadata={"dagster/table_name": table},
    )

    @dg.multi_asset(name=table.replace(".", "__"), specs=[spec], pool=POOL)
    def run(warehouse: Warehouse) -> dg.MaterializeResult:  # type: ignore[type-arg]
        with warehouse.transaction() as connection:
            count, (header, *rows) = write_file(connection, table)
        preview = "\n".join(f"| {' | '.join(row)} |" for row in [header, ["---"] * len(header), *rows])
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": count,
                "database": warehouse.database,
                "preview": dg.MetadataValue.md(preview),
            }
        )

    return run


def dated_reference_table(topic: Topic) -> dg.AssetsDefinition:
    """An asset that fills reference.<topic>."""
    table = f"reference.{topic.name}"
    spec = dg.AssetSpec(
        asset_key(table),
        deps=[asset_key("crm.loads")],
        description=f"What sql/reference/{topic.path.name} says, for each tenant and span of days.",
        group_name="reference",
        owners=OWNERS,
        kinds={"postgres", "csv", "table"},
        tags={"revops/layer": "reference", "revops/built": "full_refresh"},
        metadata={"dagster/table_name": table},
    )

    @dg.multi_asset(name=table.replace(".", "__"), specs=[spec], pool=POOL)
    def run(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult:  # type: ignore[type-arg]
        found = run_of(context, warehouse)
        return dg.MaterializeResult(
            metadata={
                **write_dated(found, topic), "known_as_of": found.at.known_as_of, "database": warehouse.database,
                "file": dg.MetadataValue.md(f"```\n{topic.path.read_text()}\n```"),
            }
        )  # fmt: skip

    return run
