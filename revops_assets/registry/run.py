"""Running a definition: as the metrics role, which reads one tenant's records as of one day, with limits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import psycopg2
from psycopg2.extensions import connection as PgConnection

from revops_assets.errors import RevopsError, Unreachable
from revops_assets.registry.definition import Metric
from revops_assets.registry.guard import Refused, check, read_by
from revops_assets.settings import Settings
from revops_assets.warehouse import databases
from revops_assets.warehouse.roles import METRICS_SECONDS, metrics_url

ROWS = 100_000
BYTES = 100_000_000
SECONDS = METRICS_SECONDS
# PostgreSQL's types of numbers: int8, int2, int4, float4, float8, numeric.
NUMBERS = frozenset((20, 21, 23, 700, 701, 1700))
BIND = """
insert into semantic.bindings (tenant_id, day, as_of, pid, backend_start) values (%s, %s, %s, %s, %s)
on conflict (pid) do update
set backend_start = excluded.backend_start, tenant_id = excluded.tenant_id, day = excluded.day, as_of = excluded.as_of
"""
# Who a session is: its process, and since when, as only it may ask without being a superuser.
ITSELF = "select pid, backend_start from pg_stat_get_activity(pg_backend_pid())"
# Of sessions that ended without a word.
FORGET = """
delete from semantic.bindings as b where not exists (
    select from pg_stat_get_activity(null) as a
    where a.pid = b.pid and coalesce(a.backend_start, b.backend_start) = b.backend_start
)
"""
NEWEST = """
select (max(l.finished_at) at time zone (select ops.timezone()))::date as day, max(l.finished_at) as finished_at,
    max(l.load_seq) as load_seq
from crm_remote.loads as l
where l.tenant_id = %s and l.status = 'finished' and l.load_seq <= coalesce(%s, l.load_seq)
"""
# What `opportunities` reads was built by the last full refresh, at its transaction time.
DEALS_BUILT = "select known_as_of from ops.table_ledger where dataset = 'staging.deal_intervals' and tenant_id = %s"


@dataclass(frozen=True)
class Result:
    """Columns of a statement, which of them are numbers, and its rows."""

    columns: tuple[str, ...]
    numbers: frozenset[str]
    rows: list[tuple[Any, ...]]


@dataclass(frozen=True)
class Values:
    """What a definition gave: its columns and rows, of which tenant and day, by which statement, from which loads."""

    metric_id: str
    variant: str | None
    tenant_id: str
    day: date
    known_as_of: int
    data_freshness: str
    sql: str
    result: Result


def plain(cell: Any) -> Any:
    """A value as JSON has it: numbers as such, days as text."""
    return float(cell) if isinstance(cell, Decimal) else str(cell) if isinstance(cell, date) else cell


def as_data(values: Values) -> dict[str, Any]:
    """Values as plain data, the same from the command line and the API."""
    return {
        "metric": values.metric_id,
        "variant": values.variant,
        "tenant": values.tenant_id,
        "as_of": str(values.day),
        "known_as_of": values.known_as_of,
        "data_freshness": values.data_freshness,
        "sql": values.sql,
        "rows": [dict(zip(values.result.columns, map(plain, row), strict=True)) for row in values.result.rows],
    }


def sql_of(metric: Metric, variant: str | None) -> str:
    """The definition's SQL, or that of a variant."""
    if variant is None:
        return metric.sql
    if variant not in metric.sql_variants:
        there = ", ".join(metric.sql_variants) or "none"
        raise RevopsError(f"{metric.id} has no variant {variant!r}; there are: {there}")
    return metric.sql_variants[variant]


def run(
    settings: Settings,
    metric: Metric,
    tenant: str,
    day: date | None = None,
    variant: str | None = None,
    known_as_of: int | None = None,
) -> Values:
    """Compute a metric as of the end of a day (default: the day of the tenant's newest load) and as known after a load
    (default: the newest). Refused where its SQL is not run, RevopsError where it fails or gives too much."""
    sql = check(sql_of(metric, variant))
    with readers(settings) as session:
        newest, finished_at, load = session.newest(tenant, known_as_of)
        if known_as_of is not None and "opportunities" in read_by(sql):
            session.check_deals(tenant, known_as_of)
        seen = day or newest
        session.bind(tenant, seen, finished_at if seen == newest else None)
        result = session.fetch(metric.id, sql, known_as_of)
        return Values(metric.id, variant, tenant, seen, known_as_of or load, finished_at.isoformat(), sql, result)


class Session:
    """A read-only connection of the metrics role, which reads what it is bound to: a tenant and a day."""

    def __init__(self, owner: PgConnection, reader: PgConnection, itself: tuple[int, datetime]) -> None:
        self.owner = owner
        self.reader = reader
        self.itself = itself

    def newest(self, tenant: str, known_as_of: int | None = None) -> tuple[date, datetime, int]:
        """Day, instant and number of the tenant's newest load, or of the newest that was known after a load."""
        [(day, finished_at, load)] = self._ask(NEWEST, tenant, known_as_of)
        if day is None:
            known = "" if known_as_of is None else f" by load {known_as_of}"
            raise RevopsError(f"nothing was loaded for a tenant {tenant!r}{known}")
        return day, finished_at, load

    def check_deals(self, tenant: str, known_as_of: int) -> None:
        """RevopsError unless deals are built as known after this load."""
        built = self._ask(DEALS_BUILT, tenant)
        if built != [(known_as_of,)]:
            at = f"as known after load {built[0][0]}" if built else "not yet"
            raise RevopsError(
                f"it reads opportunities, which are built {at}: `revops materialize --select"
                f" '+key:\"staging/deal_intervals\"' --known-as-of {known_as_of}` builds them as known after that load"
            )

    def bind(self, tenant: str, day: date, as_of: datetime | None = None) -> None:
        """Read this tenant's records as of the end of this day, or of an instant within it."""
        if not self._ask("select 1 from ops.calendar where day = %s", day):
            raise RevopsError(f"{day} lies outside the calendar")
        with self.owner.cursor() as cursor:
            cursor.execute(BIND, (tenant, day, as_of, *self.itself))

    def fetch(self, what: str, sql: str, known_as_of: int | None = None) -> Result:
        """What a checked statement gives, within the limits of time and rows, as known after a load."""
        return fetch(self.reader, what, sql, known_as_of)

    def _ask(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with self.owner.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall()


@contextmanager
def readers(settings: Settings) -> Iterator[Session]:
    """A session that is bound to nothing yet, and is bound to nothing afterwards."""
    owner = databases.open_connection(settings, databases.url_of(settings, "warehouse"))
    owner.autocommit = True
    reader, pid = None, 0
    try:
        reader = databases.open_connection(settings, metrics_url(settings))
        reader.set_session(readonly=True)
        with reader, reader.cursor() as cursor:
            cursor.execute(ITSELF)
            [itself] = cursor.fetchall()
        pid = itself[0]
        with owner.cursor() as cursor:
            cursor.execute(FORGET)
        yield Session(owner, reader, itself)
    finally:
        if reader is not None:
            reader.close()
            with owner.cursor() as cursor:
                cursor.execute("delete from semantic.bindings where pid = %s", (pid,))
        owner.close()


def fetch(connection: PgConnection, what: str, sql: str, known_as_of: int | None = None) -> Result:
    """What a checked statement gives, within the limits of time and rows."""
    try:
        with connection, connection.cursor() as limits:
            limits.execute("select set_config('statement_timeout', %s, true)", (f"{SECONDS}s",))
            if known_as_of is not None:
                limits.execute("select set_config('revops.known_as_of', %s, true)", (str(known_as_of),))
            with connection.cursor(name="metric") as cursor:
                cursor.execute(sql)
                rows = _within_limits(what, cursor)
                columns = tuple(column.name for column in cursor.description or ())
                numbers = frozenset(column.name for column in cursor.description or () if column.type_code in NUMBERS)
    except psycopg2.errors.QueryCanceled:
        raise Refused(f"{what}: it ran longer than {SECONDS} s and was stopped") from None
    except (ValueError, OverflowError) as error:  # dates that Python has none of
        raise RevopsError(f"{what}: gives a value that cannot be read: {error}") from None
    except psycopg2.Error as error:
        told = getattr(error.diag, "message_primary", None) or str(error)
        if connection.closed:
            raise Unreachable(" ".join(told.split())) from None
        raise RevopsError(f"{what}: {' '.join(told.split())}") from None
    return Result(columns, numbers, rows)


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
