"""Where each column of a dataset comes from: read from its SQL by sqlglot."""

from __future__ import annotations

import dagster as dg
import sqlalchemy as sa
from sqlglot import exp
from sqlglot.lineage import Node, lineage

from revops_assets.warehouse.sql_files import SqlFile

# Foreign schemas in the warehouse, and the source's schema that each of them is: the assets' names.
REMOTE = {"pipedrive_remote": "pipedrive_raw", "crm_remote": "crm", "history": "crm"}
# Views of the source that stand on a table of it.
STANDS_ON = {
    "closes_by_status": "opportunity_history",
    "opportunity_values": "opportunity_history",
    "lead_values": "lead_history",
}
# What belongs to the run or to the warehouse's own bookkeeping, and is no asset.
NO_ASSETS = ("pg_temp", "ops")

Columns = dict[str, dict[str, dict[str, str]]]  # schema -> table -> column -> type


def asset_of(schema: str, table: str) -> dg.AssetKey | None:
    """The asset that a relation in the warehouse is, or belongs to; None for what is no asset."""
    if schema in NO_ASSETS:
        return None
    if schema in REMOTE:
        return dg.AssetKey([REMOTE[schema], STANDS_ON.get(table, table.removesuffix("_versions"))])
    return dg.AssetKey([schema, table])


def column_lineage(connection: sa.Connection, file: SqlFile) -> dg.TableColumnLineage:
    """For each column of the dataset the columns of other assets that it is computed from."""
    place = (connection.engine.url, file.select)
    if place not in _origins:
        # Trimming would copy the tree for every column.
        nodes = lineage(None, file.select, _relations(connection), dialect="postgres", trim_selects=False)
        assert isinstance(nodes, dict)
        _origins[place] = {column: sorted(set(_leaves(node))) for column, node in nodes.items()}
    return dg.TableColumnLineage(
        {
            column: [dg.TableColumnDep(dg.AssetKey(list(key)), name) for key, name in origins]
            for column, origins in _origins[place].items()
        }
    )


def _relations(connection: sa.Connection) -> Columns:
    """Every relation's columns."""
    found: Columns = {}
    for schema, table, column in connection.execute(
        sa.text(
            "select c.relnamespace::regnamespace::text, c.relname, a.attname from pg_class as c"
            " inner join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped"
            " where c.relkind in ('r', 'v', 'f') and c.relnamespace not in ('pg_catalog'::regnamespace,"
            " 'information_schema'::regnamespace) and c.relpersistence <> 't'"
        )
    ):
        found.setdefault(schema, {}).setdefault(table, {})[column] = "text"
    return found


# By database and SQL: each is worked out once in a process.
_origins: dict[tuple[object, str], dict[str, list[tuple[tuple[str, ...], str]]]] = {}


def _leaves(node: Node) -> list[tuple[tuple[str, ...], str]]:
    found = []
    for leaf in node.walk():
        if not leaf.downstream and isinstance(leaf.source, exp.Table):
            key = asset_of(leaf.source.db, leaf.source.name)
            if key:
                found.append((tuple(key.path), leaf.name.rsplit(".", 1)[-1]))
    return found
