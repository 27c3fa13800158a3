"""Days, quarters and working hours of the business time zone."""

from __future__ import annotations

import random
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from revops_assets.scenario.model import Plan


def yesterday(timezone: str) -> date:
    """The last day that is over in a time zone."""
    return datetime.now(ZoneInfo(timezone)).date() - timedelta(days=1)


def quarter_start(day: date) -> date:
    """First day of the calendar quarter."""
    return date(day.year, day.month - (day.month - 1) % 3, 1)


def quarters_before(day: date, count: int) -> date:
    """First day of the quarter `count` quarters before the day's."""
    start = quarter_start(day)
    for _ in range(count):
        start = quarter_start(start - timedelta(days=1))
    return start


def quarters_after(start: date) -> date:
    """First day of the next quarter."""
    return quarter_start(start + timedelta(days=100))


def day_end(plan: Plan, day: date) -> datetime:
    """The instant at which a day is over."""
    return datetime.combine(day + timedelta(days=1), time(), ZoneInfo(plan.timezone))


def work_time(rng: random.Random, zone: ZoneInfo, at: datetime) -> datetime:
    """The same day's, or the next working day's, office hours."""
    day = at.date()
    while day.weekday() >= 5:
        day += timedelta(days=1)
    return datetime.combine(day, time(rng.randrange(8, 18), rng.randrange(60), rng.randrange(60)), zone)
