"""Daily metrics: functions of the database compute them; here they are called, window by window."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from datetime import date, timedelta
from itertools import pairwise

import sqlalchemy as sa

from revops_assets.building.run import Run
from revops_assets.catalogue.metrics import DEPS, RUN_LOG, STALE_DAYS
from revops_assets.datasets.ledger import note_table
from revops_assets.datasets.offences import Offence, find_offences
from revops_assets.datasets.window import Window, set_transaction_time
from revops_assets.invalidation.look_back import stale_among
from revops_assets.invalidation.unwritten import write_apart
from revops_assets.warehouse.sql_files import table_functions

# How ops.unwritten calls a part's day.
DAY = "snapshot_date"


def spans(days: set[date]) -> Iterator[tuple[date, date]]:
    """Days in a row, as first and last."""
    ordered = sorted(days)
    breaks = [n for n, (day, following) in enumerate(pairwise(ordered), 1) if following - day > timedelta(days=1)]
    for first, after in pairwise([0, *breaks, len(ordered)]) if ordered else ():
        yield ordered[first], ordered[after - 1]


def compute(run: Run, selected: Set[str], window: Window) -> None:
    """Compute a window of days, all tenants together or, where a tenant's rows break that, each by itself."""
    names = sorted(table.removeprefix("metrics.") for table in selected)
    functions = ["backfill_date_range"] if RUN_LOG in selected else [f"refresh_{name}" for name in names]

    def once(connection: sa.Connection, window: Window, alone: bool) -> None:
        set_transaction_time(connection, run.at)
        for function in functions:
            for tenant in window.tenants or (None,):
                connection.execute(
                    sa.text(f"select metrics.{function}(cast(:first as date), cast(:last as date), :tenant)"),
                    {"first": window.start, "last": window.end - timedelta(days=1), "tenant": tenant},
                )

    def explain(connection: sa.Connection, window: Window) -> list[Offence]:
        set_transaction_time(connection, run.at)
        [tenant] = window.tenants or ()
        given = {"first": window.start, "last": window.end - timedelta(days=1), "tenant": tenant, "names": names}
        connection.execute(
            sa.text("select metrics.begin_refresh(cast(:first as date), cast(:last as date), :tenant)"), given
        )
        connection.execute(sa.text("select metrics.read_for(cast(:names as text[]))"), given)
        return [
            offence
            for table in sorted(selected - {RUN_LOG})
            for offence in find_offences(
                connection, table_functions()[table], f"select * from {table}_rows()", run.at, Window()
            )
        ]

    for _ in write_apart(run.warehouse, run.run_id, sorted(selected), window, once, explain):
        pass


def write_metrics(
    run: Run, selected: Set[str], start: date, end: date, riders: Sequence[date] = ()
) -> tuple[date, ...]:
    """Compute the tables for the days from start to end, and for riders that are stale; returns those."""
    with run.warehouse.transaction() as connection:
        asked = stale_among(connection, run.tenants or run.at.tenants, list(riders))
    also = {day for table in selected for day in asked.get(table, ())}
    for first, last in (*spans(also), (start, end)):
        compute(run, selected, Window(DAY, first, last + timedelta(days=1), run.tenants))
    return tuple(sorted(also))


def rewrite_metrics(run: Run, days: Sequence[date]) -> None:
    """Compute days anew: all tables of a day are of one transaction time."""
    for first, last in spans(set(days)):
        compute(run, DEPS.keys(), Window(DAY, first, last + timedelta(days=1), run.tenants))


def ask_for_stale_days(run: Run) -> int:
    """Ask for the days that the newest loads changed; returns how many."""

    def once(connection: sa.Connection, window: Window, alone: bool) -> int:
        set_transaction_time(connection, run.at)
        found = sum(
            connection.scalar(sa.text("select metrics.request_stale_days(:tenant)"), {"tenant": tenant}) or 0
            for tenant in window.tenants or (None,)
        )
        note_table(connection, STALE_DAYS, run.at, window.tenants or run.at.tenants)
        return found

    return sum(
        found for _, found in write_apart(run.warehouse, run.run_id, [STALE_DAYS], Window(tenants=run.tenants), once)
    )
