"""What a dataset is: what it reads, and how it is built. Its SQL file says the rest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from revops_assets.errors import RevopsError
from revops_assets.warehouse.sql_files import SqlFile, dataset_files, table_functions


class LookBack(StrEnum):
    """Which earlier days a day of a dataset reads."""

    SEVEN_DAYS = "seven days before"
    FOUR_WEEKS_OF_A_WEEK_THAT_ENDS = "four weeks before, on a week's last day"
    LAST_WEEK = "the end of the week before"
    WEEKS_OF_THE_QUARTER = "the ends of the weeks of its quarter"
    WEEKS_OF_A_QUARTER_THAT_ENDS = "the ends of its quarter's weeks, the last a day early, on the quarter's last day"
    LAST_MONTH = "the end of the month before"
    MONTHS_OF_A_WEEK_THAT_ENDS = "the ends of the twelve months before, on a week's last day"
    PAST_WEEKS = "the ends of the weeks of the fifteen months before"
    PAST_WEEKS_OF_A_MONTH_THAT_ENDS = "the ends of the weeks of the fifteen months before, on a month's last day"
    LAST_QUARTER = "the end of the quarter before"
    PAST_QUARTERS = "the ends of the eight quarters before"
    QUARTERS_SINCE_OVER = "the ends of the seven quarters before the last"


# daily: a partition a day; full_refresh: a table that every run builds again; view: laid down by `revops db upgrade`.
Built = Literal["daily", "full_refresh", "view"]
# select: the file's SELECT; functions: functions of the database; reference file: a CSV file under sql/reference.
MadeBy = Literal["select", "functions", "reference file"]


# Where each tenant's history begins: every daily dataset is built behind it.
HISTORY = "staging.source_coverage"


@dataclass(frozen=True)
class Dataset:
    """A dataset of the warehouse.

    `deps`: what it reads; of daily datasets the same day. `looks_back_on`: daily datasets of which it reads earlier
    days. Not behind history are those that read the CRM itself, no table that is built from it; they compare
    themselves. One that compares with the last day that it stored is stale where that day has changed.
    """

    table: str
    built: Built
    deps: tuple[str, ...]
    looks_back_on: Mapping[str, LookBack] = field(default_factory=dict)
    made_by: MadeBy = "select"
    day_column: str = "snapshot_date"
    is_behind_history: bool = True
    compares_with_last: bool = False

    @property
    def read(self) -> tuple[str, ...]:
        """What it reads (of the same day); behind history also where that begins."""
        is_behind = self.built == "daily" and self.is_behind_history
        return tuple(dict.fromkeys((*self.deps, HISTORY) if is_behind else self.deps))

    @property
    def file(self) -> SqlFile:
        """Its SQL file: description, grain, columns, SELECT. RevopsError where there is none."""
        file = (dataset_files() if self.made_by == "select" else table_functions()).get(self.table)
        if file is None:
            raise RevopsError(f"dataset {self.table}: no file {self.table.replace('.', '/…/')}.sql under sql/")
        return file


def daily(table: str, deps: Iterable[str], looks_back_on: Mapping[str, LookBack] | None = None) -> Dataset:
    """A dataset of daily partitions (column snapshot_date)."""
    return Dataset(table, "daily", tuple(deps), looks_back_on or {})


def full_refresh(table: str, deps: Iterable[str]) -> Dataset:
    """A table that every run builds again, for the tenants of the run."""
    return Dataset(table, "full_refresh", tuple(deps))


def view(table: str, deps: Iterable[str]) -> Dataset:
    """A view."""
    return Dataset(table, "view", tuple(deps))
