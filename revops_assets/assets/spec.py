"""What the graph says of a dataset: from its file's header, its contract, and the file itself."""

import warnings
from datetime import timedelta

import dagster as dg

from revops_assets.catalogue import through_views
from revops_assets.catalogue.dataset import Dataset
from revops_assets.contracts import BY_DATASET
from revops_assets.settings import PROJECT_ROOT
from revops_assets.warehouse.sql_files import SqlFile, columns_after

OWNERS = ["team:revops"]


# The daily run builds everything. That the newest day is there, not only some day, is a check: dashboard_kpis__fresh.
DAY_OLD = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=36), warn_window=timedelta(hours=26))


def asset_key(table: str) -> dg.AssetKey:
    """'schema.table' as an asset key."""
    return dg.AssetKey(table.split("."))


def spec_of(dataset: Dataset) -> dg.AssetSpec:
    """What the graph says of a dataset: from its file's header, and the file itself."""
    file = dataset.file
    return dg.AssetSpec(
        asset_key(file.table),
        # Dagster 1.13 does not order steps through virtual assets: what views read is read, too.
        deps=[asset_key(dep) for dep in sorted(through_views(frozenset(dataset.read)))],
        description=f"{file.description}\n\nGrain: {file.grain}.",
        group_name=file.schema,
        owners=OWNERS,
        kinds={"postgres", "sql", "view" if dataset.built == "view" else "table"},
        freshness_policy=DAY_OLD,
        tags={"revops/layer": file.schema, "revops/built": dataset.built},
        metadata={
            "dagster/table_name": file.table,
            "dagster/code_references": _code_reference(file),
            "sql_file": str(file.path.relative_to(PROJECT_ROOT)),
            "sql": dg.MetadataValue.md(f"```sql\n{file.select}\n```"),
            **({"dagster/column_schema": _contracted(file)} if dataset.contract else {}),
        },
    )


def _contracted(file: SqlFile) -> dg.TableSchema:
    """The columns as the dataset's contract has them."""
    told = file.columns | columns_after(file)
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                column.name,
                column.type_name,
                description=told[column.name],
                constraints=dg.TableColumnConstraints(nullable=column.is_nullable, other=one_of(file, column.name)),
            )
            for column in BY_DATASET[file.table].columns().values()
        ]
    )


def one_of(file: SqlFile, column: str) -> list[str]:
    """A constraint in words: the values that the dataset's contract allows, if it names some."""
    contract = BY_DATASET.get(file.table)
    values = contract.columns()[column].values if contract else ()
    return [f"one of {', '.join(values)}"] if values else []


def _code_reference(file: SqlFile) -> dg.CodeReferencesMetadataValue:
    """Where the UI links to: the SQL file. (The API is marked beta; the warning is no user's business.)"""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        reference = dg.LocalFileCodeReference(file_path=str(file.path), line_number=1, label=file.path.name)
        return dg.CodeReferencesMetadataValue(code_references=[reference])
