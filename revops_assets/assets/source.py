"""Tables of the source database, filled by `revops load`: where the graph begins."""

import dagster as dg

from revops_assets.loading.mapping import read_mapping
from revops_assets.sql_asset import OWNERS, asset_key


def raw_tables() -> list[dg.AssetSpec]:
    """Pipedrive's files as exported."""
    return [
        dg.AssetSpec(
            asset_key(f"pipedrive_raw.{key}"),
            group_name="pipedrive_raw",
            owners=OWNERS,
            kinds={"postgres", "csv"},
            description=f"{file.path} as exported, one row per line; earlier exports in pipedrive_raw.{key}_versions.",
            metadata={
                "dagster/table_name": f"pipedrive_raw.{key}",
                "dagster/column_schema": dg.TableSchema(
                    columns=[dg.TableColumn(name, "text", description=spec.type) for name, spec in file.fields.items()]
                ),
            },
        )
        for key, file in read_mapping("pipedrive").files.items()
    ]
