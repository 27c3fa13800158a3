"""Where each column of a dataset comes from: read from its SQL by sqlglot."""

from __future__ import annotations

import hashlib
import json
import os
from importlib.metadata import version
from pathlib import Path

import dagster as dg
import sqlalchemy as sa
from sqlglot import exp
from sqlglot.lineage import Node, lineage

from revops_assets.settings import get_settings
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

# By column the columns that it comes from: key of the asset, name.
Origins = dict[str, list[tuple[tuple[str, ...], str]]]
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
        _origins[place] = _kept(file.select, *_relations(connection))
    return dg.TableColumnLineage(
        {
            column: [dg.TableColumnDep(dg.AssetKey(list(key)), name) for key, name in origins]
            for column, origins in _origins[place].items()
        }
    )


def _kept(select: str, relations: Columns, text: str) -> Origins:
    """What was worked out before of this SELECT, from these relations, by this code; else it is, and kept for the
    processes to come: of all datasets it takes seconds."""
    given = (version("sqlglot"), Path(__file__).read_text(), select, text)
    path = get_settings().home / "lineage" / f"{hashlib.sha256(chr(0).join(given).encode()).hexdigest()}.json"
    if path.is_file():
        return {
            column: [(tuple(key), name) for key, name in found]
            for column, found in json.loads(path.read_text()).items()
        }
    # Trimming would copy the tree for every column.
    nodes = lineage(None, select, relations, dialect="postgres", trim_selects=False)
    assert isinstance(nodes, dict)
    origins = {column: sorted(set(_leaves(node))) for column, node in nodes.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(f".{os.getpid()}")
    fresh.write_text(json.dumps(origins))
    fresh.replace(path)
    return origins


def _relations(connection: sa.Connection) -> tuple[Columns, str]:
    """Every relation's columns, and the same as a text; read once in a process."""
    if connection.engine.url in _known:
        return _known[connection.engine.url]
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
    _known[connection.engine.url] = found, json.dumps(found, sort_keys=True)
    return _known[connection.engine.url]


# By database and SQL: each is worked out once in a process.
_origins: dict[tuple[object, str], Origins] = {}
_known: dict[object, tuple[Columns, str]] = {}


def _leaves(node: Node) -> list[tuple[tuple[str, ...], str]]:
    found = []
    for leaf in node.walk():
        if not leaf.downstream and isinstance(leaf.source, exp.Table) and leaf.source.name:  # a function has none
            key = asset_of(leaf.source.db, leaf.source.name)
            if key:
                found.append((tuple(key.path), leaf.name.rsplit(".", 1)[-1]))
    return found
