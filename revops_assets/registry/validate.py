"""Whether definitions hold: what they read exists, their SQL is one SELECT that plans, their variants add up."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from psycopg2.extensions import connection as PgConnection

from revops_assets.errors import RevopsError
from revops_assets.registry.definition import Metric
from revops_assets.registry.guard import check, inputs
from revops_assets.registry.run import Values, fetch, run
from revops_assets.settings import Settings
from revops_assets.warehouse import databases
from revops_assets.warehouse.roles import metrics_url

UNIT = re.compile(r"[A-Z]{3}|[a-z][a-z0-9 /_-]*")
ZERO = Decimal(0)
TOLERANCE = Decimal("1e-9")  # as a share: sums of binary fractions
COLUMNS = "select column_name from information_schema.columns where table_schema = 'semantic_input' and table_name = %s"


@dataclass(frozen=True)
class Fault:
    """What is wrong with a definition, and in which of its fields."""

    metric_id: str
    field: str
    message: str

    def __str__(self) -> str:
        """On one line."""
        return f"{self.metric_id}: {self.field}: {self.message}"


def offline(metric: Metric, among: Iterable[Metric] = ()) -> Iterator[Fault]:
    """What can be said without a database: the SQL parses and may run, tables and unit are known, what it is called is
    no other's among these."""
    if metric.unit and not UNIT.fullmatch(metric.unit):
        yield Fault(metric.id, "unit", f"{metric.unit!r} is neither a currency's code (USD) nor a word (hours, count)")
    if metric.name in metric.synonyms:
        yield Fault(metric.id, "synonyms", f"{metric.name!r} is its name")
    own = {word.lower() for word in (metric.name, *metric.synonyms)}
    for other in among:
        if other.id != metric.id and (shared := own & {word.lower() for word in (other.name, *other.synonyms)}):
            yield Fault(metric.id, "synonyms", f"{', '.join(sorted(shared))}: so is {other.id} called")
    for field, sql in _statements(metric):
        try:
            check(sql)
        except RevopsError as error:
            yield Fault(metric.id, field, str(error))
    for table in metric.reads:
        if table in inputs():
            continue
        yield Fault(metric.id, "tables", f"there is no table {table!r}; there are: {', '.join(sorted(inputs()))}")


def validate(
    settings: Settings, metrics: Iterable[Metric], tenant: str | None = None, among: Iterable[Metric] = ()
) -> list[Fault]:
    """Every fault of these definitions, among themselves and others. With a tenant variants are compared with the
    whole, too."""
    faults: list[Fault] = []
    metrics = list(metrics)
    others = [*metrics, *among]
    connection = databases.open_connection(settings, metrics_url(settings))
    try:
        for metric in metrics:
            found = list(offline(metric, others))
            if not found:
                found = [*_columns(connection, metric), *_plans(connection, metric)]
            if not found and tenant:
                found = list(_adds_up(settings, metric, tenant))
            faults += found
    finally:
        connection.close()
    return faults


def _statements(metric: Metric) -> list[tuple[str, str]]:
    return [("sql", metric.sql), *((f"sql_{name}", sql) for name, sql in metric.sql_variants.items())]


def _columns(connection: PgConnection, metric: Metric) -> Iterator[Fault]:
    tables = metric.reads
    known: set[str] = set()
    with connection, connection.cursor() as cursor:
        for table in tables:
            cursor.execute(COLUMNS, (table,))
            known |= {name for (name,) in cursor.fetchall()}
    if not tables:
        return
    if metric.time_column and metric.time_column not in known:
        yield Fault(metric.id, "time_column", f"{', '.join(tables)} has no column {metric.time_column!r}")
    for name in metric.dimensions:
        if name not in known:
            yield Fault(metric.id, "dimensions", f"{', '.join(tables)} has no column {name!r}")


def _plans(connection: PgConnection, metric: Metric) -> Iterator[Fault]:
    for field, sql in _statements(metric):
        try:
            found = fetch(connection, metric.id, f"select * from (\n{check(sql)}\n) as q limit 0")
        except RevopsError as error:
            yield Fault(metric.id, field, str(error).removeprefix(f"{metric.id}: "))
            continue
        wanted = {"value", *(["period"] if metric.grain else [])}
        wanted |= {"numerator", "denominator"} if metric.type == "ratio" else set()
        if lacking := sorted(wanted - set(found.columns)):
            yield Fault(metric.id, field, f"gives no column {' and '.join(lacking)}")
        elif "value" not in found.numbers:
            yield Fault(metric.id, field, "gives a value that is no number")


def _adds_up(settings: Settings, metric: Metric, tenant: str) -> Iterator[Fault]:
    """The variants of what adds up over dimensions are the whole, period by period."""
    if metric.adds_up == "non_additive" or metric.type == "ratio" or not metric.sql_variants:
        return
    field = "sql"
    try:
        whole = _by_period(run(settings, metric, tenant))
        sums = {}
        for variant in metric.sql_variants:
            field = f"sql_{variant}"
            sums[variant] = _by_period(run(settings, metric, tenant, variant=variant))
    except (RevopsError, ArithmeticError) as error:
        told = str(error) if isinstance(error, RevopsError) else "its value is no number"
        yield Fault(metric.id, field, told.removeprefix(f"{metric.id}: "))
        return
    for variant, parts in sums.items():
        for period in sorted(whole.keys() | parts.keys(), key=str):
            if abs(whole.get(period, ZERO) - parts.get(period, ZERO)) > TOLERANCE * abs(whole.get(period, ZERO)):
                yield Fault(
                    metric.id,
                    f"sql_{variant}",
                    f"adds up to {parts.get(period, 0)} in {period}, the whole is {whole.get(period, 0)}",
                )
                break


def _by_period(values: Values) -> dict[Any, Decimal]:
    sums: dict[Any, Decimal] = {}
    columns = values.result.columns
    at = columns.index("value")
    period = columns.index("period") if "period" in columns else None
    for row in values.result.rows:
        key = row[period] if period is not None else None
        sums[key] = sums.get(key, ZERO) + Decimal(str(row[at] or 0))
    return sums
