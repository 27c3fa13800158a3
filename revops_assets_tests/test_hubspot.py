"""HubSpot's exports in the shapes that its API, other tools and its portal give them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from revops_assets.loading.find import detect_mapping
from revops_assets.loading.load import choose_mappings, load_all
from revops_assets.settings import Settings
from revops_assets_tests.building import materialize
from revops_assets_tests.conftest import Query
from revops_assets_tests.exports import write

PIPELINES = {"results": [{"id": "p1", "label": "Neugeschäft", "stages": [
    {"id": "s1", "label": "Kontakt", "displayOrder": 0, "metadata": {"isClosed": "false", "probability": "0.2"}},
    {"id": "s2", "label": "Angebot", "displayOrder": 1, "metadata": {"isClosed": "false", "probability": "0.6"}},
    {"id": "s8", "label": "Gewonnen", "displayOrder": 2, "metadata": {"isClosed": "true", "probability": "1.0"}},
    {"id": "s9", "label": "Verloren", "displayOrder": 3, "metadata": {"isClosed": "true", "probability": "0.0"}},
]}]}  # fmt: skip
# Contact on the 4th, offer on the 8th, won on the 14th of March.
STEPS = {"s1": "2024-03-04T09:00:00Z", "s2": "2024-03-08T09:00:00Z", "s8": "2024-03-14T09:00:00Z"}
MILLIS = {"s1": 1709542800000, "s2": 1709888400000, "s8": 1710406800000}
PROPERTIES = {
    "dealname": "Lux", "dealstage": "s8", "pipeline": "p1", "amount": "6400.50", "deal_currency_code": "EUR", "hubspot_owner_id": "31",
    "createdate": STEPS["s1"], "closedate": STEPS["s8"], "hs_lastmodifieddate": "2024-03-14T09:00:02Z", "hs_is_closed_won": "true",
}  # fmt: skip


def deals(shape: str) -> list[dict[str, Any]]:
    """The same deal, as each of them tells it."""
    entered = {f"hs_date_entered_{name}": at for name, at in STEPS.items()}
    history = {"dealstage": [{"value": name, "timestamp": at} for name, at in reversed(STEPS.items())],
               "closedate": [{"value": str(MILLIS["s8"]), "timestamp": STEPS["s1"]}]}  # fmt: skip
    return {
        "history": [{"id": "1", "properties": PROPERTIES, "propertiesWithHistory": history, "archived": False,
                     "associations": {"contacts": {"results": [{"id": "61", "type": "x"}]}, "companies": {"results": [{"id": "71"}]}}}],
        "entered": [{"id": "1", "properties": PROPERTIES | entered, "archived": False, "companies": ["71"]}],
        "entered, second spelling": [{"id": "1", "properties": PROPERTIES | {f"hs_v2_date_entered_{name}": at for name, at in STEPS.items()}}],
        "flat": [{"id": 1, **{f"properties_{name}": value for name, value in (PROPERTIES | entered).items()}, "archived": False}],
        "older API": [{"dealId": 1, "isDeleted": False, "properties": {
            name: {"value": str(MILLIS["s8"]) if name == "closedate" else value, "versions": (
                [{"value": stage, "timestamp": at} for stage, at in reversed(MILLIS.items())] if name == "dealstage" else [])}
            for name, value in PROPERTIES.items()}}],
    }[shape]  # fmt: skip


@pytest.mark.parametrize("shape", ["history", "entered", "entered, second spelling", "flat", "older API"])
def test_a_deal_of_every_shape(clean: Settings, tmp_path: Path, source: Query, shape: str) -> None:
    write(
        tmp_path, pipelines=[PIPELINES["results"][0]], owners=[{"id": "31", "firstName": "Ida", "lastName": "Brandt"}]
    )
    (tmp_path / "deals.json").write_text(json.dumps({"results": deals(shape)}))
    assert detect_mapping(tmp_path).name == "hubspot"
    [result] = load_all(clean, tmp_path, choose_mappings(tmp_path), "a")
    assert (result.rows_rejected, result.unread) == (0, [])
    assert source("select opportunity_id, name, amount, currency, owner_id, pipeline_id, close_date::text, is_closed, is_won, closed_at::text"
                  " from crm.opportunities") == [
        ("1", "Lux", pytest.approx(6400.5), "EUR", "31", "p1", "2024-03-14", True, True, "2024-03-14 09:00:00+00")
    ]  # fmt: skip
    stages = "select stage_id, is_closed from crm.opportunities_as_of(%s)"
    assert [source(stages, f"2024-03-{day}Z")[0] for day in ("05", "09", "15")] == [
        ("s1", False),
        ("s2", False),
        ("s8", True),
    ]
    assert source("select stage_id, outcome, probability from crm.pipeline_stages order by stage_order") == [
        ("s1", "open", 20), ("s2", "open", 60), ("s8", "won", 100), ("s9", "lost", 0)
    ]  # fmt: skip
    assert source("select name from crm.reps") == [("Ida Brandt",)]
    if shape == "history":
        assert source("select contact_id from crm.opportunity_contacts") == [("61",)]
        assert source("select account_id from crm.opportunities") == [("71",)]


def test_the_portal_s_csv_has_labels(clean: Settings, tmp_path: Path, source: Query) -> None:
    (tmp_path / "hubspot-crm-exports-all-deals-2024-03-15.csv").write_text(
        "Record ID,Deal Name,Deal Stage,Pipeline,Amount,Close Date,Create Date,Deal owner,Last Modified Date,Is Closed Won\n"
        '1,Lux,Gewonnen,Neugeschäft,"6,400.50",2024-03-14 09:00,2024-03-04 09:00,Ida Brandt,2024-03-14 09:05,true\n'
        "2,Nox,Angebot,Neugeschäft,,2024-04-30 09:00,2024-03-05 10:00,,2024-03-05 10:00,false\n"
    )
    load_all(clean, tmp_path, choose_mappings(tmp_path), "a")
    assert source("select opportunity_id, stage_id, amount, owner_id, is_won, closed_at::date::text from crm.opportunities order by 1") == [
        ("1", "Gewonnen", pytest.approx(6400.5), "Ida Brandt", True, "2024-03-14"), ("2", "Angebot", None, None, False, None),
    ]  # fmt: skip


def test_calls_meetings_merged_and_archived_deals(
    clean: Settings, tmp_path: Path, source: Query, warehouse: Query
) -> None:
    def engagement(name: str, **properties: str) -> dict[str, Any]:
        return {"id": name, "properties": {"hs_timestamp": "2024-03-12T10:00:00Z", "hubspot_owner_id": "31", **properties},
                "associations": {"deals": {"results": [{"id": "1"}]}, "contacts": {"results": [{"id": "61"}]}}}  # fmt: skip

    def deal(name: str, **more: Any) -> dict[str, Any]:
        return {
            "id": name,
            "properties": PROPERTIES | {"dealstage": "s1", "hs_is_closed_won": "false", **more.pop("properties", {})},
            **more,
        }

    first = write(tmp_path / "1", pipelines=[PIPELINES["results"][0]], deals=[deal("1"), deal("2"), deal("3")])
    load_all(clean, first, choose_mappings(first), "a")
    second = write(
        tmp_path / "2", deals=[deal("1", properties={"hs_merged_object_ids": "2"}), deal("3", archived=True)],
        calls=[engagement("c1", hs_call_status="COMPLETED"), engagement("c2", hs_call_status="NO_ANSWER"), engagement("c3", hs_call_status="CANCELED")],
        emails=[engagement("e1", hs_email_direction="INCOMING_EMAIL"), engagement("e2", hs_email_direction="EMAIL")],
        meetings=[engagement("m1", hs_meeting_outcome="COMPLETED"), engagement("m2", hs_meeting_outcome="NO_SHOW")],
        tasks=[engagement("t1", hs_task_status="COMPLETED"), engagement("t2", hs_task_status="NOT_STARTED")],
        engagements=[{"engagement": {"id": 9, "type": "CALL", "timestamp": 1710237600000, "ownerId": 31}, "associations": {"dealIds": [1]},
                      "metadata": {"status": "COMPLETED"}},
                     {"engagement": {"id": 10, "type": "NOTE", "timestamp": 1710237600000}, "metadata": {}}],
    )  # fmt: skip
    load_all(clean, second, choose_mappings(second), "a")
    assert source("select opportunity_id, merged_into_id, is_deleted from crm.opportunities_current order by 1") == [
        ("1", None, False), ("2", "1", True), ("3", None, True),
    ]  # fmt: skip
    assert source("select activity_id, type, is_done, is_answered, opportunity_id from crm.activities order by 1") == [
        ("9", "call", True, True, "1"), ("c1", "call", True, True, "1"), ("c2", "call", True, False, "1"), ("c3", "call", False, False, "1"),
        ("e1", "email", True, True, "1"), ("e2", "email", True, False, "1"), ("m1", "meeting", True, None, "1"), ("m2", "meeting", False, None, "1"),
        ("t1", "task", True, None, "1"), ("t2", "task", False, None, "1"),
    ]  # fmt: skip
    materialize(clean, '+key:"staging/deal_days"', "2024-03-12")
    assert warehouse("select opportunity_id, stage_name from staging.deal_days order by 1") == [
        ("1", "Kontakt"), ("2", "Kontakt"), ("3", "Kontakt"),
    ]  # fmt: skip
    assert source("select need from crm.source_notes('UTC')") == []


def test_rates_are_the_other_way_round(clean: Settings, tmp_path: Path, warehouse: Query) -> None:
    """A euro is 1.25 dollars: the deal of 6,400.50 euros is worth 8,000.63 at home."""
    rates = [
        {
            "id": "r1",
            "fromCurrencyCode": "EUR",
            "toCurrencyCode": "USD",
            "conversionRate": 1.25,
            "effectiveAt": "2024-01-01T00:00:00Z",
        }
    ]
    write(tmp_path, pipelines=[PIPELINES["results"][0]], deals=deals("history"), exchange_rates=rates)
    load_all(clean, tmp_path, choose_mappings(tmp_path), "a")
    materialize(clean, '+key:"staging/deal_days"', "2024-03-12")
    assert [
        (str(amount), currency) for amount, currency in warehouse("select amount, currency from staging.deal_days")
    ] == [("8000.63", "EUR")]
