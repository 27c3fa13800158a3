"""The profiler: what stands in the tables that metrics read, tenant by tenant (semantic.table_profiles)."""

from __future__ import annotations

from datetime import date

import sqlalchemy as sa
from psycopg2 import sql

from revops_assets.datasets.window import all_tenants
from revops_assets.registry import columns, store
from revops_assets.registry.columns import basetype_of
from revops_assets.registry.definition import Metric
from revops_assets.registry.guard import SCHEMA
from revops_assets.registry.run import Session, readers
from revops_assets.registry.values import statements
from revops_assets.settings import Settings

FORGET = "delete from semantic.table_profiles where tenant_id = :tenant"
KEEP = """
insert into semantic.table_profiles (
    tenant_id, table_id, column_name, basetype, rows_count, nulls_count, distinct_count, min_value, max_value, metrics,
    as_of
)
values (
    :tenant, :table, :column, :basetype, :rows, :nulls, :distinct, :least, :greatest, cast(:metrics as text[]), :as_of
)
"""


def profile(connection: sa.Connection, settings: Settings, tenants: tuple[str, ...] | None = None) -> int:
    """Look through every table that metrics may read, as of each tenant's newest load; of how many columns.

    Columns get their base type and, where nobody said anything, a description of confidence `profiler`: which metrics
    are dated or divided by them. It holds for every company and says nothing of what stands there. The caller's
    transaction commits.
    """
    read_by_metrics: dict[str, set[str]] = {}
    metrics = [stored.metric for stored in store.list_all(connection)]
    for statement in statements(metrics):
        for table in statement.inputs:
            read_by_metrics.setdefault(table, set()).add(statement.metric.id)
    tables = columns.input_columns(connection)
    for name, found in tables.items():
        for column in found:
            columns.set_column(
                connection,
                f"{SCHEMA}.{name}",
                column.column_name,
                _uses(column.column_name, [metric for metric in metrics if name in metric.reads]),
                basetype_of(column.type or ""),
                confidence="profiler",
                source="profiler",
            )
    count = 0
    with readers(settings) as session:
        for tenant in tenants or all_tenants(connection):
            connection.execute(sa.text(FORGET), {"tenant": tenant})
            day, finished_at, _ = session.newest(tenant)
            session.bind(tenant, day, finished_at)
            for name, found in tables.items():
                count += _profile_table(connection, session, tenant, day, name, found, read_by_metrics.get(name, set()))
    return count


def _uses(column: str, metrics: list[Metric]) -> str | None:
    """What definitions say of a column of a table that they read."""
    dated = ", ".join(metric.id for metric in metrics if metric.time_column == column)
    divided = ", ".join(metric.id for metric in metrics if column in metric.dimensions)
    said = [f"time column of {dated}" if dated else "", f"dimension of {divided}" if divided else ""]
    return "; ".join(part for part in said if part) or None


def _profile_table(
    connection: sa.Connection,
    session: Session,
    tenant: str,
    day: date,
    name: str,
    found: list[columns.Column],
    metrics: set[str],
) -> int:
    asked: list[sql.Composable] = [sql.SQL("count(*)")]
    for column in found:
        given = sql.Identifier(column.column_name)
        shown = sql.SQL("{}::int").format(given) if column.type == "boolean" else given
        asked += [
            sql.SQL("count({})").format(given),
            sql.SQL("count(distinct {})").format(given),
            sql.SQL("min({})::text").format(shown),
            sql.SQL("max({})::text").format(shown),
        ]
    statement = sql.SQL("select {} from {}").format(sql.SQL(", ").join(asked), sql.Identifier(SCHEMA, name))
    [(rows, *told)] = session.fetch(name, statement.as_string(session.reader)).rows
    for index, column in enumerate(found):
        given_count, distinct, least, greatest = told[4 * index : 4 * index + 4]
        connection.execute(
            sa.text(KEEP),
            {
                "tenant": tenant, "table": f"{SCHEMA}.{name}", "column": column.column_name,
                "basetype": basetype_of(column.type or ""), "rows": rows, "nulls": rows - given_count,
                "distinct": distinct, "least": least, "greatest": greatest, "metrics": sorted(metrics), "as_of": day,
            },
        )  # fmt: skip
    return len(found)
