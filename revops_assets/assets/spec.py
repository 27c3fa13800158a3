"""What the graph says of a dataset: from its file's header, its contract, and the file itself."""

import hashlib
import warnings
from datetime import timedelta
from functools import lru_cache

import dagster as dg

from revops_assets.catalogue import through_views
from revops_assets.catalogue.dataset import Dataset
from revops_assets.contracts.questions import in_markdown
from revops_assets.settings import PROJECT_ROOT, SQL_DIR
from revops_assets.warehouse.sql_files import Column, SqlFile

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
        description="\n\n".join(filter(None, (file.description, f"Grain: {file.grain}.", in_markdown(file)))),
        group_name=file.schema,
        code_version=_version(file),
        owners=OWNERS,
        kinds={"postgres", "sql", "view" if dataset.built == "view" else "table"},
        freshness_policy=DAY_OLD,
        tags={"revops/layer": file.schema, "revops/built": dataset.built},
        metadata={
            "dagster/table_name": file.table,
            "dagster/code_references": _code_reference(file),
            "sql_file": str(file.path.relative_to(PROJECT_ROOT)),
            "sql": dg.MetadataValue.md(f"```sql\n{file.select}\n```"),
            **({"dagster/column_schema": _columns(file)} if file.is_table else {}),
        },
    )


def _version(file: SqlFile) -> str:
    """Another one where its SQL is another, or that of any function of the databases."""
    text = file.path.read_text() + _functions()
    return hashlib.sha256(text.encode()).hexdigest()[:12]


@lru_cache
def _functions() -> str:
    return "".join(path.read_text() for path in sorted(SQL_DIR.glob("**/functions/*.sql")))


def _columns(file: SqlFile) -> dg.TableSchema:
    """The columns as the file's header has them."""
    return dg.TableSchema(columns=[column_of(column, column.type) for column in file.all_columns.values()])


def column_of(column: Column, type_name: str) -> dg.TableColumn:
    """A column as Dagster shows it."""
    constraints = dg.TableColumnConstraints(
        nullable=column.is_nullable, other=[column.allowed] if column.allowed else []
    )
    return dg.TableColumn(column.name, type_name, description=column.meaning, constraints=constraints)


def _code_reference(file: SqlFile) -> dg.CodeReferencesMetadataValue:
    """Where the UI links to: the SQL file. (The API is marked beta; the warning is no user's business.)"""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        reference = dg.LocalFileCodeReference(file_path=str(file.path), line_number=1, label=file.path.name)
        return dg.CodeReferencesMetadataValue(code_references=[reference])
