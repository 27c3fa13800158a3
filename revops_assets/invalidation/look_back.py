"""Days that a dataset compares itself with: which they are, and which of them a run must fill in first."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

import sqlalchemy as sa

from revops_assets.catalogue import DAILY_DATASETS, HISTORY, ancestors, tables_behind_days
from revops_assets.catalogue.dataset import LookBack
from revops_assets.datasets.window import ReadAt
from revops_assets.errors import RevopsError
from revops_assets.settings import get_settings

# Past quarters whose forecasts tell how far to trust the present one: analytics.forecast_confidence.
PAST_QUARTERS = 8
# Months at whose ends deals' health tells what it is worth: analytics.win_rates.
PAST_MONTHS = 12
# Scores are judged by deals that ended in the last year, at the last end of a week that lies 90 days or more before:
# analytics.score_calibration. A quarter's last week may have nine days.
JUDGED_DAYS = 364 + 90 + 9
# How far before the first partition figures are built for later days to look back on.
LOOKED_BACK = timedelta(days=3 * 366)
WEEK = timedelta(days=7)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Place:
    """A day's place in the fiscal year, as in ops.calendar."""

    quarter_start: date
    quarter_end: date
    week_of_quarter: int


class Calendar(dict[date, Place]):
    """Each day's place, and the days that it looks at once somebody has asked."""

    def __init__(self, places: Mapping[date, Place]) -> None:
        super().__init__(places)
        self.read: dict[tuple[LookBack, date], tuple[date, ...]] = {}


Keep = Callable[[str, set[date]], set[date]]


def reads(kind: LookBack, day: date, calendar: Calendar) -> tuple[date, ...]:
    """The days before `day` that it looks at, as far as the calendar reaches."""
    found = calendar.read.get((kind, day))
    if found is None:
        found = calendar.read[kind, day] = tuple(_read(kind, day, calendar))
    return found


def ends_week(day: date, place: Place) -> bool:
    """Whether it is the last day of a week of the quarter, as ops.ends_week has it."""
    return day == place.quarter_end or (place.week_of_quarter < 13 and (day - place.quarter_start) % WEEK == 6 * DAY)


def end_of_last_week(place: Place) -> date:
    """The day before the week's first, as ops.week_start has it."""
    return place.quarter_start + WEEK * (place.week_of_quarter - 1) - DAY


def _read(kind: LookBack, day: date, calendar: Calendar) -> Iterator[date]:
    place = calendar[day]
    if kind is LookBack.SEVEN_DAYS:
        yield day - WEEK
    elif kind is LookBack.FOUR_WEEKS_OF_A_WEEK_THAT_ENDS:
        if ends_week(day, place):
            yield day - 4 * WEEK
    elif kind is LookBack.LAST_WEEK:
        yield end_of_last_week(place)
    elif kind is LookBack.LAST_MONTH:
        yield day.replace(day=1) - DAY
    elif kind is LookBack.MONTHS_OF_A_WEEK_THAT_ENDS:
        end = day.replace(day=1) - DAY
        for _ in range(PAST_MONTHS if ends_week(day, place) else 0):
            yield end
            end = end.replace(day=1) - DAY
    elif kind is LookBack.PAST_WEEKS:
        end = end_of_last_week(place)
        while end in calendar and end >= day - timedelta(days=JUDGED_DAYS):
            yield end
            end = end_of_last_week(calendar[end])
    elif kind is LookBack.PAST_WEEKS_OF_A_MONTH_THAT_ENDS:
        if (day + DAY).day == 1:
            yield from _read(LookBack.PAST_WEEKS, day, calendar)
    elif kind is LookBack.LAST_QUARTER:
        yield place.quarter_start - DAY
    elif kind in (LookBack.PAST_QUARTERS, LookBack.QUARTERS_SINCE_OVER):
        end = place.quarter_start - DAY
        for number in range(PAST_QUARTERS):
            if end not in calendar:
                return
            if number or kind is LookBack.PAST_QUARTERS:
                yield end
            end = calendar[end].quarter_start - DAY
    elif kind is LookBack.WEEKS_OF_THE_QUARTER or day == place.quarter_end:
        for week in range(1, 13):
            if (end := place.quarter_start + WEEK * week - DAY) < day:
                yield end
        if kind is LookBack.WEEKS_OF_A_QUARTER_THAT_ENDS:
            yield place.quarter_end - DAY


def read_calendar(connection: sa.Connection) -> Calendar:
    """ops.calendar; read anew when it was made anew."""
    made = connection.execute(
        sa.text(
            "select timezone, fiscal_year_month, (select min(day) from ops.calendar),"
            " (select max(day) from ops.calendar) from ops.calendar_settings"
        )
    ).one()
    key = (connection.engine.url, *made)
    if key not in _calendars:
        rows = connection.execute(sa.text("select day, quarter_start, quarter_end, week_of_quarter from ops.calendar"))
        _calendars.clear()
        _calendars[key] = Calendar({day: Place(*place) for day, *place in rows})
    return _calendars[key]


_calendars: dict[tuple[object, ...], Calendar] = {}


def days_to_fill(
    connection: sa.Connection,
    table: str,
    selected: Collection[str],
    start: date,
    end: date,
    at: ReadAt,
    tenants: tuple[str, ...] | None,
    also: Mapping[str, set[date]],
) -> list[date]:
    """Days outside [start, end] that the run must write of `table`, in order.

    Those of `also`, by dataset; and those that it or a selected dataset behind it looks back on, that history covers
    and that were never written, or that are stale because what they were built from has changed.

    RevopsError if a dataset that is not selected lacks a day that `table` reads.
    """
    chosen = [tenant for tenant in at.freshness if tenants is None or tenant in tenants]
    calendar = read_calendar(connection)
    # Well before the first partition nothing is looked back on, however old a tenant's first deal is.
    horizon = get_settings().first_day - LOOKED_BACK
    waiting = _waiting(connection)
    begun = {
        tenant: max(since, horizon)
        for tenant, since in history_begins(connection, chosen).items()
        if (tenant, None) not in waiting
    }
    if not begun:
        return []
    earliest = min(begun.values())
    span = [start + DAY * n for n in range((end - start).days + 1)]
    # What would be looked at if nothing had been written yet, to ask about those days only.
    readers = _readers(table, frozenset(selected))
    begin = {name: {*span, *also.get(name, ())} for name in DAILY_DATASETS if name in readers}
    everything = _closure(calendar, begin, lambda _, days: {day for day in days if day >= earliest})
    looked_at = {
        back
        for name, days in everything.items()
        for kind in DAILY_DATASETS[name].looks_back_on.values()
        for day in days
        for back in reads(kind, day, calendar)
    }
    asked = sorted(looked_at.union(*everything.values()))
    own = DAILY_DATASETS[table]
    read = {*own.deps, *own.looks_back_on} & DAILY_DATASETS.keys()
    written = written_among(connection, sorted(readers | read), chosen, asked)

    def is_missing(name: str, day: date) -> bool:
        return any(
            day >= since and (name, tenant, day) not in written and (tenant, (name, day)) not in waiting
            for tenant, since in begun.items()
        )

    stale = stale_among(connection, chosen, asked)
    needs = _closure(
        calendar,
        begin,
        lambda name, days: {day for day in days if is_missing(name, day) or day in stale.get(name, ())},
    )
    mine = needs[table]
    of_days = [(dep, day) for dep in own.deps if dep in DAILY_DATASETS for day in mine] + [
        (dep, back) for dep, kind in own.looks_back_on.items() for day in mine for back in reads(kind, day, calendar)
    ]
    lacking = sorted({(day, dep) for dep, day in of_days if dep not in selected and is_missing(dep, day)})
    if lacking:
        day, dep = lacking[0]
        raise RevopsError(f"{table} reads {dep} of {day}, which was never built: select {dep}, too")
    return sorted(mine - set(span))


@lru_cache
def _readers(table: str, selected: frozenset[str]) -> frozenset[str]:
    """The dataset and those selected that read it, on whatever day, themselves or through others of them."""
    return frozenset(
        name for name in DAILY_DATASETS if name in selected and (name == table or table in ancestors(name))
    )


def _closure(calendar: Calendar, begin: Mapping[str, set[date]], keep: Keep) -> dict[str, set[date]]:
    """For each selected dataset the days that a run needs of it; `keep` chooses those beyond what it begins with."""
    needs: dict[str, set[date]] = {name: set() for name in begin}
    new = {name: set(days) for name, days in begin.items()}
    while new:
        reader, days = new.popitem()
        needs[reader] |= days
        read = [(dep, days) for dep in DAILY_DATASETS[reader].deps] + [
            (dep, {back for day in days if day in calendar for back in reads(kind, day, calendar)})
            for dep, kind in DAILY_DATASETS[reader].looks_back_on.items()
        ]
        for dep, wanted in read:
            if dep in needs and (more := keep(dep, wanted - needs[dep] - new.get(dep, set()))):
                new.setdefault(dep, set()).update(more)
    return needs


def history_begins(connection: sa.Connection, tenants: Sequence[str]) -> dict[str, date]:
    """First day of each tenant's history."""
    rows = connection.execute(
        sa.text(f"select tenant_id, since_date from {HISTORY} where matter = 'deals' and tenant_id = any(:tenants)"),
        {"tenants": list(tenants)},
    )
    return {tenant: since for tenant, since in rows}


def stale_among(connection: sa.Connection, tenants: Sequence[str], days: Sequence[date]) -> dict[str, set[date]]:
    """Which of these days are stale, by dataset."""
    rows = connection.execute(
        sa.text(
            "select distinct dataset, snapshot_date from ops.stale_partitions where tenant_id = any(:tenants)"
            " and snapshot_date = any(:days)"
        ),
        {"tenants": list(tenants), "days": list(days)},
    )
    asked: dict[str, set[date]] = {}
    for name, day in rows:
        asked.setdefault(name, set()).add(day)
    return asked


def _waiting(connection: sa.Connection) -> set[tuple[str, tuple[str, date] | None]]:
    """What a tenant's rows stopped, and is stale for it: (tenant, (dataset, day)); (tenant, None): all of its days."""
    rows = connection.execute(sa.text("select tenant_id, dataset, snapshot_date from ops.unwritten"))
    behind = tables_behind_days()
    return {
        (tenant, None if day is None else (name, day))
        for tenant, name, day in rows
        if day is not None or name in behind
    }


def written_among(
    connection: sa.Connection, datasets: Sequence[str], tenants: Sequence[str], days: Sequence[date]
) -> set[tuple[str, str, date]]:
    """Which of these partitions are in the ledger: (dataset, tenant, day)."""
    rows = connection.execute(
        sa.text(
            "select dataset, tenant_id, array_agg(snapshot_date) from ops.partition_ledger"
            " where dataset = any(:datasets) and tenant_id = any(:tenants) and snapshot_date = any(:days) group by 1, 2"
        ),
        {"datasets": list(datasets), "tenants": list(tenants), "days": list(days)},
    )
    return {(name, tenant, day) for name, tenant, written in rows for day in written}
