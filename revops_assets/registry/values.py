"""What approved metrics were, day by day (semantic.metric_values): computed for a write, and read again."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from revops_assets.datasets.window import ReadAt, Window
from revops_assets.errors import RevopsError, Unreachable
from revops_assets.registry import store
from revops_assets.registry.definition import Grain, Metric
from revops_assets.registry.guard import check, read_by
from revops_assets.registry.run import Result, plain, readers, sql_of
from revops_assets.warehouse.resource import Warehouse

TABLE = "semantic.metric_values"
WHOLE = "whole"
# A period that the definition does not name: deals without a close date.
NO_PERIOD = date.max
# Units in which a ratio is not its numerator by its denominator.
SCALES = {"percentage": Decimal(100)}
# Numbers that add up, where any do.
MEASURES = ("value", "numerator", "denominator")
LAY_OUT = (
    """
    create temporary table if not exists metric_readings (
        tenant_id text, snapshot_date date, metric_id text, variant text, measure text, period date, dimensions jsonb,
        value numeric
    ) on commit drop
    """,
    """
    create temporary table if not exists metrics_run (
        tenant_id text, snapshot_date date, metric_id text, variant text, has_periods boolean, kept_from date,
        inputs text[], rows_count bigint, seconds double precision, error text
    ) on commit drop
    """,
    "truncate metric_readings, metrics_run",
)
BEHIND = """
with recursive behind as (
    select u.view_name, u.table_schema, u.table_name
    from information_schema.view_table_usage as u
    where u.view_schema = 'semantic_input'
    union
    select b.view_name, u.table_schema, u.table_name
    from behind as b
    inner join information_schema.view_table_usage as u on u.view_schema = b.table_schema and u.view_name = b.table_name
    where b.table_schema = 'semantic_input'
)
select view_name, array_agg(distinct table_name::text) from behind where table_schema = 'history' group by view_name
"""
RAN = """
insert into metrics_run values
(:tenant, :day, :metric, :variant, :has_periods, :kept_from, cast(:inputs as text[]), :rows, :seconds, :error)
"""
KEEP_RUNS = """
insert into semantic.metric_runs (tenant_id, snapshot_date, metric_id, variant, rows_count, seconds, error)
select tenant_id, snapshot_date, metric_id, variant, rows_count, seconds, error from pg_temp.metrics_run
"""


def period_start(grain: Grain | None, day: date) -> date:
    """First day of the period that a day lies in; without a grain the day itself."""
    if grain == "weekly":
        return day - timedelta(days=day.weekday())
    if grain in (None, "daily"):
        return day
    month = {"monthly": day.month, "quarterly": day.month - (day.month - 1) % 3, "yearly": 1}[grain]
    return day.replace(month=month, day=1)


def previous_start(grain: Grain | None, day: date) -> date:
    """First day of the period before the one that a day lies in; without a grain the day itself."""
    start = period_start(grain, day)
    return start if grain is None else period_start(grain, start - timedelta(days=1))


@dataclass(frozen=True)
class Statement:
    """A statement of a definition, checked; or why it may not run."""

    metric: Metric
    variant: str
    sql: str
    inputs: tuple[str, ...]
    fault: str | None


def statements(metrics: Iterable[Metric]) -> Iterator[Statement]:
    """The statements of each definition: its own and its variants'."""
    for metric in metrics:
        for variant in (None, *metric.sql_variants):
            try:
                sql = check(sql_of(metric, variant))
                yield Statement(metric, variant or WHOLE, sql, read_by(sql), None)
            except RevopsError as error:
                yield Statement(metric, variant or WHOLE, "", (), str(error))


def tables_behind(connection: sa.Connection) -> dict[str, list[str]]:
    """The canonical tables behind each view that metrics read; staging keeps opportunities: no view of theirs."""
    return {view: sorted(tables) for view, tables in connection.execute(sa.text(BEHIND))}


def read_metrics(connection: sa.Connection, window: Window, warehouse: Warehouse, at: ReadAt) -> None:
    """Lay out pg_temp.metric_readings: all that every approved definition gives, for each tenant and day of the run.

    One that cannot run gives nothing; why stands in semantic.metric_runs, and the check definitions_ran fails.
    """
    for statement in LAY_OUT:
        connection.execute(sa.text(statement))
    connection.execute(sa.text(f"delete from semantic.metric_runs as d where {window.condition('d')}"), window.params)
    days = connection.execute(
        sa.text(
            "select d.tenant_id, d.day, nullif(d.as_of, c.ends_at) as as_of from pg_temp.run_days as d"
            " inner join ops.calendar as c on d.day = c.day"
            " where d.day >= :window_start and d.day < :window_end order by 1, 2"
        ),
        window.params,
    ).all()
    planned = list(statements(store.approved(connection)))
    if not days or not planned:
        return
    behind = tables_behind(connection)
    with readers(warehouse.settings) as session:
        for tenant, day, as_of in days:
            session.bind(tenant, day, as_of)
            for one in planned:
                started = time.monotonic()
                fault, rows = one.fault, []
                if fault is None:
                    try:
                        found = session.fetch(one.metric.id, one.sql, at.known_as_of)
                        rows = list(measures(one.metric, day, found))
                    except Unreachable:
                        raise
                    except RevopsError as error:
                        fault = str(error)
                key = (tenant, day, one.metric.id, one.variant)
                _copy(connection, "metric_readings", [(*key, *row) for row in rows])
                connection.execute(
                    sa.text(RAN),
                    {
                        **dict(zip(("tenant", "day", "metric", "variant"), key, strict=True)),
                        "has_periods": one.metric.grain is not None,
                        "kept_from": previous_start(one.metric.grain, day),
                        "inputs": sorted({name for view in one.inputs for name in behind.get(view, [view])}),
                        "rows": len(rows),
                        "seconds": time.monotonic() - started,
                        "error": fault,
                    },
                )
    connection.execute(sa.text("analyze metric_readings, metrics_run"))
    connection.execute(sa.text(KEEP_RUNS))


def measures(metric: Metric, day: date, result: Result) -> Iterator[tuple[str, date, str, Decimal | None]]:
    """What a definition's rows say: measure, period, dimensions as JSON, value. RevopsError where that is not clear."""
    if "value" not in result.numbers:
        raise RevopsError(f"{metric.id}: gives no number named value")
    if metric.grain and "period" not in result.columns:
        raise RevopsError(f"{metric.id}: gives no column period")
    named = [name for name in result.columns if name not in result.numbers or name in metric.dimensions]
    numbers = [name for name in result.columns if name not in named]
    seen: set[tuple[date, str]] = set()
    for row in result.rows:
        cells = dict(zip(result.columns, row, strict=True))
        period = day if metric.grain is None else period_of(metric, cells.get("period"))
        parts = {name: None if cells[name] is None else str(cells[name]) for name in named if name != "period"}
        dimensions = json.dumps(parts, sort_keys=True)
        if (period, dimensions) in seen:
            raise RevopsError(f"{metric.id}: gives two rows for {period} {dimensions}")
        seen.add((period, dimensions))
        for name in numbers:
            yield name, period, dimensions, None if cells[name] is None else Decimal(str(cells[name]))


def period_of(metric: Metric, given: Any) -> date:
    """The first day of a period, as a definition gives it; NO_PERIOD for none. RevopsError where it is no date."""
    if given is None:
        return NO_PERIOD
    if isinstance(given, datetime):
        given = given.date()
    if not isinstance(given, date):
        raise RevopsError(f"{metric.id}: its period is no date, but {given!r}")
    return given


def _copy(connection: sa.Connection, table: str, rows: Iterable[tuple[Any, ...]]) -> None:
    text = io.StringIO()
    csv.writer(text).writerows(["infinity" if cell == NO_PERIOD else cell for cell in row] for row in rows)
    text.seek(0)
    raw: Any = connection.connection
    with raw.cursor() as cursor:
        cursor.copy_expert(f"copy pg_temp.{table} from stdin (format csv)", text)


# ------------------------------------------------------------------------------------------- what was stored

STORED = """
select distinct on (v.measure, v.period, v.dimensions) v.measure, v.period, v.dimensions, v.value, v.snapshot_date,
    v.is_restatement, v.restated_by_load
from semantic.metric_values as v
where v.tenant_id = :tenant and v.metric_id = :metric and v.variant = :variant and v.snapshot_date <= :day
    and v.period >= coalesce(cast(:first as date), '-infinity')
    and v.period <= coalesce(cast(:last as date), 'infinity')
order by v.measure, v.period, v.dimensions, v.snapshot_date desc
"""
BUILT = "select max(w.snapshot_date) from semantic.partitions as w where w.dataset = :dataset and w.tenant_id = :tenant"

FAULT = """
select r.error from semantic.metric_runs as r
where r.tenant_id = :tenant and r.snapshot_date = :day and r.metric_id = :metric and r.variant = :variant
"""
IS_BUILT = (
    "select exists (select from semantic.partitions"
    " where dataset = :dataset and tenant_id = :tenant and snapshot_date = :day)"
)


@dataclass(frozen=True)
class Stored:
    """What a metric was as of a day, as it was stored: rows of period, dimensions and measures."""

    metric: Metric
    variant: str
    tenant_id: str
    day: date
    dimensions: tuple[str, ...]
    rows: list[dict[str, Any]]

    @property
    def data(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "metric": self.metric.id,
            "variant": None if self.variant == WHOLE else self.variant,
            "tenant": self.tenant_id,
            "as_of": str(self.day),
            "additivity": self.metric.adds_up,
            "rows": [{name: plain(cell) for name, cell in row.items()} for row in self.rows],
        }


def stored_values(
    connection: sa.Connection,
    metric: Metric,
    tenant: str,
    day: date | None = None,
    variant: str | None = None,
    first: date | None = None,
    last: date | None = None,
) -> Stored:
    """A metric's stored values as of the end of a day (default: the newest built), of the periods from first to last.

    RevopsError where none are stored.
    """
    sql_of(metric, variant)
    built = connection.scalar(sa.text(BUILT), {"dataset": TABLE, "tenant": tenant})
    if built is None:
        raise RevopsError(f"no values are stored for tenant {tenant!r}: `revops materialize` builds them")
    day = day or built
    if not connection.scalar(sa.text(IS_BUILT), {"dataset": TABLE, "tenant": tenant, "day": day}):
        raise RevopsError(f"{day} of tenant {tenant!r} was not built; the newest is {built}")
    told = {"tenant": tenant, "day": day, "metric": metric.id, "variant": variant or WHOLE}
    if fault := connection.scalar(sa.text(FAULT), told):
        raise RevopsError(f"it gave nothing on {day}: {fault}")
    if metric.grain is None and (first or last):
        raise RevopsError(f"{metric.id} has no periods")
    rows = connection.execute(sa.text(STORED), told | {"first": first, "last": last}).mappings()
    found: dict[tuple[date, str], dict[str, Any]] = {}
    for row in rows:
        if metric.grain is None and row["period"] != day:
            continue
        key = (row["period"], json.dumps(row["dimensions"], sort_keys=True))
        period = None if row["period"] == NO_PERIOD else row["period"]
        cells = found.setdefault(key, {"period": period, **row["dimensions"]})
        cells[row["measure"]] = row["value"]
        if row["is_restatement"]:
            cells |= {"restated_on": row["snapshot_date"], "restated_by_load": row["restated_by_load"]}
    # A row without any number is one whose records are gone.
    found = {key: cells for key, cells in found.items() if any(isinstance(cell, Decimal) for cell in cells.values())}
    dimensions = tuple(sorted({name for _, parts in found for name in json.loads(parts)}))
    return Stored(metric, variant or WHOLE, tenant, day, dimensions, [found[key] for key in sorted(found)])


def as_totals(stored: Stored, over: str) -> dict[str, Any]:
    """The stored values added up over `period` or a dimension, as plain data. RevopsError where that means nothing."""
    rows = total(stored, (over,))
    return stored.data | {"total_over": over, "rows": [{k: plain(cell) for k, cell in row.items()} for row in rows]}


def total(stored: Stored, over: Iterable[str] = ("period",)) -> list[dict[str, Any]]:
    """The stored rows added up over the period, over dimensions, or both.

    A ratio is its numerators by its denominators. RevopsError where values do not add up, with the reason.
    """
    over, metric = tuple(over), stored.metric
    if metric.adds_up == "non_additive":
        raise RevopsError(
            f"{metric.id} does not add up ({metric.type}, non-additive): ask for the period or dimension that you want"
        )
    if metric.adds_up == "semi_additive" and "period" in over:
        raise RevopsError(
            f"{metric.id} does not add up over time: it is a stock (semi-additive), which every period counts again;"
            " ask for one period, as the last"
        )
    there = ("period", *stored.dimensions)
    if unknown := sorted(set(over).difference(there)):
        raise RevopsError(f"{metric.id} has no {unknown[0]!r} to add up over: there are {', '.join(there)}")
    groups: dict[str, dict[str, Any]] = {}
    for row in stored.rows:
        kept = {name: row[name] for name in ("period", *stored.dimensions) if name not in over}
        group = groups.setdefault(json.dumps(kept, default=str, sort_keys=True), kept | {"value": None})
        for name in MEASURES:
            if row.get(name) is not None:
                group[name] = (group.get(name) or 0) + row[name]
    for group in groups.values():
        if metric.type in ("ratio", "avg"):
            if "denominator" not in group:
                raise RevopsError(f"{metric.id} gives no numerator and denominator: it does not add up")
            group["value"] = ratio(metric, group)
    return list(groups.values())


def ratio(metric: Metric, row: Mapping[str, Any]) -> Decimal | None:
    """A ratio's value by its parts; null without a denominator."""
    if row.get("numerator") is None or not row.get("denominator"):
        return None
    return Decimal(row["numerator"]) * SCALES.get(metric.unit or "", Decimal(1)) / Decimal(row["denominator"])
