"""Running a definition: as the metrics role, which reads one tenant's records as of one day, with limits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import psycopg2
from psycopg2.extensions import connection as PgConnection

from revops_assets.errors import RevopsError
from revops_assets.registry.definition import Metric
from revops_assets.registry.guard import Refused, check
from revops_assets.settings import Settings
from revops_assets.warehouse import databases
from revops_assets.warehouse.roles import METRICS_SECONDS, metrics_url

ROWS = 100_000
BYTES = 100_000_000
SECONDS = METRICS_SECONDS
BIND = """
insert into semantic.bindings (pid, backend_start, tenant_id, day)
select a.pid, a.backend_start, %s, %s from pg_stat_get_activity(%s) as a
on conflict (pid) do update
set backend_start = excluded.backend_start, tenant_id = excluded.tenant_id, day = excluded.day
"""
# Of sessions that ended without a word.
FORGET = """
delete from semantic.bindings as b where not exists (
    select from pg_stat_get_activity(null) as a where a.pid = b.pid and a.backend_start = b.backend_start
)
"""
NEWEST = """
select (max(l.finished_at) at time zone (select ops.timezone()))::date from crm_remote.loads as l
where l.tenant_id = %s and l.status = 'finished'
"""


@dataclass(frozen=True)
class Values:
    """What a definition gave: its columns, its rows, of which tenant and day, and by which statement."""

    metric_id: str
    variant: str | None
    tenant_id: str
    day: date
    sql: str
    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


def as_data(values: Values) -> dict[str, Any]:
    """Values as plain data, the same from the command line and the API; numbers as such."""
    rows = [
        {
            name: float(cell) if isinstance(cell, Decimal) else str(cell) if isinstance(cell, date) else cell
            for name, cell in zip(values.columns, row, strict=True)
        }
        for row in values.rows
    ]
    return {
        "metric": values.metric_id,
        "variant": values.variant,
        "tenant": values.tenant_id,
        "as_of": str(values.day),
        "sql": values.sql,
        "rows": rows,
    }


def sql_of(metric: Metric, variant: str | None) -> str:
    """The definition's SQL, or that of a variant."""
    if variant is None:
        return metric.sql
    if variant not in metric.sql_variants:
        there = ", ".join(metric.sql_variants) or "none"
        raise RevopsError(f"{metric.id} has no variant {variant!r}; there are: {there}")
    return metric.sql_variants[variant]


def run(settings: Settings, metric: Metric, tenant: str, day: date | None = None, variant: str | None = None) -> Values:
    """Compute a metric as of the end of a day (default: the day of the tenant's newest load). Refused where its SQL is
    not run, RevopsError where it fails or gives too much."""
    sql = check(sql_of(metric, variant))
    with reading(settings, tenant, day) as (connection, seen):
        columns, rows = fetch(connection, metric.id, sql)
        return Values(metric.id, variant, tenant, seen, sql, columns, rows)


@contextmanager
def reading(settings: Settings, tenant: str, day: date | None = None) -> Iterator[tuple[PgConnection, date]]:
    """A read-only connection of the metrics role, bound to a tenant and a day."""
    owner = databases.open_connection(settings, databases.url_of(settings, "warehouse"))
    owner.autocommit = True
    reader, pid = None, 0
    try:
        with owner.cursor() as cursor:
            cursor.execute(NEWEST, (tenant,))
            [(newest,)] = cursor.fetchall()
            if newest is None:
                raise RevopsError(f"nothing was loaded for a tenant {tenant!r}")
            seen = day or newest
            cursor.execute("select 1 from ops.calendar where day = %s", (seen,))
            if not cursor.fetchall():
                raise RevopsError(f"{seen} lies outside the calendar")
            reader = databases.open_connection(settings, metrics_url(settings))
            reader.set_session(readonly=True)
            pid = reader.info.backend_pid
            cursor.execute(FORGET)
            cursor.execute(BIND, (tenant, seen, pid))
        yield reader, seen
    finally:
        if reader is not None:
            reader.close()
            with owner.cursor() as cursor:
                cursor.execute("delete from semantic.bindings where pid = %s", (pid,))
        owner.close()


def fetch(connection: PgConnection, what: str, sql: str) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """Columns and rows of a checked statement, within the limits of time and rows."""
    try:
        with connection, connection.cursor() as limits:
            limits.execute("select set_config('statement_timeout', %s, true)", (f"{SECONDS}s",))
            with connection.cursor(name="metric") as cursor:
                cursor.execute(sql)
                rows = _within_limits(what, cursor)
                columns = tuple(column.name for column in cursor.description or ())
    except psycopg2.errors.QueryCanceled:
        raise Refused(f"{what}: it ran longer than {SECONDS} s and was stopped") from None
    except psycopg2.Error as error:
        told = getattr(error.diag, "message_primary", None) or str(error)
        raise RevopsError(f"{what}: {' '.join(told.split())}") from None
    return columns, rows


def _within_limits(what: str, cursor: Any) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    size = 0
    while part := cursor.fetchmany(1_000):
        rows += part
        size += sum(len(str(cell)) for row in part for cell in row)
        if len(rows) > ROWS:
            raise Refused(f"{what}: it gives more than {ROWS:,} rows")
        if size > BYTES:
            raise Refused(f"{what}: it gives more than {BYTES:,} bytes")
    return rows
