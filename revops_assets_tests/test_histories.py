"""Random histories of deals, read in four ways: staging, daily metrics, crm.opportunities_as_of, and one plain computation."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from revops_assets.settings import Settings
from revops_assets_tests.building import materialize
from revops_assets_tests.conftest import Put, Query

FIRST, DAYS, LOADS = date(2024, 2, 26), 8, 3
OUTCOMES = {"Won": "won", "Lost": "lost"}
MIDNIGHT = datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC)
# Instants within the days: their first, their noon twice as likely, their last.
instants = st.builds(
    lambda day, hours: MIDNIGHT + timedelta(days=day, microseconds=int(hours * 3.6e9) - (hours == 24)),
    st.integers(1, DAYS - 2),
    st.sampled_from([0, 12, 12, 24]),
)
owners, amounts = st.sampled_from(["r1", "r2", None]), st.sampled_from([1, 2, None])
stages, open_stages = st.sampled_from(["Lead", "Demo", "Won", "Lost"]), st.sampled_from(["Lead", "Demo"])


def versions(which: st.SearchStrategy[str], may_go: bool) -> st.SearchStrategy[dict[str, Any]]:
    """A version of a record: closed where its stage is, with or without a closing date and a time of its own."""
    return st.fixed_dictionaries(
        {
            "stage_id": which, "owner_id": owners, "amount": amounts, "modified_at": st.one_of(st.none(), instants, instants),
            "closed_at": st.one_of(st.none(), instants), "is_deleted": st.just(False) if not may_go else st.sampled_from([False] * 4 + [True]),
        }
    )  # fmt: skip


def changes(name: str, values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {"field": st.just(name), "old_value": values, "new_value": values, "changed_at": instants}
    )


def deals(version: Any, *logged: Any) -> st.SearchStrategy[tuple[list[Any], list[Any]]]:
    """What each load brings of a deal: versions of its record, and changes."""
    log = st.lists(st.tuples(st.integers(0, LOADS - 1), st.one_of(*logged)), max_size=4) if logged else st.just([])
    return st.tuples(st.lists(st.tuples(st.integers(0, LOADS - 1), version), min_size=1, max_size=3), log)


texts = st.sampled_from(["1", "2", None])
KINDS = st.one_of(
    deals(versions(stages, True)),
    deals(versions(stages, True), changes("owner_id", owners), changes("amount", texts)),
    deals(versions(stages, True), changes("stage_id", stages), changes("stage_id", stages), changes("owner_id", owners)),
    deals(versions(open_stages, False), changes("stage_id", open_stages), changes("amount", texts),
          changes("status", st.sampled_from(["open", "won", "lost", "deleted"]))),
)  # fmt: skip


# ------------------------------------------------------------------------------------- the plain computation


@dataclass
class Deal:
    """What is stored of a deal: its versions and its changes, each in the order in which they count."""

    created_at: datetime
    versions: list[dict[str, Any]] = field(default_factory=list)
    log: list[dict[str, Any]] = field(default_factory=list)

    def value(self, name: str, at: datetime) -> Any:
        """A field just before an instant."""
        logged = [change for change in self.log if change["field"] == name]
        if logged:
            before = [change["new_value"] for change in logged if change["changed_at"] < at]
            return before[-1] if before else logged[0]["old_value"]
        before = [version[name] for version in self.versions if version["valid_from"] < at]
        return before[-1] if before else self.versions[0][name]

    def turns(self) -> list[tuple[datetime, str]]:
        """When it became open, won or lost; first what it was before."""
        moves = [
            c for c in self.log if c["field"] == "stage_id" or (c["field"] == "status" and c["new_value"] != "deleted")
        ]
        if not moves:
            found = [(datetime.min.replace(tzinfo=UTC), "open")]
            for version in self.versions:
                told = said(version)
                if not version["is_deleted"] and told != found[-1][1]:
                    closed = min(version["closed_at"] or version["valid_from"], version["valid_from"])
                    found.append((max(closed if told != "open" else version["valid_from"], found[-1][0]), told))
            return found
        first = moves[0]
        before = OUTCOMES.get(first["old_value"], "open") if first["field"] == "stage_id" else "open"
        found = [(datetime.min.replace(tzinfo=UTC), before)]
        for move in moves:
            is_stage = move["field"] == "stage_id"
            found.append(
                (move["changed_at"], OUTCOMES.get(move["new_value"], "open") if is_stage else move["new_value"])
            )
        [newest] = [version for version in self.versions if version["is_current"]]
        if (
            said(newest) not in ("open", found[-1][1])
            and not newest["is_deleted"]
            and newest["valid_from"] >= found[-1][0]
        ):
            closed = min(newest["closed_at"] or newest["valid_from"], newest["valid_from"])
            found.append((max(closed, found[-1][0]), said(newest)))
        return found

    def outcome(self, at: datetime) -> tuple[str, datetime | None]:
        """Open, won or lost just before an instant, and since when."""
        turns = [turn for turn in self.turns() if turn[0] < at]
        since = turns[-1]
        for turn in reversed(turns):
            if turn[1] != since[1]:
                break
            since = turn
        return since[1], since[0]

    def is_there(self, at: datetime) -> bool:
        """Whether it had been created and was not deleted."""
        gone = [version["is_deleted"] for version in self.versions if version["valid_from"] < at]
        statuses = [c["new_value"] == "deleted" for c in self.log if c["field"] == "status" and c["changed_at"] < at]
        return self.created_at < at and not (gone and gone[-1]) and not (statuses and statuses[-1])


def said(version: dict[str, Any]) -> str:
    return ("won" if version["is_won"] else "lost") if version["is_closed"] else "open"


def read(source: Query) -> dict[str, Deal]:
    """The deals as they are stored."""
    found: dict[str, Deal] = {}
    for name, created, *rest in source(
        "select v.opportunity_id, v.created_at, v.owner_id, v.amount, v.is_closed, v.is_won, v.closed_at, v.is_deleted,"
        " coalesce(v.modified_at, l.started_at), v.known_from, v.line_no, v.known_to > 1e18 from crm.opportunities_versions as v"
        " inner join crm.loads as l using (load_id) order by 9, 10, 11"
    ):
        names = (
            "owner_id",
            "amount",
            "is_closed",
            "is_won",
            "closed_at",
            "is_deleted",
            "valid_from",
            "known_from",
            "line_no",
            "is_current",
        )
        found.setdefault(name, Deal(created)).versions.append(dict(zip(names, rest, strict=True)))
    for name, *rest in source(
        "select opportunity_id, field, old_value, new_value, changed_at from crm.opportunity_history"
        " order by changed_at, known_from, line_no"
    ):
        found[name].log.append(dict(zip(("field", "old_value", "new_value", "changed_at"), rest, strict=True)))
    for deal in found.values():  # of several versions of one instant the one that was known last
        last = {version["valid_from"]: version for version in deal.versions}
        deal.versions = list(last.values())
    return found


def amount(value: Any) -> Decimal | None:
    return None if value is None else Decimal(value).quantize(Decimal("0.01"))


# ------------------------------------------------------------------------------------- the comparison


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(histories=st.lists(KINDS, min_size=1, max_size=60))
def test_all_readings_of_a_deal_agree_on_every_day(
    clean: Settings, put: Put, source: Query, warehouse: Query, histories: Any
) -> None:
    from revops_assets_tests.conftest import empty

    empty(clean, "source", "'crm', 'crm_staging'")
    empty(clean, "warehouse", "'staging', 'metrics', 'ops'")
    lay(put, histories)
    deals = read(source)
    days = [FIRST + timedelta(n) for n in range(DAYS)]
    plain = {day: as_told(deals, day) for day in days}

    for day in days:
        agree("as_of", deals, told(read_as_of(source, day)), plain[day], day)
    materialize(clean, '+key:"staging/deal_intervals"')
    for day in days:
        agree("staging", deals, told(read_staging(warehouse, day)), plain[day], day)
    warehouse("select metrics.backfill_date_range(%s, %s)", days[0], days[-1])
    for day in days:
        assert read_metrics(warehouse, day) == per_rep(deals, plain, day), day


def read_as_of(source: Query, day: date) -> list[tuple[Any, ...]]:
    return source(
        "select opportunity_id, case when not is_closed then 'open' when is_won then 'won' else 'lost' end, owner_id, amount,"
        " case when is_closed then closed_at end from crm.opportunities_as_of(%s)", MIDNIGHT + timedelta((day - FIRST).days + 1))  # fmt: skip


def read_staging(warehouse: Query, day: date) -> list[tuple[Any, ...]]:
    return warehouse(
        "select opportunity_id, status, owner_id, currency_amount, closed_at from staging.deal_intervals"
        " where d_from <= %s and d_to > %s", day, day)  # fmt: skip


def read_metrics(warehouse: Query, day: date) -> dict[str, tuple[Any, ...]]:
    rows = warehouse(
        "select rep_id, opportunities_created, closed_won_opportunities, revenue_won from metrics.rep_daily_pipeline"
        " where metric_date = %s", day)  # fmt: skip
    return {row[0]: tuple(row[1:]) for row in rows}


def lay(put: Put, histories: Any) -> None:
    """Load the histories, one load after the other."""
    for load in range(LOADS):
        records, log = [], []
        for number, (versions, changes) in enumerate(histories):
            deal = f"d{number:03}"
            due = [version for at, version in versions if at == load] or [
                version for _, version in versions if load == 0
            ]
            for version in due[:1]:
                outcome = OUTCOMES.get(version["stage_id"])
                records.append(version | {
                    "opportunity_id": deal, "created_at": MIDNIGHT + timedelta(hours=6), "is_closed": outcome is not None,
                    "is_won": outcome == "won", "closed_at": version["closed_at"] if outcome else None,
                })  # fmt: skip
            log += [
                change | {"history_id": f"{deal}-{load}-{n}", "opportunity_id": deal}
                for n, (at, change) in enumerate(changes) if at == load
            ]  # fmt: skip
        stages = [{"stage_id": name, "stage_order": n, "outcome": OUTCOMES.get(name, "open"), "name": name, "modified_at": "2020-01-01Z"}
                  for n, name in enumerate(("Lead", "Demo", "Won", "Lost"))]  # fmt: skip
        put("a", pipeline_stages=stages, opportunities=records, opportunity_history=log)


Told = dict[str, tuple[Any, ...]]


def agree(reading: str, deals: dict[str, Deal], read: Told, plain: Told, day: date) -> None:
    for name, deal in deals.items():
        if read.get(name) != plain.get(name):
            raise AssertionError(f"{reading} {day}: {read.get(name)}, plainly {plain.get(name)}: {deal}")


def told(rows: list[tuple[Any, ...]]) -> Told:
    return {row[0]: tuple(row[1:]) for row in rows}


def as_told(deals: dict[str, Deal], day: date) -> Told:
    at = MIDNIGHT + timedelta((day - FIRST).days + 1)
    found: Told = {}
    for name, deal in deals.items():
        if deal.is_there(at):
            outcome, since = deal.outcome(at)
            closed = max(since, deal.created_at) if since and outcome != "open" else None
            found[name] = (outcome, deal.value("owner_id", at), amount(deal.value("amount", at)), closed)
    return found


def per_rep(deals: dict[str, Deal], plain: dict[date, Told], day: date) -> dict[str, tuple[Any, ...]]:
    created: dict[str, int] = defaultdict(int)
    won: dict[str, list[Decimal | None]] = defaultdict(list)
    for name, (outcome, owner, worth, closed) in plain[day].items():
        if deals[name].created_at.date() == day:
            created[owner or "-1"] += 1
        if outcome == "won" and closed.date() == day:
            won[owner or "-1"].append(worth)
    return {
        rep: (created[rep], len(won[rep]), sum((worth or Decimal(0) for worth in won[rep]), Decimal(0)))
        for rep in {*created, *won}
    }
