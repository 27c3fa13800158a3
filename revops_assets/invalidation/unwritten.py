"""No tenant's rows stop another's: what could not be written, what waits for it, and writing it again.

Tenants are written together. Where that fails because of rows, each is written by itself and reads its own rows only. A
tenant whose rows cannot be written keeps the earlier ones and is named in ops.unwritten; datasets that read them keep
their earlier rows of that tenant, too, until the part is written. The days are stale (ops.stale_partitions).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, TypeVar

import dagster as dg
import sqlalchemy as sa

from revops_assets.catalogue import DAILY_DATASETS, HISTORY, through_views
from revops_assets.datasets.offences import Offence, in_words, is_of_rows
from revops_assets.datasets.window import Window, all_tenants
from revops_assets.invalidation.look_back import Calendar, read_calendar, reads
from revops_assets.warehouse.resource import Warehouse

Done = TypeVar("Done")
# Writes a window; alone: reading its tenants' rows only.
Write = Callable[[sa.Connection, Window, bool], Done]
Explain = Callable[[sa.Connection, Window], list[Offence]]

STRIKE = "delete from ops.unwritten as d where d.dataset = any(:datasets)"
# The days of a window that a tenant has; a single row without a day for what is built by full refresh.
NOTE = """
insert into ops.unwritten (
    dataset, tenant_id, snapshot_date, because_of, run_id, message, record_key, column_name, value
)
select :dataset, :tenant, d.day, :because_of, :run_id, :message, cast(:record_key as jsonb), :column_name, :value
from unnest(cast(:days as date[])) as d (day)
on conflict (dataset, tenant_id, snapshot_date) do update
set because_of = excluded.because_of, run_id = excluded.run_id, message = excluded.message, noted_at = default,
    record_key = excluded.record_key, column_name = excluded.column_name, value = excluded.value
"""
# Asked for once: a day that cannot be written is no new reason to try.
ASK = """
insert into ops.stale_partitions (dataset, tenant_id, snapshot_date, reason)
select :dataset, :tenant, d.day, 'it could not be written'
from unnest(cast(:days as date[])) as d (day)
on conflict (dataset, tenant_id, snapshot_date) do nothing
"""


def root_of(run: dg.DagsterRun) -> str:
    """The run that parts are noted under: the first one, where this one does again what others left."""
    return run.root_run_id or run.run_id


@dataclass(frozen=True)
class Waiting:
    """What of a tenant waits: these days (None: all), for the rows of which dataset."""

    because_of: str
    days: frozenset[date] | None


def write_apart(
    warehouse: Warehouse,
    run_id: str,
    datasets: Sequence[str],
    window: Window,
    write: Write[Done],
    explain: Explain = lambda connection, window: [],
) -> Iterator[tuple[Window, Done]]:
    """Write a window of the datasets that one write fills; its tenants together or, where rows break that, each by
    itself. Yields what was written.

    An error that rows do not cause is raised. `explain` finds the rows that a tenant's write failed for.
    """
    written, error = _attempt(warehouse, datasets, window, write, alone=False)
    if error is None:
        yield from written
        return
    with warehouse.transaction() as connection:
        tenants = all_tenants(connection) if window.tenants is None else window.tenants
    for tenant in tenants:
        own = replace(window, tenants=(tenant,))
        written, error = _attempt(warehouse, datasets, own, write, alone=True)
        yield from written
        if error is not None:
            note(warehouse, run_id, datasets, own, in_words(error), _explained(warehouse, own, explain, error))


def _attempt(
    warehouse: Warehouse, datasets: Sequence[str], window: Window, write: Write[Done], alone: bool
) -> tuple[list[tuple[Window, Done]], Exception | None]:
    """Write a window in a transaction; what was written, or the error of rows that it failed for."""
    try:
        with warehouse.transaction() as connection:
            done = write(connection, window, alone)
            strike(connection, datasets, window)
    except Exception as error:
        if not is_of_rows(error):
            raise
        return [], error
    return [(window, done)], None


def _explained(warehouse: Warehouse, window: Window, explain: Explain, error: Exception) -> Sequence[Offence]:
    """The rows that an error is about: its own, else those that are found; none where the SELECT itself fails."""
    if told := getattr(error, "offences", ()):
        return tuple(told)
    try:
        with warehouse.transaction() as connection:
            return explain(connection, window)
    except sa.exc.DBAPIError as again:
        if not is_of_rows(again):
            raise
        return ()


def strike(connection: sa.Connection, datasets: Sequence[str], window: Window) -> None:
    """These parts have been written."""
    connection.execute(sa.text(f"{STRIKE} and {window.condition('d')}"), {"datasets": list(datasets), **window.params})


def note(
    warehouse: Warehouse,
    run_id: str,
    datasets: Sequence[str],
    window: Window,
    message: str,
    offences: Sequence[Offence],
) -> None:
    """Remember that a tenant's part could not be written, and why; its days are stale."""
    [tenant] = window.tenants or ()
    first = offences[0] if offences else None
    told = "; ".join(map(str, offences)) or message
    culprit = first.dataset if first else None
    with warehouse.transaction() as connection:
        for dataset in datasets:
            days = _days(connection, dataset, window)
            if culprit in (None, dataset):
                _note(connection, run_id, dataset, tenant, days, None, told, first)
            else:
                _note(connection, run_id, dataset, tenant, days, culprit, f"waits for {culprit}", None)


def hold(
    connection: sa.Connection,
    run_id: str,
    dataset: str,
    deps: Collection[str],
    tenants: tuple[str, ...] | None,
    days: Sequence[date],
) -> dict[str, Waiting]:
    """Tenants of whose rows of `dataset` some must wait for what it reads, and since when; they are noted as such.

    `tenants`: of these (None: all); `days`: those that are to be written, none for a full refresh.
    """
    looks_back_on = DAILY_DATASETS[dataset].looks_back_on if days else {}
    found = connection.execute(
        sa.text(
            "select dataset, tenant_id, snapshot_date from ops.unwritten"
            " where dataset = any(:read) and (cast(:tenants as text[]) is null or tenant_id = any(:tenants))"
            " order by noted_at, dataset, snapshot_date"
        ),
        {
            "read": sorted({*through_views(frozenset(deps)), *looks_back_on}),
            "tenants": list(tenants) if tenants else None,
        },
    ).all()
    waiting: dict[str, Waiting] = {}
    calendar = read_calendar(connection) if found and looks_back_on else Calendar({})
    for read, tenant, day in found:
        held: set[date] | None
        if read == dataset and day in days:
            continue  # it is about to be written
        if day is None or not days:
            held = None
        else:
            held = {day} & set(days) if read in deps else set()
            if read in looks_back_on:
                held |= {d for d in days if d in calendar and day in reads(looks_back_on[read], d, calendar)}
            if not held:
                continue
        before = waiting.get(tenant)
        if before and (before.days is None or held is None):
            held = None
        elif before and before.days:
            held = (held or set()) | before.days
        waiting[tenant] = Waiting(before.because_of if before else read, None if held is None else frozenset(held))
    for tenant, wait in waiting.items():
        own = list(days if wait.days is None else sorted(wait.days)) if days else None
        message = f"waits for {wait.because_of}"
        _note(connection, run_id, dataset, tenant, own, wait.because_of, message, None)
    return waiting


def without(window: Window, waiting: Mapping[str, Waiting]) -> Iterator[Window]:
    """The parts of a window that need not wait: most tenants together, those of whom some days wait by themselves."""
    tenants = window.tenants or ()
    if free := tuple(tenant for tenant in tenants if tenant not in waiting):
        yield replace(window, tenants=free)
    for tenant in tenants:
        wait = waiting.get(tenant)
        left = tuple(day for day in window.all_days if wait and wait.days is not None and day not in wait.days)
        if left:
            yield replace(window, tenants=(tenant,), days=left)


def _days(connection: sa.Connection, dataset: str, window: Window) -> list[date] | None:
    """The window's days that the tenant has: those since its history began."""
    if window.column is None:
        return None
    if not DAILY_DATASETS[dataset].is_behind_history:
        return list(window.all_days)
    since = connection.scalar(
        sa.text(f"select since_date from {HISTORY} where matter = 'deals' and tenant_id = any(:window_tenants)"),
        window.params,
    )
    return [day for day in window.all_days if since and day >= since]


def _note(
    connection: sa.Connection,
    run_id: str,
    dataset: str,
    tenant: str,
    days: Sequence[date] | None,
    because_of: str | None,
    message: str,
    offence: Offence | None,
) -> None:
    values: dict[str, Any] = {
        "dataset": dataset,
        "tenant": tenant,
        "days": [None] if days is None else list(days),
        "because_of": because_of,
        "run_id": run_id,
        "message": message,
        "record_key": json.dumps(offence.key) if offence else None,
        "column_name": offence.column if offence else None,
        "value": offence.value if offence else None,
    }
    connection.execute(sa.text(NOTE), values)
    if days is not None:
        connection.execute(sa.text(ASK), values)


# ---------------------------------------------------------------------------------------------- what a run left


LEFT = """
select dataset, tenant_id, because_of, run_id, (array_agg(message order by noted_at, snapshot_date))[1] as message,
    array_agg(snapshot_date order by snapshot_date) filter (where snapshot_date is not null) as days
from ops.unwritten
where dataset = any(:datasets)
group by dataset, tenant_id, because_of, run_id
order by because_of is not null, min(noted_at), dataset, tenant_id
"""


@dataclass(frozen=True)
class Left:
    """A part that a run left unwritten."""

    dataset: str
    tenant: str
    because_of: str | None
    run_id: str
    message: str
    days: tuple[date, ...] | None

    @property
    def when(self) -> str:
        """Its days, for people."""
        if self.days is None:
            return ""
        return f" on {self.days[0]}" if len(self.days) == 1 else f" on {len(self.days)} days from {self.days[0]} on"

    def __str__(self) -> str:
        return f"tenant {self.tenant}: {self.dataset} keeps its earlier rows{self.when}: {self.message}"


def left(connection: sa.Connection, datasets: Collection[str]) -> list[Left]:
    """What is unwritten of the datasets: first what could not be written, then what waits for it.

    A part is of the run (the first, where others did it again) that tried it last.
    """
    rows = connection.execute(sa.text(LEFT), {"datasets": list(datasets)})
    return [
        Left(
            row.dataset,
            row.tenant_id,
            row.because_of,
            row.run_id,
            row.message,
            None if row.days is None else tuple(row.days),
        )
        for row in rows
    ]


def in_one_line(parts: Sequence[Left]) -> str:
    """What could not be written, and how much waits for it."""
    failed = [str(part) for part in parts if part.because_of is None]
    waiting = len({(part.dataset, part.tenant) for part in parts if part.because_of is not None})
    more = f"; {waiting} datasets that read them wait" if waiting else ""
    return f"{'; '.join(failed) or 'nothing else failed'}{more}"
