"""Odd loads: changes of one instant, dates that mean none, deletions and merges that the record itself dates."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from revops_assets.errors import RevopsError
from revops_assets.loading.load import choose_mappings, load_all
from revops_assets.loading.mapping_file import read_mapping
from revops_assets.loading.result import LoadResult
from revops_assets.settings import Settings
from revops_assets_tests.building import materialize
from revops_assets_tests.conftest import Query
from revops_assets_tests.exports import STAGES, USERS, at, change, opportunity, won, write

Take = Callable[..., LoadResult]

WIDE = """
name: wide
files:
  deals:
    path: deals.csv
    fields: {No: id, Seller: text, Made: date, Seen: date optional, Quoted: date optional, Done: date optional}
tables:
  pipeline_stages:
    rows: [{stage_id: Seen, stage_order: 1}, {stage_id: Quoted, stage_order: 2}, {stage_id: Done, stage_order: 3, outcome: won}]
  reps: {from: deals, columns: {rep_id: Seller, name: Seller}}
  opportunities: {from: deals, columns: {opportunity_id: No, owner_id: Seller, created_at: Made}}
  opportunity_history:
    from: deals
    record: No
    changes:
      - {field: stage_id, at: Seen, to: Seen}
      - {field: stage_id, at: Quoted, to: Quoted}
      - {field: stage_id, at: Done, to: Done}
"""


@pytest.fixture
def take(clean: Settings, tmp_path: Path) -> Take:
    """Load an export: take("a", Opportunity=[…], …), with a mapping's YAML or by its name."""
    made = 0

    def load(tenant: str, mapping: str = "", **objects: Any) -> LoadResult:
        nonlocal made
        made += 1
        folder = write(tmp_path / str(made), **objects)
        if mapping:
            (folder / "m.yaml").write_text(mapping)
        return load_all(clean, folder, choose_mappings(folder, ["m.yaml"] if mapping else None), tenant)[-1]

    return load


def test_changes_of_one_row_and_day_are_in_the_mapping_s_order(
    take: Take, clean: Settings, source: Query, warehouse: Query
) -> None:
    """Three steps on one day, and two; one row says nothing of the second. Each order of the rows says the same."""
    rows = ["1,Kim,2024-03-04,2024-03-04,2024-03-04,2024-03-04", "2,Kim,2024-03-04,2024-03-04,2024-03-06,2024-03-06",
            "3,Kim,2024-03-04,2024-03-05,2024-03-05,", "4,Kim,2024-03-04,2024-03-05,,2024-03-05"]  # fmt: skip
    for tenant, lines in (("down", rows), ("up", rows[::-1])):
        result = take(tenant, WIDE, deals="No,Seller,Made,Seen,Quoted,Done\n" + "\n".join(lines) + "\n")
        assert result.rows_conflicting == 0  # one seller of many deals
        states = (
            "select opportunity_id, stage_id, is_won from crm.opportunities_as_of(%s) where tenant_id = %s order by 1"
        )
        assert source(states, "2024-03-05Z", tenant) == [("1", "Done", True), ("2", "Seen", False), ("3", None, False), ("4", None, False)]  # fmt: skip
        assert source(states, "2024-03-08Z", tenant) == [("1", "Done", True), ("2", "Done", True), ("3", "Quoted", False), ("4", "Done", True)]  # fmt: skip
    materialize(clean, '+key:"staging/deal_days"', "2024-03-07")
    assert warehouse(
        "select tenant_id, opportunity_id, status from staging.deal_intervals where d_from <= '2024-03-07' and d_to > '2024-03-07'"
        " order by 1, 2"
    ) == [(t, n, "open" if n == "3" else "won") for t in ("down", "up") for n in "1234"]


@pytest.mark.parametrize("is_last_first", [True, False])
def test_a_circle_within_one_instant_ends_where_the_next_change_begins(
    take: Take, source: Query, is_last_first: bool
) -> None:
    """To Offer, by mistake to Signed, and back to Scoping, all at once; dropped two weeks later: never won."""
    circle = [change("x", "03-05", "Scoping", "Offer"), change("x", "03-05", "Offer", "Signed"), change("x", "03-05", "Signed", "Scoping"),
              change("x", "03-20", "Scoping", "Dropped")]  # fmt: skip
    twice = [change("y", "03-05", "Scoping", "Offer"), change("y", "03-05", "Offer", "Scoping"),
             change("y", "03-08", "Scoping", "Offer", Id="y3"), change("y", "03-08", "Offer", "Scoping", Id="y4"),
             change("y", "03-10", "Scoping", "Offer", Id="y5")]  # fmt: skip
    log = circle + twice
    deals = [opportunity("x", "Dropped", IsClosed=True, SystemModstamp=at("03-20")), opportunity("y", "Offer")]
    take(
        "a",
        OpportunityStage=STAGES,
        User=USERS,
        Opportunity=deals,
        OpportunityFieldHistory=log[::-1] if is_last_first else log,
    )
    told = "select opportunity_id, stage_id, is_closed, is_won from crm.opportunities_as_of(%s) order by 1"
    for day in ("05", "06", "09", "10"):
        assert source(told, f"2024-03-{day}Z") == [
            ("x", "Scoping", False, False),
            ("y", "Scoping", False, False),
        ]
    assert source(told, "2024-03-21Z") == [("x", "Dropped", True, False), ("y", "Offer", False, False)]


def test_the_ends_of_time_are_no_dates_of_a_rate(take: Take, source: Query) -> None:
    rates = [{"Id": "r1", "IsoCode": "GBP", "ConversionRate": 0.8, "StartDate": "0001-01-01", "NextStartDate": "2024-03-10"},
             {"Id": "r2", "IsoCode": "GBP", "ConversionRate": 0.9, "StartDate": "2024-03-10", "NextStartDate": "9999-12-31"}]  # fmt: skip
    result = take("a", OpportunityStage=STAGES, User=USERS, Opportunity=[opportunity("x")], DatedConversionRate=rates)
    assert result.rows_rejected == 0
    assert source("select rate_id, start_date::text, end_date::text from crm.exchange_rates order by 1") == [
        ("r1", None, "2024-03-10"), ("r2", "2024-03-10", None),
    ]  # fmt: skip


def test_a_logged_day_that_no_calendar_holds_is_quarantined(
    take: Take, clean: Settings, source: Query, warehouse: Query
) -> None:
    """The rest of the log counts, and the win is the day's."""
    log = [change("x", "03-10", "9999-12-31", "2024-03-12", "CloseDate"), change("x", "03-12", "Scoping", "Signed")]
    more = [change(f"y{n}", "03-10", "Scoping", "Offer") for n in range(40)]
    result = take("a", OpportunityStage=STAGES, User=USERS, Opportunity=[won("x", "03-12")], OpportunityFieldHistory=log + more)  # fmt: skip
    assert result.rows_rejected == 1
    assert [told["reason"] for told in result.quarantined] == [
        "opportunity_history: close_date 9999-12-31 is not between 1950 and 2149, the years that the calendar holds"
    ]
    materialize(clean, '+key:"analytics/rep_performance"', "2024-03-12")
    assert warehouse("select rep_id, won_today_count from analytics.rep_performance where won_today_count > 0") == [
        ("rep-1", 1)
    ]


def test_the_time_of_a_record_is_its_last_modification_by_either_name(take: Take, source: Query) -> None:
    def record(amount: int, day: str) -> dict[str, Any]:
        deal = opportunity("x", Amount=amount, LastModifiedDate=at(day))
        del deal["SystemModstamp"]
        return deal

    take("a", OpportunityStage=STAGES, User=USERS, Opportunity=[record(800, "03-20")])
    take("a", OpportunityStage=STAGES, User=USERS, Opportunity=[record(300, "03-07")])
    assert source("select amount from crm.opportunities") == [(800,)]


def test_a_closed_deal_without_any_date_is_closed_since_its_version(
    take: Take, clean: Settings, source: Query, warehouse: Query
) -> None:
    take("a", OpportunityStage=STAGES, User=USERS, Opportunity=[won("x", "03-12", CloseDate=None)])
    states = "select is_closed, is_won, closed_at::date::text from crm.opportunities_as_of(%s)"
    assert source(states, "2024-03-12Z") == [(False, False, None)]
    assert source(states, "2024-03-13Z") == [(True, True, "2024-03-12")]
    materialize(clean, '+key:"staging/deal_days"', "2024-03-14")
    assert warehouse("select d_from::text from staging.deal_intervals where status = 'won'") == [("2024-03-12",)]


def test_what_arrives_deleted_is_new_and_what_is_deleted_later_is_deleted(take: Take) -> None:
    told = {"OpportunityStage": STAGES, "User": USERS}
    first = take("a", **told, Opportunity=[opportunity("x"), opportunity("y", IsDeleted=True)])
    later = take("a", **told, Opportunity=[opportunity("x", IsDeleted=True, SystemModstamp=at("03-09"))])
    [deals] = [table for table in first.tables if table["table_name"] == "opportunities"]
    assert (deals["rows_inserted"], deals["rows_updated"], deals["rows_deleted"]) == (2, 0, 0)
    [deals] = [table for table in later.tables if table["table_name"] == "opportunities"]
    assert (deals["rows_inserted"], deals["rows_updated"], deals["rows_deleted"]) == (0, 1, 1)


def test_hubspot_dates_archivings_and_merges(take: Take, source: Query) -> None:
    """Archived on the 10th, though last changed on the 5th; merged with the change of the survivor, on the 20th."""

    def deal(name: str, modified: str, archived_at: str | None = None, **properties: str) -> dict[str, Any]:
        told = {
            "createdate": "2024-03-01T09:00:00Z",
            "dealstage": "s1",
            "hs_lastmodifieddate": f"2024-03-{modified}T09:00:00Z",
        }
        more = (
            {"archived": True, "archivedAt": f"2024-03-{archived_at}T09:00:00Z"} if archived_at else {"archived": False}
        )
        return {"id": name, "properties": told | properties} | more  # fmt: skip

    pipelines = [{"id": "p", "label": "P", "stages": [{"id": "s1", "label": "New", "metadata": {"isClosed": "false"}}]}]
    shared: dict[str, Any] = {"pipelines": pipelines, "owners": [{"id": "1", "firstName": "Ida"}]}
    take("a", **shared, deals=[deal("1", "05", "10"), deal("3", "05"), deal("4", "06")])
    take("a", **shared, deals=[deal("3", "20", hs_merged_object_ids="4")])
    there = "select array_agg(opportunity_id order by opportunity_id) from crm.opportunities_as_of(%s)"
    assert [source(there, f"2024-03-{day}Z")[0][0] for day in ("10", "11", "20", "21")] == [
        ["1", "3", "4"], ["3", "4"], ["3", "4"], ["3"],
    ]  # fmt: skip


def test_an_answer_s_list_may_have_the_object_s_own_name(take: Take, clean: Settings, tmp_path: Path) -> None:
    folder = write(tmp_path / "x", pipelines=[{"id": "p", "stages": [{"id": "s1", "label": "New"}]}], owners=[])
    deals = [{"dealId": n, "properties": {"dealstage": {"value": "s1"}, "createdate": {"value": "1709283600000"}}} for n in (1, 2)]  # fmt: skip
    (folder / "deals.json").write_text(json.dumps({"deals": deals, "hasMore": True, "offset": 2}))
    [result] = load_all(clean, folder, choose_mappings(folder, ["hubspot"]), "a")
    assert (result.rows_read, result.rows_rejected) == (3, 0)
    assert any("deals.json" in note for note in result.notes)


def test_a_second_source_does_not_delete_what_the_first_has(take: Take, source: Query) -> None:
    """The billing system knows due dates of two deals of the CRM and brings one of its own; then it forgets all but one."""
    crm = (
        "name: crm\nfiles: {deals: {path: crm.csv, fields: {No: id, Made: date, Worth: money}}}\n"
        "tables: {opportunities: {from: deals, columns: {opportunity_id: No, created_at: Made, amount: Worth}}}\n"
    )
    billing = (
        "name: billing\ncomplete: true\nfiles: {due: {path: due.csv, fields: {No: id, Due: date}}}\n"
        "tables: {opportunities: {from: due, columns: {opportunity_id: No, close_date: Due}}}\n"
    )
    take("a", crm, crm="No,Made,Worth\n1,2024-03-01,10\n2,2024-03-01,20\n")
    take("a", billing, due="No,Due\n1,2024-03-30\n2,2024-03-30\n9,2024-03-30\n")
    take("a", billing, due="No,Due\n1,2024-03-31\n")
    assert source("select opportunity_id, amount, close_date::text from crm.opportunities where not is_deleted order by 1") == [
        ("1", 10, "2024-03-31"), ("2", 20, "2024-03-30"),
    ]  # fmt: skip


def test_a_field_that_no_record_has_agrees_with_any_log(take: Take, source: Query) -> None:
    log = [
        change("x", "03-05", 10, 60, "Probability"),
        change("x", "03-05", "Scoping", "Offer"),
        change("x", "03-06", 2000, 2600, "Amount"),
    ]
    take("a", OpportunityStage=STAGES, User=USERS, Opportunity=[opportunity("x", "Offer")], OpportunityFieldHistory=log)
    assert source("select field, last_change_to, recorded from crm.history_faults") == [("amount", "2600", "2500.00")]


def test_a_format_that_no_date_has_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(
        WIDE.replace("Made: date", 'Made: {type: date, format: "%d.%m.%Q"}').replace("No: id", "\n     No: id")
    )
    with pytest.raises(RevopsError, match=r"m\.yaml line 7.*%d\.%m\.%Q"):
        read_mapping(tmp_path / "m.yaml")
