"""Deals as of each day: tiny histories with their exact days, and the generated company against its generator."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from revops_assets.scenario.calendar import day_end
from revops_assets.scenario.company import deals
from revops_assets.scenario.model import LOST, REPS, STAGES, Deal
from revops_assets.settings import Settings
from revops_assets_tests.building import materialize
from revops_assets_tests.company import GENERATED as PLAN
from revops_assets_tests.company import SAMPLED, generated
from revops_assets_tests.conftest import DAILY_STATE, Put, Query
from revops_assets_tests.test_stage_visits import STAGES as SMALL_STAGES
from revops_assets_tests.test_stage_visits import deal, moves

__all__ = ["generated"]


Days = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def days(clean: Settings, warehouse: Query) -> Days:
    """Build the days from first to last and read columns of staging.deal_days."""

    def read(columns: str, first: str, last: str = "") -> list[tuple[Any, ...]]:
        materialize(clean, DAILY_STATE, first, last)
        return warehouse(
            f"select to_char(snapshot_date, 'MM-DD'), {columns} from staging.deal_days where snapshot_date between %s and %s"
            " order by 1, opportunity_id", first, last or first,
        )  # fmt: skip

    return read


def activity(key: str, at: str, kind: str = "meeting", contact: str | None = "c1", **columns: Any) -> dict[str, Any]:
    return {"activity_id": key, "opportunity_id": "d1", "type": kind, "contact_id": contact, "occurred_at": f"2024-{at}Z",
            "is_done": True, **columns}  # fmt: skip


def test_a_deal_is_there_from_its_creation_to_its_end(put: Put, days: Days) -> None:
    put(
        "a",
        pipeline_stages=SMALL_STAGES,
        opportunities=[deal("Won", "d1", "2024-02-02 23:59:59Z"), deal("A", "d2", is_deleted=True, modified_at="2024-02-04 12:00Z"),
                       deal("A", "d3", merged_into_id="d1", modified_at="2024-02-05Z")],
        opportunity_history=moves(("A", "Won", "02-05 08:00"), ("Won", "A", "02-06"), ("A", "Won", "02-06 10:00")),
    )  # fmt: skip
    # d3 is merged at midnight: at the end of the 4th it had not yet been. d1 is won on the 5th, and reopened and won on the 6th.
    assert days("opportunity_id", "2024-02-01", "2024-02-07") == [
        ("02-01", "d2"), ("02-01", "d3"), ("02-02", "d1"), ("02-02", "d2"), ("02-02", "d3"), ("02-03", "d1"), ("02-03", "d2"),
        ("02-03", "d3"), ("02-04", "d1"), ("02-04", "d3"),
    ]  # fmt: skip


def test_each_day_has_the_values_of_its_end(put: Put, days: Days) -> None:
    put(
        "a",
        pipeline_stages=SMALL_STAGES,
        reps=[{"rep_id": "r1", "name": "Ann", "manager_id": "m1", "region": "West", "segment": "SMB", "modified_at": "2024-01-01Z"},
              {"rep_id": "m1", "name": "Mia", "modified_at": "2024-01-01Z"}, {"rep_id": "m2", "name": "Max", "modified_at": "2024-01-01Z"}],
        opportunities=[deal("B", owner_id=None, amount=None, close_date="2024-06-30", forecast_category="Forecast", discount_pct=5)],
        opportunity_history=[
            *moves(("A", "B", "02-01 12:00")),
            *moves(("100", "200", "02-02 09:00"), ("200", None, "02-03 09:00"), field="amount"),
            *moves(("2024-03-31", "2024-05-31", "02-02"), ("2024-05-31", "2024-04-30", "02-02 01:00"), ("2024-04-30", "2024-06-30", "02-03"),
                   field="close_date"),
            *moves(("r1", None, "02-03"), field="owner_id"),
        ],
    )  # fmt: skip
    put(
        "a",
        reps=[
            {"rep_id": "r1", "name": "Ann", "manager_id": "m2", "region": "East", "modified_at": "2024-02-02 15:00Z"}
        ],
    )
    columns = "stage_id, round(days_in_stage::numeric, 2), amount, close_date::text, pushes_count, owner_name, team_name, region, forecast_category"
    assert days(columns, "2024-01-31", "2024-02-03") == [
        ("01-31", "A", 31, 100, "2024-03-31", 0, "Ann", "Mia", "West", "Commit"),
        ("02-01", "B", Decimal("0.5"), 100, "2024-03-31", 0, "Ann", "Mia", "West", "Commit"),
        ("02-02", "B", Decimal("1.5"), 200, "2024-04-30", 1, "Ann", "Max", "East", "Commit"),
        ("02-03", "B", Decimal("2.5"), None, "2024-06-30", 2, "Unassigned", "Unassigned", None, "Commit"),
    ]


def test_what_a_closing_left_on_a_reopened_deal_does_not_count(put: Put, days: Days) -> None:
    """Lost on the 5th, reopened on the 8th: d1 as the closing left it, d2 with a date set later, d3 due in May all along."""
    lost = (("A", "Lost", "02-05 10:00"), ("Lost", "A", "02-08 09:00"))
    put(
        "a",
        pipeline_stages=[*SMALL_STAGES, {"stage_id": "Lost", "stage_order": 9, "outcome": "lost"}],
        opportunities=[deal("A", "d1", close_date="2024-02-05", probability=0), deal("A", "d2", close_date="2024-04-30", probability=20),
                       deal("A", "d3", close_date="2024-05-31", probability=20)],
        opportunity_history=[
            *(row for name in ("d1", "d2", "d3") for row in moves(*lost, deal=name)),
            *moves(("2024-03-31", "2024-02-05", "02-05 10:00"), ("2024-02-05", "2024-04-30", "02-09 12:00"), field="close_date", deal="d2"),
            *moves(("20", "0", "02-05 10:00"), ("0", "20", "02-08 09:00"), field="probability", deal="d2"),
        ],
    )  # fmt: skip
    assert days("opportunity_id, close_date::text, probability", "2024-02-08", "2024-02-09") == [
        ("02-08", "d1", None, None), ("02-08", "d2", None, 20), ("02-08", "d3", "2024-05-31", 20),
        ("02-09", "d1", None, None), ("02-09", "d2", "2024-04-30", 20), ("02-09", "d3", "2024-05-31", 20),
    ]  # fmt: skip


def test_a_deal_that_is_won_once_more_closes_when_its_record_says(put: Put, clean: Settings, warehouse: Query) -> None:
    """Won on the 5th, reopened, won again on the 9th with the close date untouched: booked by that date, as by the daily metrics."""
    put(
        "a",
        pipeline_stages=SMALL_STAGES,
        opportunities=[deal("Won", "d1", close_date="2024-02-05", probability=100)],
        opportunity_history=moves(("A", "Won", "02-05"), ("Won", "A", "02-07"), ("A", "Won", "02-09"), deal="d1"),
    )
    materialize(clean, 'tag:"revops/built"="full_refresh"')
    spans = "select d_from::text, status, close_date::text, probability from staging.deal_intervals where d_from >= '2024-02-05' order by 1"
    assert warehouse(spans) == [
        ("2024-02-05", "won", "2024-02-05", 100), ("2024-02-07", "open", None, None), ("2024-02-09", "won", "2024-02-05", 100),
    ]  # fmt: skip


def test_engagement_comes_and_goes(put: Put, clean: Settings, warehouse: Query) -> None:
    put(
        "a",
        opportunities=[deal("A")],
        activities=[
            activity("1", "01-10", "call", is_answered=True), activity("2", "01-11", "call", "c2", is_answered=False),
            activity("3", "01-12", "email", "c2"), activity("4", "01-13", "meeting", "c3", is_done=False),
            activity("5", "01-14", "demo", None), activity("6", "01-20 23:59:59", "email", "c4", is_answered=True),
            activity("7", "04-08", "meeting", "c4"),
        ],
        opportunity_contacts=[
            {"opportunity_contact_id": "x1", "opportunity_id": "d1", "contact_id": "c1", "role": "Economic Buyer", "created_at": "2024-01-15Z"},
            {"opportunity_contact_id": "x2", "opportunity_id": "d1", "contact_id": "c9", "role": "Champion", "created_at": "2024-01-16Z",
             "is_deleted": True, "modified_at": "2024-02-01Z"},
        ],
    )  # fmt: skip
    materialize(clean, '+key:"staging/deal_intervals"')

    def on(day: str) -> tuple[Any, ...]:
        [row] = warehouse(
            "select to_char(last_two_way_at, 'MM-DD'), engaged_contacts_count, champions_count, engaged_economic_buyers_count"
            " from staging.deal_intervals where d_from <= %(day)s and d_to > %(day)s".replace("%(day)s", f"'2024-{day}'")
        )  # fmt: skip
        return row

    assert on("01-09") == (None, 0, 0, 0)
    assert on("01-10") == ("01-10", 1, 0, 0)
    assert on("01-13") == ("01-10", 1, 0, 0)  # not answered, no reply, not held
    assert on("01-14") == ("01-14", 1, 0, 0)  # a demo with nobody in particular
    assert on("01-15") == ("01-14", 1, 0, 1)
    assert on("01-16") == ("01-14", 1, 1, 1)
    assert on("01-20") == ("01-20", 2, 1, 1)
    assert on("02-01") == ("01-20", 2, 0, 1)  # no champion any more
    assert on("04-08") == ("04-08", 2, 0, 1)  # the 89th day after the 10th of January
    assert on("04-09") == ("04-08", 1, 0, 0)
    assert on("04-19") == ("04-08", 1, 0, 0)  # the 90th after the 20th: engaged anew in between
    assert on("07-07") == ("04-08", 0, 0, 0)


def test_days_are_those_of_the_business_time_zone(put: Put, days: Days, business_zone: Callable[[str], None]) -> None:
    """On 31 March Berlin's day has 23 hours; half past ten in the evening, UTC, is already the next day there."""
    business_zone("Europe/Berlin")
    put("a", opportunities=[deal("A", created="2024-03-30 22:30Z"), deal("A", "d2", created="2024-03-30 23:30Z")])
    assert days("opportunity_id, round(days_in_stage::numeric * 24, 1), as_of::text", "2024-03-30", "2024-04-01") == [
        ("03-30", "d1", Decimal("0.5"), "2024-03-30 23:00:00+00"),
        ("03-31", "d1", Decimal("23.5"), "2024-03-31 22:00:00+00"), ("03-31", "d2", Decimal("22.5"), "2024-03-31 22:00:00+00"),
        ("04-01", "d1", Decimal("47.5"), "2024-04-01 22:00:00+00"), ("04-01", "d2", Decimal("46.5"), "2024-04-01 22:00:00+00"),
    ]  # fmt: skip


def test_the_day_of_the_newest_load_is_seen_as_of_that_load(put: Put, days: Days, source: Query) -> None:
    put("a", opportunities=[deal("A", created="2024-03-30 22:30Z")])
    [(finished,)] = source("select finished_at from crm.loads")
    today = finished.date().isoformat()
    assert days("as_of", (finished.date() - timedelta(days=1)).isoformat())[0][1] == datetime.combine(
        finished.date(), datetime.min.time(), finished.tzinfo
    )
    assert days("as_of", today)[0][1] == finished


# ---------------------------------------------------------------------------------- against the generator

ZONE = ZoneInfo(PLAN.timezone)


@lru_cache
def company_deals() -> tuple[Deal, ...]:
    """The company's deals: of one plan they are always the same."""
    return tuple(deals(PLAN))


def whole(at: datetime) -> datetime:
    return at.replace(microsecond=0)


def elapsed(start: datetime, end: datetime) -> float:
    """Days between two instants (times of one zone subtract as clocks show them, which is not what has elapsed)."""
    return (end.astimezone(UTC) - start.astimezone(UTC)) / timedelta(days=1)


def is_two_way(found: Any) -> bool:
    return bool(
        found.is_done and (found.kind in ("meeting", "demo") or (found.kind in ("call", "email") and found.is_answered))
    )


def open_on(day: date) -> list[Deal]:
    """Deals that exist and are open at the day's end."""
    end = day_end(PLAN, day)
    return [
        found for found in sorted(company_deals(), key=lambda found: found.id)
        if found.created_at < end and found.closed_at(end) is None and (found.deleted_at is None or found.deleted_at >= end)
    ]  # fmt: skip


def close_date(found: Deal, end: datetime) -> str | None:
    """As told last, but not by the closing of a deal that is open again."""
    [*_, last] = [change for change in found.changes if change.field == "CloseDate" and change.at < end]
    closings = [change.at for change in found.changes if change.field == "StageName" and change.value == LOST]
    return None if found.closed_at(end) is None and last.at in closings else last.value


def as_told(found: Deal, day: date) -> dict[str, Any]:
    """A deal at a day's end, from the generator's own events."""
    end = day_end(PLAN, day)
    state = found.state(end)
    steps = [change for change in found.changes if change.field == "StageName" and change.at < end]
    dates = [change.value for change in found.changes if change.field == "CloseDate" and change.at < end]
    talks = [done for done in found.activities if done.at < end and is_two_way(done)]
    last = max((whole(done.at) for done in talks), default=None)
    engaged = {
        done.contact_id
        for done in talks
        if done.contact_id and done.at.astimezone(ZONE).date() > day - timedelta(days=90)
    }
    owner = next((rep for rep in REPS if rep.id == state["OwnerId"]), None)
    return {
        "stage_id": f"01J{[stage.name for stage in STAGES].index(str(state['StageName'])) + 1:04d}",
        "days_in_stage": elapsed(whole(steps[-1].at), end),
        "amount": state["Amount"] and Decimal(state["Amount"]),
        "close_date": close_date(found, end),
        "owner_id": state["OwnerId"] or "-1",
        "team_id": (owner.manager_id or "none") if owner else "-1",
        "forecast_category": state["ForecastCategoryName"],
        "discount_pct": Decimal(str(state["Discount__c"])),
        "competitor_status": found.competitor[1] if found.competitor else None,
        "pushes_count": sum(bool(a and b and b > a) for a, b in pairwise(dates)),
        "reopenings_count": sum(change.value == LOST for change in steps[:-1]),
        "last_two_way_at": last,
        "days_since_two_way": (day - (last or found.created_at).astimezone(ZONE).date()).days,
        "engaged_contacts_count": len(engaged),
        "has_champion": any(role.role == "Champion" and role.since < end for role in found.roles),
        "has_engaged_economic_buyer": any(
            role.role == "Economic Buyer" and role.since < end and role.contact_id in engaged for role in found.roles
        ),
    }


@pytest.mark.usefixtures("generated")
def test_the_generated_company_s_days(warehouse: Query) -> None:
    for day in SAMPLED:
        expected = {found.id: as_told(found, day) for found in open_on(day)}
        assert len(expected) > 30
        columns = list(next(iter(expected.values())))
        names = ", ".join("close_date::text" if name == "close_date" else name for name in columns)
        rows = warehouse(f"select opportunity_id, {names} from staging.deal_days where snapshot_date = %s", day)
        built = {key: dict(zip(columns, values, strict=True)) for key, *values in rows}
        assert built.keys() == expected.keys()
        for key, told in expected.items():
            assert built[key].pop("days_in_stage") == pytest.approx(told.pop("days_in_stage"), abs=1e-9)
            assert built[key] == told, (day, key)
