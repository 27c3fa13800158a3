"""What reps call that their quarter will bring, week by week, and what managers put in its place.

A call is a rep's reading of the deals that stand then: what is won, what is committed, some of the rest, early in a
quarter pulled towards the quota; with the rep's own optimism. Nothing that happens after it is in it.
"""

from __future__ import annotations

import random
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from revops_assets.scenario.calendar import quarter_start, quarters_after, quarters_before, work_time
from revops_assets.scenario.company import HORIZON_DAYS, quota_of
from revops_assets.scenario.model import REPS, WON, Deal, Plan, Rep

# What of a deal's amount is expected, by its forecast category.
EXPECTED = {"Commit": 0.9, "Best Case": 0.45, "Pipeline": 0.12, "Omitted": 0.0}
OVERRIDDEN = 0.3  # of calls


@dataclass(frozen=True)
class Call:
    """What somebody said that a rep's quarter will bring."""

    rep_id: str
    by: str
    quarter: date
    at: datetime
    amount: float | None  # none: what was said before is taken back


class Calls:
    """Sees every deal once, then tells the calls, in order of time for each rep."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        zone = ZoneInfo(plan.timezone)
        day = quarters_before(plan.end_date, plan.quarters - 1)
        day += timedelta(days=-day.weekday() % 7)  # Mondays
        last = plan.end_date + timedelta(days=HORIZON_DAYS)
        self.days = [day + timedelta(days=7 * n) for n in range((last - day).days // 7 + 1)]
        self.times = [datetime.combine(day, time(), zone) for day in self.days]
        self.won: dict[tuple[str, int], float] = {}
        self.expected: dict[tuple[str, int], float] = {}

    def see(self, deal: Deal) -> None:
        """Add what the deal looks like on every Monday of its quarter."""
        state: dict[str, str | None] = {}
        for number, change in enumerate(deal.changes):
            state[change.field] = change.value
            is_last = number + 1 == len(deal.changes)
            until = None if is_last else deal.changes[number + 1].at
            if is_last or until != change.at:
                self._add(deal, state, change.at, until)

    def _add(self, deal: Deal, state: dict[str, str | None], since: datetime, until: datetime | None) -> None:
        """Add what it looks like from one change to the next, or to the end of what is told."""
        owner, amount, close = state.get("OwnerId"), state.get("Amount"), state.get("CloseDate")
        if not (owner and amount and close):
            return
        is_won = state.get("StageName") == WON
        share = 1.0 if is_won else EXPECTED.get(state.get("ForecastCategoryName") or "", 0.0)
        sums = self.won if is_won else self.expected
        quarter = quarter_start(date.fromisoformat(close))
        ends = min(filter(None, (until, deal.deleted_at)), default=None)
        first = max(bisect_left(self.times, since), bisect_left(self.days, quarter))
        last = len(self.times) if ends is None else bisect_left(self.times, ends)
        for week in range(first, min(last, bisect_right(self.days, quarters_after(quarter) - timedelta(days=1)))):
            sums[owner, week] = sums.get((owner, week), 0.0) + share * float(amount)

    def __iter__(self) -> Iterator[Call]:
        for rep in REPS:
            overridden: date | None = None
            for week, day in enumerate(self.days):
                own, other = self._of(rep, week, day)
                yield own
                # What stood and is not said again is taken back.
                if other.amount is not None or overridden == own.quarter:
                    yield other
                overridden = own.quarter if other.amount is not None else None

    def _of(self, rep: Rep, week: int, day: date) -> tuple[Call, Call]:
        """The rep's call, and what the manager puts in its place, if anything."""
        rng = random.Random(f"{self.plan.seed}/{self.plan.end_date}/call/{rep.id}/{day}")
        zone = ZoneInfo(self.plan.timezone)
        quarter = quarter_start(day)
        left = (quarters_after(quarter) - day).days / (quarters_after(quarter) - quarter).days
        won, expected = self.won.get((rep.id, week), 0.0), self.expected.get((rep.id, week), 0.0)
        seen = won + expected * (1 + left)  # some is yet to be found
        pull = 0.5 * left
        looks = (1 - pull) * seen + pull * quota_of(self.plan, rep, quarter)
        amount = max(won, looks * (1 + rep.optimism * (0.4 + 0.6 * left)) * rng.lognormvariate(0, 0.07))
        at = work_time(rng, zone, self.times[week])
        later = work_time(rng, zone, self.times[week] + timedelta(days=1))
        better = None
        if rng.random() < OVERRIDDEN:
            better = round(max(won, amount / (1 + 0.6 * rep.optimism) * rng.lognormvariate(0, 0.05)), -2)
        return (
            Call(rep.id, rep.id, quarter, at, round(amount, -2)),
            Call(rep.id, str(rep.manager_id), quarter, later, better),
        )
