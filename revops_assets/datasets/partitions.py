"""The daily partitions that all daily datasets share: one definition, so that one job may hold them all."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import dagster as dg

from revops_assets.errors import RevopsError
from revops_assets.settings import get_settings

# Dagster's own tags: a run of the partitions from one to the other.
RANGE_START_TAG = "dagster/asset_partition_range_start"
RANGE_END_TAG = "dagster/asset_partition_range_end"

_settings = get_settings()

# end_offset 1: today's partition is there while the day runs.
DAILY = dg.DailyPartitionsDefinition(
    start_date=_settings.first_day.isoformat(), timezone=_settings.timezone, end_offset=1
)


def range_tags(first: date, last: date) -> dict[str, str]:
    """Tags that make a run of daily assets cover these days, both included."""
    return {RANGE_START_TAG: str(first), RANGE_END_TAG: str(last)}


def partition_ends() -> tuple[date, date]:
    """The first partition and the newest, which is today's."""
    return _settings.first_day, date.fromisoformat(DAILY.get_last_partition_key() or str(_settings.first_day))


def checked_range(first: str, last: str) -> tuple[date, date]:
    """The days of a range, both included; RevopsError if it is reversed or holds days that have no partition."""
    start, end = date.fromisoformat(first), date.fromisoformat(last)
    oldest, newest = partition_ends()
    if end < start:
        raise RevopsError(f"the range {first} to {last} runs backwards")
    if start < oldest or end > newest:
        raise RevopsError(
            f"{first} to {last}: there are partitions from {oldest} (REVOPS_FIRST_DAY) to {newest}, today"
        )
    return start, end


def months(start: date, end: date) -> Iterator[tuple[date, date]]:
    """[start, end] cut at the ends of months: pairs of first day and day after the last."""
    while start <= end:
        following = (start.replace(day=1) + timedelta(days=32)).replace(day=1)
        yield start, min(following, end + timedelta(days=1))
        start = following
