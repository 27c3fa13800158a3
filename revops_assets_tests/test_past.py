"""Reads of the past: as known after a load, as of an instant, against rows written down and against the generator."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from revops_assets.loading.load import load_directory
from revops_assets.loading.mapping_file import read_mapping
from revops_assets.scenario import salesforce
from revops_assets.scenario.company import deals
from revops_assets.scenario.model import LOST, WON
from revops_assets.settings import Settings
from revops_assets_tests.company import GENERATED as PLAN
from revops_assets_tests.company import generated
from revops_assets_tests.conftest import Export, Put, Query

__all__ = ["generated"]


STATE_ONLY = """
name: state-only
files:
  deals:
    path: deals.csv
    fields: {id: id, stage: text, amount: money, created: timestamp, changed: timestamp, closed: timestamp, won: boolean}
tables:
  opportunities:
    from: deals
    columns:
      opportunity_id: id
      stage_id: stage
      amount: amount
      created_at: created
      closed_at: closed
      is_closed: {field: won, values: {"true": "true", "false": "true"}, default: "false"}
      is_won: {field: won, default: "false"}
"""


def stage_change(put: Put, *rows: tuple[str, str, str | None, str | None, str]) -> None:
    """Changes of deal d1: (id, field, old value, new value, instant)."""
    names = ("history_id", "field", "old_value", "new_value", "changed_at")
    put("a", opportunity_history=[{"opportunity_id": "d1", **dict(zip(names, row, strict=True))} for row in rows])


@pytest.fixture
def deal(put: Put) -> Callable[..., None]:
    """A version of deal d1, in a load of its own; keyword arguments are columns."""
    return lambda **columns: put("a", opportunities=[{"opportunity_id": "d1", "created_at": "2024-01-01Z", **columns}])


@pytest.fixture
def as_of(source: Query) -> Callable[..., list[tuple[Any, ...]]]:
    return lambda at, columns="stage_id, amount", known=9223372036854775806: source(
        f"select {columns} from crm.opportunities_as_of(%s, %s) order by opportunity_id", at, known
    )


def test_each_field_has_its_value_of_that_instant(put: Put, deal: Any, as_of: Any) -> None:
    """The issue's rule: new value of the last change before, old value of the first change after, else the record's."""
    deal(stage_id="Proposal", amount=900, owner_id="r2", next_step="call", modified_at="2024-03-01Z")
    stage_change(
        put,
        ("h1", "stage_id", "Lead", "Demo", "2024-02-01Z"),
        ("h2", "stage_id", "Demo", "Proposal", "2024-03-01Z"),
        ("h3", "amount", None, "900.00", "2024-02-15Z"),
        ("h4", "owner_id", "r1", None, "2024-02-01Z"),
        ("h5", "owner_id", None, "r2", "2024-02-10Z"),
    )
    every = "stage_id, amount, owner_id, next_step"
    assert as_of("2024-01-01Z", every) == []  # not yet created: "before" is strict
    assert as_of("2024-01-01 00:00:01Z", every) == [("Lead", None, "r1", "call")]
    assert as_of("2024-02-01Z", every) == [("Lead", None, "r1", "call")]
    assert as_of("2024-02-01 00:00:01Z", every) == [("Demo", None, None, "call")]  # the owner was taken away
    assert as_of("2024-02-20Z", every) == [("Demo", Decimal("900.00"), "r2", "call")]
    assert as_of("2024-03-02Z", every) == [("Proposal", Decimal("900.00"), "r2", "call")]


def test_changes_of_one_instant_go_by_their_order_of_loading(put: Put, deal: Any, as_of: Any) -> None:
    deal(stage_id="C")
    at = "2024-02-01Z"
    stage_change(put, ("h1", "stage_id", "A", "B", at))
    stage_change(put, ("h2", "stage_id", "B", "C", at))
    assert as_of("2024-01-15Z", "stage_id") == [("A",)]
    assert as_of("2024-02-02Z", "stage_id") == [("C",)]


def test_closed_and_reopened(put: Put, deal: Any, as_of: Any) -> None:
    put("a", pipeline_stages=[{"stage_id": "Won", "outcome": "won"}, {"stage_id": "Lost", "outcome": "lost"}])
    deal(stage_id="Won", is_closed=True, is_won=True, closed_at="2024-04-01Z")
    stage_change(
        put,
        ("h1", "stage_id", "Demo", "Lost", "2024-02-01Z"),
        ("h2", "loss_reason", None, "price", "2024-02-20Z"),  # said later: does not close what was reopened, or anew
        ("h3", "stage_id", "Lost", "Demo", "2024-02-10Z"),
        ("h4", "stage_id", "Demo", "Won", "2024-04-01Z"),
    )
    state = "stage_id, is_closed, is_won, closed_at"
    assert as_of("2024-01-15Z", state) == [("Demo", False, False, None)]  # closed later: still open
    assert as_of("2024-02-05Z", state) == [("Lost", True, False, datetime(2024, 2, 1, tzinfo=UTC))]
    assert as_of("2024-02-15Z", state) == [("Demo", False, False, None)]
    assert as_of("2024-03-15Z", state) == [("Demo", False, False, None)]
    assert as_of("2024-05-01Z", state) == [("Won", True, True, datetime(2024, 4, 1, tzinfo=UTC))]


def test_where_no_stage_says_lost_a_loss_reason_closes(export: Export, load: Any, as_of: Any) -> None:
    load(export(deal_changes=[
        "10,2024-01-01 00:00:00,add_time,2024-01-01T00:00:00", "10,2024-01-02 00:00:00,stage_id,1",
        "10,2024-02-01 00:00:00,lost_reason,3", "10,2024-03-01 00:00:00,stage_id,2",
    ]))  # fmt: skip
    state = "stage_id, is_closed, is_won, loss_reason"
    assert as_of("2024-01-02Z", state) == [(None, False, False, None)]  # this export has no old values
    assert as_of("2024-01-15Z", state) == [("1", False, False, None)]
    assert as_of("2024-02-15Z", state) == [("1", True, False, "3")]
    assert as_of("2024-03-15Z", state) == [("2", False, False, "3")]


def test_deleted_and_merged_deals_exist_until_then(source: Query, deal: Any, as_of: Any) -> None:
    deal(stage_id="Demo", modified_at="2024-01-05Z")
    deal(stage_id="Demo", modified_at="2024-02-01Z", is_deleted=True)
    deal(opportunity_id="d2", stage_id="Lead", modified_at="2024-03-01Z", merged_into_id="d3")  # known only as merged
    deal(opportunity_id="d3", stage_id="Lead", modified_at="2024-01-01Z")
    assert as_of("2024-01-15Z", "opportunity_id") == [("d1",), ("d2",), ("d3",)]
    assert as_of("2024-02-01Z", "opportunity_id") == [("d1",), ("d2",), ("d3",)]
    assert as_of("2024-02-15Z", "opportunity_id") == [("d2",), ("d3",)]
    assert as_of("2024-03-15Z", "opportunity_id") == [("d3",)]
    assert source("select opportunity_id from crm.opportunities") == [("d3",)]
    # As known after the first load nothing had been deleted yet.
    assert as_of("2024-03-15Z", "opportunity_id", 1) == [("d1",)]
    assert source("select opportunity_id from crm.opportunities_known_at(1)") == [("d1",)]
    assert source("select opportunity_id from crm.opportunities_known_at(2)") == []


def test_a_source_without_history_is_read_from_its_versions(
    tmp_path: Path, clean: Settings, source: Query, as_of: Any
) -> None:
    """Only current state, no time of modification: what successive loads left, with created and closed dates."""
    (tmp_path / "m.yaml").write_text(STATE_ONLY)
    mapping = read_mapping(str(tmp_path / "m.yaml"))
    states = [
        ["1,Lead,100,2024-01-01,,,"],
        ["1,Demo,100,2024-01-01,,,", "2,Won,70,2024-01-03,,2024-02-01,true"],
        ["1,Demo,250,2024-01-01,,,"],
    ]
    for number, lines in enumerate(states):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "deals.csv").write_text("\n".join(["id,stage,amount,created,changed,closed,won", *lines]) + "\n")
        load_directory(clean, folder, mapping, "a")
    loaded = [at for (at,) in source("select started_at from crm.loads order by load_seq")]
    after = [at + timedelta(microseconds=1) for at in loaded]
    state = "opportunity_id, stage_id, amount, is_closed"
    # Before the first load nothing else is known than what it brought; deal 2 was closed on 1 February.
    assert as_of("2024-01-02Z", state) == [("1", "Lead", 100, False)]
    assert as_of("2024-01-15Z", state) == [("1", "Lead", 100, False), ("2", "Won", 70, False)]
    assert as_of("2024-03-01Z", state) == [("1", "Lead", 100, False), ("2", "Won", 70, True)]
    assert as_of(after[0], state)[0] == ("1", "Lead", 100, False)
    assert as_of(after[1], state)[0] == ("1", "Demo", 100, False)
    assert as_of(after[2], state)[0] == ("1", "Demo", 250, False)


@pytest.mark.parametrize(
    ("field", "value"),
    [("amount", "12k"), ("close_date", "2023-02-29"), ("close_date", "2024-04-31"), ("close_date", "tomorrow"),
     ("probability", ""), ("competitor_status", "asleep")],
)  # fmt: skip
def test_a_change_to_no_value_of_its_field_is_quarantined(
    put: Put, source: Query, deal: Any, as_of: Any, field: str, value: str
) -> None:
    deal(stage_id="Demo")
    stage_change(
        put,
        ("h1", field, None, value, "2024-02-01Z"),
        ("h2", "close_date", "2000-02-29", "2024-12-31", "2024-02-01Z"),
    )
    assert source("select history_id from crm.opportunity_history") == [("h2",)]
    [(reason,)] = source("select reason from crm.load_rejects")
    wanted = {"close_date": "a day, as 2024-03-31", "competitor_status": "named or active"}.get(field, "a number")
    assert reason == f"opportunity_history: {field}: '{value}' is not {wanted}"
    assert as_of("2024-03-01Z", "close_date") == [(date(2024, 12, 31),)]


def test_events_and_memberships_before_an_instant(put: Put, source: Query) -> None:
    put(
        "a",
        activities=[
            {"activity_id": "a1", "type": "call", "occurred_at": "2024-01-01Z"},
            {
                "activity_id": "a2",
                "type": "call",
                "occurred_at": "2024-01-02Z",
                "is_deleted": True,
                "modified_at": "2024-02-01Z",
            },
        ],
        opportunity_contacts=[{"opportunity_contact_id": "c1", "role": "Champion", "created_at": "2024-01-05Z"}],
        reps=[{"rep_id": "r1", "modified_at": "2024-06-01Z"}],
    )

    def ids(table: str, key: str, at: str) -> list[str]:
        return [found for (found,) in source(f"select {key} from crm.{table}_as_of(%s) order by 1", at)]

    assert ids("activities", "activity_id", "2024-01-02Z") == ["a1"]
    assert ids("activities", "activity_id", "2024-01-03Z") == ["a1", "a2"]
    assert ids("activities", "activity_id", "2024-02-02Z") == ["a1"]
    assert ids("opportunity_contacts", "opportunity_contact_id", "2024-01-05Z") == []
    assert ids("opportunity_contacts", "opportunity_contact_id", "2024-01-06Z") == ["c1"]
    assert ids("reps", "rep_id", "2020-01-01Z") == ["r1"]  # people are there before their record was last touched


FIELDS = {
    "StageName": "stage_id", "Amount": "amount", "CloseDate": "close_date", "OwnerId": "owner_id",
    "ForecastCategoryName": "forecast_category", "Probability": "probability", "NextStep": "next_step",
    "Discount__c": "discount_pct",
}  # fmt: skip


def as_generated(at: datetime) -> Iterator[tuple[Any, ...]]:
    """What the generator itself says of every deal just before an instant."""
    for found in sorted(deals(PLAN), key=lambda found: found.id):
        if found.created_at < at and (found.deleted_at is None or found.deleted_at >= at):
            state = found.state(at)
            numbers = {"Amount", "Probability", "Discount__c"}
            values = (
                None if state.get(name) is None else Decimal(str(state[name])) if name in numbers else state[name]
                for name in FIELDS
            )
            yield found.id, *values, state["StageName"] in (WON, LOST), state["StageName"] == WON, found.closed_at(at)


def test_any_instant_of_the_generated_company_is_as_its_generator_says(
    tmp_path: Path, generated: Settings, source: Query
) -> None:
    columns = "opportunity_id, stage_id, amount, close_date::text, owner_id, forecast_category, probability, next_step, discount_pct, is_closed, is_won, closed_at"
    # Before and after the change to summer time, a leap day's end, a quarter's edge, one in the middle of a working day.
    for text in (
        "2023-11-07T12:30+01:00",
        "2024-03-01T00:00+01:00",
        "2024-03-31T00:00+01:00",
        "2024-04-01T00:00+02:00",
        "2024-04-03T00:00+02:00",
    ):
        at = datetime.fromisoformat(text)
        assert source(f"select {columns} from crm.opportunities_as_of(%s) order by 1", at) == list(as_generated(at))
    # No look-ahead: the export cut at an instant knows of it what the full one says.
    cut = datetime.fromisoformat("2024-02-14T09:00+01:00")
    salesforce.write(tmp_path / "cut", PLAN, cut)
    load_directory(generated, tmp_path / "cut", read_mapping("salesforce"), "cut")
    both = source(f"select tenant_id, {columns} from crm.opportunities_as_of(%s) order by 1, 2", cut)
    assert (
        [row[1:] for row in both if row[0] == "cut"]
        == [row[1:] for row in both if row[0] == "a"]
        == list(as_generated(cut))
    )
