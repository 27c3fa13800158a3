"""Daily partitions: a run writes its whole range, a month a transaction, after the days that it looks back on."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby

import sqlalchemy as sa

from revops_assets.building.run import BeforeWrite, Run
from revops_assets.catalogue import is_looked_at
from revops_assets.catalogue.dataset import Dataset
from revops_assets.contracts.guard import keep_contract
from revops_assets.datasets.ledger import note_days, prepare_days
from revops_assets.datasets.offences import Offence, find_offences
from revops_assets.datasets.partitions import months
from revops_assets.datasets.replace import check_columns, renew_statistics, replace_window, selecting
from revops_assets.datasets.restated import keep_restated, remember_rows
from revops_assets.datasets.window import Window, Written
from revops_assets.insights.answers import answers_of_model
from revops_assets.invalidation.look_back import days_to_fill, stale_among
from revops_assets.invalidation.stale import mark_following, mark_look_backs
from revops_assets.invalidation.unwritten import hold, without, write_apart
from revops_assets.learning.health_weights import fit_health_weights
from revops_assets.learning.logistic import fit_logistic
from revops_assets.registry.values import read_metrics

BEFORE_WRITE: dict[str, BeforeWrite] = {
    "analytics.learned_health_weights": fit_health_weights,
    "analytics.logistic_models": fit_logistic,
    "ai.rep_coaching_insights": answers_of_model,
    "semantic.metric_values": read_metrics,
}


@dataclass(frozen=True)
class Days:
    """What a run wrote of a daily dataset: rows, days that were filled in beside its range, later days asked for."""

    windows: tuple[Window, ...]
    filled: tuple[date, ...]
    rows: int
    seconds: float
    requested: int


def write_days(
    run: Run, dataset: Dataset, selected: Collection[str], start: date, end: date, riders: Sequence[date] = ()
) -> Days:
    """Write the days from start to end, and before them those that the run needs: never written, or out of date.

    `selected`: the datasets of the run. `riders`: days that are written, too, if they are stale. Where a day that
    others looked back on has changed, those become stale (ops.stale_partitions).
    """
    with run.warehouse.transaction() as connection:
        tenants = run.tenants or run.at.tenants
        also = stale_among(connection, tenants, list(riders))
        filled = days_to_fill(connection, dataset.table, selected, start, end, run.at, run.tenants, also)
    planned = tuple(windows(filled, start, end, tenants))
    done = list(_write(run, dataset, planned))
    return Days(
        planned,
        tuple(filled),
        sum(written.inserted for written, _ in done),
        sum(written.seconds for written, _ in done),
        sum(asked for _, asked in done),
    )


def rewrite_days(run: Run, dataset: Dataset, days: Sequence[date]) -> None:
    """Write just these days."""
    for _, found in groupby(days, key=lambda day: (day.year, day.month)):
        for _ in _write(run, dataset, [_window_of(tuple(found), run.tenants or ())]):
            pass


def _write(run: Run, dataset: Dataset, planned: Sequence[Window]) -> Iterator[tuple[Written, int]]:
    table, file, before_write = dataset.table, dataset.file, BEFORE_WRITE.get(dataset.table)
    guards = [keep_contract] if file.has_contract else []
    compare = is_looked_at(table) or dataset.compares_with_last

    def prepare(connection: sa.Connection, window: Window) -> None:
        prepare_days(connection, table, run.at, window)
        if before_write:
            before_write(connection, window, run.warehouse, run.at)

    def once(connection: sa.Connection, window: Window, alone: bool) -> tuple[Written, int]:
        check_columns(connection, file)
        prepare(connection, window)
        with selecting(connection, file, window, alone) as select:
            remember_rows(connection, file, window)
            written = replace_window(connection, file, run.at, window, guards, compare, select)
        keep_restated(connection, file, run.at, window, run.run_id)
        asked = mark_look_backs(connection, table, written.changed)
        if dataset.compares_with_last:
            asked += mark_following(connection, table, written.changed)
        note_days(connection, file, run.at, window, run.run_id)
        return written, asked

    def explain(connection: sa.Connection, window: Window) -> list[Offence]:
        prepare(connection, window)
        with selecting(connection, file, window, alone=True) as select:
            return find_offences(connection, file, select, run.at, window)

    done: list[Written] = []
    for window in planned:
        with run.warehouse.transaction() as connection:
            waiting = hold(connection, run.run_id, table, dataset.read, window.tenants, window.all_days)
        for part in without(window, waiting):
            for _, (written, asked) in write_apart(run.warehouse, run.run_id, [table], part, once, explain):
                done.append(written)
                yield written, asked
    with run.warehouse.transaction() as connection:
        renew_statistics(connection, file, done)


def windows(missing: Sequence[date], start: date, end: date, tenants: tuple[str, ...]) -> Iterator[Window]:
    """What is written in one transaction each: the missing days of each quarter of a year, then month after month."""
    for _, found in groupby(missing, key=lambda day: (day.year, (day.month - 1) // 3)):
        yield _window_of(tuple(found), tenants)
    for first, after in months(start, end):
        yield Window("snapshot_date", first, after, tenants)


def _window_of(days: tuple[date, ...], tenants: tuple[str, ...]) -> Window:
    """These days, in order, and no others between them."""
    return Window("snapshot_date", days[0], days[-1] + timedelta(days=1), tenants, days)
