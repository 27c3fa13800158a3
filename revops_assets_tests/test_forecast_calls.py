"""What people called that a quarter would bring: loaded, as it stood on any day, and how right it was."""

from __future__ import annotations

import json
import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal as D
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from revops_assets.invalidation.rules import invalidation_rules
from revops_assets.loading.find import detect_mapping
from revops_assets.loading.load import load_directory
from revops_assets.loading.mapping_file import read_mapping
from revops_assets.scenario.calendar import day_end, quarter_start
from revops_assets.scenario.calls import Calls
from revops_assets.scenario.company import deals
from revops_assets.scenario.model import REPS, WON
from revops_assets.settings import Settings
from revops_assets.warehouse import databases
from revops_assets_tests.company import GENERATED as PLAN
from revops_assets_tests.company import generated
from revops_assets_tests.conftest import SEEDS, Query
from revops_assets_tests.given import selected, table

__all__ = ["generated"]


DAY = "2024-02-29"
ZONE = ZoneInfo(PLAN.timezone)
REP_DAYS = table(
    "rep_id rep_name team_id team_name", ("ann", "Ann", "mia", "Mia"), ("bob", "Bob", "mia", "Mia"), ("cid", "Cid", "none", "No manager"),
    ("mia", "Mia", "none", "No manager"), ("-1", "Unassigned", "-1", "Unassigned"),
)  # fmt: skip


# --------------------------------------------------------------------------------------------------------------- loaded


def export(folder: Path, **objects: list[dict[str, Any]]) -> Path:
    folder.mkdir()
    for name, rows in objects.items():
        (folder / f"{name}.json").write_text(json.dumps(rows))
    return folder


def test_salesforce_s_adjustments_are_calls_state_by_state(tmp_path: Path, clean: Settings, source: Query) -> None:
    """An adjustment that is written over, then deleted, is three calls; the load that says nothing new adds none. Of single
    categories Commit alone is read, of quantities nothing."""
    deal = {"Id": "D1", "StageName": "Proposal", "CreatedDate": "2024-01-01T00:00:00Z"}
    period = {"Id": "P1", "Type": "Month", "StartDate": "2024-02-01", "EndDate": "2024-02-29"}
    own = {"Id": "A1", "ForecastOwnerId": "U1", "StartDate": "2024-01-01", "ForecastingItemCategory": "CommitForecast", "IsAmount": True,
           "CurrencyIsoCode": "EUR", "CreatedById": "U1"}  # fmt: skip
    first = own | {
        "OwnerAdjustedAmount": 100,
        "SystemModstamp": "2024-01-08T09:00:00.000+0000",
        "OwnerAdjustmentNote": "two slip",
    }
    second = own | {"OwnerAdjustedAmount": 90.5, "SystemModstamp": "2024-01-15T09:00:00.000+0000"}
    third = second | {"IsDeleted": True, "SystemModstamp": "2024-01-16T09:00:00.000+0000"}
    others = [
        own | {"Id": "A2", "ForecastingItemCategory": "BestCaseForecast", "OwnerAdjustedAmount": 200, "PeriodId": "P1", "StartDate": None,
               "SystemModstamp": "2024-01-08T09:00:00.000+0000"},
        own | {"Id": "A3", "ForecastingItemCategory": "BestCaseOnly", "OwnerAdjustedAmount": 7, "SystemModstamp": "2024-01-08T09:00:00.000+0000"},
        own | {"Id": "A4", "IsAmount": False, "IsQuantity": True, "OwnerAdjustedQuantity": 3, "SystemModstamp": "2024-01-08T09:00:00.000+0000"},
    ]  # fmt: skip
    manager = {"Id": "M1", "OwnerId": "U1", "StartDate": "2024-01-01", "ForecastCategoryName": "Commit", "ForecastingItemCategory": "CommitOnly",
               "AdjustedAmount": 80, "IsAmount": True, "LastModifiedById": "U9", "SystemModstamp": "2024-01-09T09:00:00.000+0000"}  # fmt: skip
    mapping = read_mapping("salesforce")
    load_directory(clean, export(tmp_path / "1", Opportunity=[deal], Period=[period], ForecastingOwnerAdjustment=[first, *others], ForecastingAdjustment=[manager]), mapping, "a")  # fmt: skip
    load_directory(
        clean,
        export(tmp_path / "2", Opportunity=[deal], ForecastingOwnerAdjustment=[second, *others[1:]]),
        mapping,
        "a",
    )
    load_directory(
        clean, export(tmp_path / "3", Opportunity=[deal], ForecastingOwnerAdjustment=[third, second]), mapping, "a"
    )
    assert source(
        "select rep_id, submitted_by, kind, category, period_start::text, amount, currency, includes_won, submitted_at, note from crm.forecast_calls"
        " order by kind, category, submitted_at"
    ) == [
        ("U1", "U1", "call", "Best Case", "2024-02-01", D(200), "EUR", True, datetime(2024, 1, 8, 9, tzinfo=UTC), None),
        ("U1", "U1", "call", "Commit", "2024-01-01", D(100), "EUR", True, datetime(2024, 1, 8, 9, tzinfo=UTC), "two slip"),
        ("U1", "U1", "call", "Commit", "2024-01-01", D("90.5"), "EUR", True, datetime(2024, 1, 15, 9, tzinfo=UTC), None),
        ("U1", "U1", "call", "Commit", "2024-01-01", None, "EUR", True, datetime(2024, 1, 16, 9, tzinfo=UTC), None),
        ("U1", "U9", "override", "Commit", "2024-01-01", D(80), None, False, datetime(2024, 1, 9, 9, tzinfo=UTC), None),
    ]  # fmt: skip


def test_a_spreadsheet_of_calls_is_loaded_beside_the_crm(tmp_path: Path, clean: Settings, source: Query) -> None:
    """By its own mapping; the folder alone tells which. A line without a day is quarantined, a corrected one is the same call."""
    header, lines = "rep_id,submitted_by,category,period_start,amount,submitted_at,note\n", [
        "r1,,Commit,2024-01-01,125000,2024-01-08T09:30:00Z,", "r1,boss,Commit,2024-01-01,110000,2024-01-09T08:00:00Z,two slip",
        "r1,,Commit,2024-01-01,9,,", "r2,,,2024-01-01,1.5,2024-01-08,",
    ] + [f"r3,,Commit,2024-01-01,{n},2024-01-{n}T00:00:00Z," for n in range(10, 31)]  # fmt: skip
    (tmp_path / "forecast_calls.csv").write_text(header + "\n".join(lines) + "\n")
    mapping = detect_mapping(tmp_path)
    assert mapping.name == "forecast_calls"
    load_directory(clean, tmp_path, mapping, "a")
    (tmp_path / "forecast_calls.csv").write_text(header + lines[0].replace("125000", "120000") + "\n")
    load_directory(clean, tmp_path, mapping, "a")
    assert source(
        "select rep_id, submitted_by, kind, category, amount, submitted_at, note from crm.forecast_calls where rep_id < 'r3' order by 1, 2 nulls first"
    ) == [
        ("r1", None, None, "Commit", D(120000), datetime(2024, 1, 8, 9, 30, tzinfo=UTC), None),
        ("r1", "boss", None, "Commit", D(110000), datetime(2024, 1, 9, 8, tzinfo=UTC), "two slip"),
        ("r2", None, None, None, D("1.5"), datetime(2024, 1, 8, tzinfo=UTC), None),
    ]  # fmt: skip
    assert source("select line_no, reason ~ 'submitted_at' from crm.load_rejects") == [(4, True)]
    (tmp_path / "Opportunity.json").write_text("[]")
    assert detect_mapping(tmp_path).name == "salesforce"


# --------------------------------------------------------------------------------------------------- as they stood on a day


def test_calls_in_spans_while_they_stand(settings: Settings) -> None:
    """Ann's first call of the day is taken over by the second, that by the next day's, which is taken back. Whose call somebody else
    said is an override. 200 dollars are 100 of the company's euros then; nobody knows what a peso is worth."""
    columns = "rep_id submitted_by kind category period_start amount currency includes_won submitted_at line_no"
    calls = table(
        columns,
        ("ann", None, None, None, "2024-01-01", 10, None, None, "2024-01-08 09:00Z", 1), ("ann", None, "call", "Commit", "2024-01-01", 20, "eur", None, "2024-01-08 10:00Z", 2),
        ("ann", "ann", None, "Commit", "2024-01-01", 200, "USD", False, "2024-01-09 10:00Z", 3), ("ann", None, None, None, "2024-01-01", None, None, None, "2024-02-01 10:00Z", 4),
        ("ann", "mia", None, "Commit", "2024-01-01", 7, "MXN", None, "2024-01-09 09:00Z", 5), ("ann", None, "override", "All", "2024-01-01", 8, None, None, "2024-01-09Z", 6),
        ("ann", None, None, None, None, 1, None, None, "2024-01-08Z", 7), ("ann", None, None, None, "2024-01-01", 1, None, None, None, 8),
        (None, None, None, None, "2024-01-01", 1, None, None, "2024-01-08Z", 9), ("bob", None, None, None, "2024-01-01", 5, None, None, "2024-01-08Z", 10),
    )  # fmt: skip
    rates = table("currency rate is_home valid_from valid_to", ("EUR", 1, True, "-infinity", "infinity"), ("USD", 2, False, "2024-01-09", "2024-01-10"),
                  ("USD", 4, False, "2024-01-10", "infinity"))  # fmt: skip
    assert selected(
        settings, "staging.forecast_calls", "rep_id, kind, category, d_from::text, d_to::text, submitted_by, amount, currency_amount, includes_won", DAY,
        history__forecast_calls=calls, staging__exchange_rates=rates,
    ) == [
        ("ann", "call", "Commit", "2024-01-08", "2024-01-09", "ann", D(20), D(20), True), ("ann", "call", "Commit", "2024-01-09", "2024-02-01", "ann", D(100), D(200), False),
        ("ann", "call", "Commit", "2024-02-01", "infinity", "ann", None, None, True), ("ann", "override", '"All"', "2024-01-09", "infinity", None, D(8), D(8), True),
        ("ann", "override", "Commit", "2024-01-09", "infinity", "mia", None, D(7), True), ("bob", "call", "Commit", "2024-01-08", "infinity", "bob", D(5), D(5), True),
    ]  # fmt: skip


CALLS = "quarter, team_id, rep_id, category, leads_team, callers_count, overrides_count, unconverted_count, call_amount, override_amount, standing_amount, won_amount, ai_forecast"


def test_what_stands_on_a_day(settings: Settings) -> None:
    """On 29 February Ann's months add up to 30, with what she won, 5, as her call leaves it out: 35, and Mia's override of 28 stands.
    Bob's was 40 until the day before, now 50. Mia's own call, 70, is about the team, which has won 5 and 6. Cid took his back. Best
    case and the next quarter are called by Bob. What was said of the quarter before, or the day after, is none of the day's."""
    calls = table(
        "rep_id kind category period_start d_from d_to submitted_by amount includes_won",
        ("ann", "call", "Commit", "2024-01-01", "2024-01-08", "infinity", "ann", 10, False), ("ann", "call", "Commit", "2024-03-01", "2024-02-29", "infinity", "ann", 20, False),
        ("ann", "override", "Commit", "2024-01-01", "2024-02-01", "infinity", "mia", 28, True), ("bob", "call", "Commit", "2024-01-01", "2024-02-01", DAY, "bob", 40, True),
        ("bob", "call", "Commit", "2024-01-01", DAY, "infinity", "bob", 50, True), ("bob", "call", "Best Case", "2024-01-01", DAY, "2024-03-01", "bob", 90, True),
        ("bob", "call", "Commit", "2024-04-01", DAY, "infinity", "bob", 9, False), ("mia", "call", "Commit", "2024-01-01", "2024-02-01", "infinity", "mia", 70, True),
        ("cid", "call", "Commit", "2024-01-01", "2024-02-01", "infinity", "cid", None, True), ("ann", "call", "Commit", "2023-12-31", "2023-12-01", "infinity", "ann", 1, True),
        ("bob", "call", "Commit", "2024-01-01", "2024-03-01", "infinity", "bob", 60, True), ("bob", "call", "Commit", "2024-07-01", DAY, "infinity", "bob", 60, True),
    )  # fmt: skip
    for call in calls:
        call |= {"submitted_at": f"{call['d_from']} 12:00Z", "currency_amount": call["amount"]}
    calls += [calls[0] | {"category": "Best Case", "amount": None, "kind": "override"}]
    ai = table(
        "team_id ai_forecast quarter",
        ("All", 99, "Q1 2024"),
        ("mia", 88, "Q1 2024"),
        ("All", 77, "Q2 2024"),
        segment="All",
        region="All",
        line="TOTAL FORECAST",
    )
    found = selected(
        settings, "analytics.forecast_calls", CALLS, DAY, staging__forecast_calls=calls, staging__rep_days=REP_DAYS, analytics__forecast_confidence=ai,
        staging__rep_closings=table("rep_id account_segment quarter_won_amount next_quarter_won_amount", ("ann", "s", 2, 0), ("ann", "t", 3, 0), ("bob", "s", 6, 1), ("cid", "s", 4, 0)),
    )  # fmt: skip
    assert found == [
        ("Q1 2024", "All", "All", "Best Case", False, 1, 0, 1, D(90), None, D(90), D(11), D(99)),
        ("Q1 2024", "All", "All", "Commit", False, 2, 1, 0, D(85), D(28), D(78), D(15), D(99)),
        ("Q1 2024", "mia", "All", "Best Case", False, 1, 0, 1, D(90), None, D(90), D(11), D(88)),
        ("Q1 2024", "mia", "All", "Commit", False, 2, 1, 0, D(85), D(28), D(78), D(11), D(88)),
        ("Q1 2024", "mia", "ann", "Best Case", False, 0, 0, 1, None, None, None, D(5), None),
        ("Q1 2024", "mia", "ann", "Commit", False, 1, 1, 0, D(35), D(28), D(28), D(5), None),
        ("Q1 2024", "mia", "bob", "Best Case", False, 1, 0, 0, D(90), None, D(90), D(6), None),
        ("Q1 2024", "mia", "bob", "Commit", False, 1, 0, 0, D(50), None, D(50), D(6), None),
        ("Q1 2024", "none", "All", "Commit", False, 0, 0, 0, None, None, None, D(4), None),
        ("Q1 2024", "none", "cid", "Commit", False, 0, 0, 0, None, None, None, D(4), None),
        ("Q1 2024", "none", "mia", "Commit", True, 1, 0, 0, D(70), None, D(70), D(11), None),
        ("Q2 2024", "All", "All", "Commit", False, 1, 0, 0, D(10), None, D(10), D(1), D(77)),
        ("Q2 2024", "mia", "All", "Commit", False, 1, 0, 0, D(10), None, D(10), D(1), None),
        ("Q2 2024", "mia", "bob", "Commit", False, 1, 0, 0, D(10), None, D(10), D(1), None),
    ]  # fmt: skip
    who = selected(
        settings, "analytics.forecast_calls", "snapshot_date::text, rep_id, called_by, called_at::date::text, overridden_by, overridden_at::date::text",
        "2024-02-28", "2024-03-01", staging__forecast_calls=calls[:3], staging__rep_days=REP_DAYS,
    )  # fmt: skip
    assert [row for row in who if row[1] != "All"] == [
        ("2024-02-28", "ann", "ann", "2024-01-08", "mia", "2024-02-01"), ("2024-02-29", "ann", "ann", "2024-02-29", "mia", "2024-02-01"),
        ("2024-03-01", "ann", "ann", "2024-02-29", "mia", "2024-02-01"),
    ]  # fmt: skip


# ---------------------------------------------------------------------------------------------------------------- how right


RECORD = "team_id, rep_id, category, kind, week_number, callers_count, forecast_amount, actual_amount, error_amount, forecasts_count, wape, bias"


def test_who_calls_how_well(settings: Settings) -> None:
    """Ann won 100. She called 120 in week 1 and 90 in week 13, on its last day but one; 110 was put in the place of the first. In the
    quarter before, then in another team, she was 30 too high of 50 in week 1. The team won 100; nobody else called. What the AI said
    is of the forecast's record."""
    same: dict[str, Any] = {"quarter": "Q1 2024", "category": "Commit", "team_name": "Mia", "rep_name": "x", "leads_team": False, "overrides_count": 0, "callers_count": 1}  # fmt: skip
    columns = "snapshot_date team_id rep_id call_amount override_amount standing_amount won_amount"
    calls = table(
        columns,
        *(("2024-03-31", team, rep, 1, None, 1, 100) for team, rep in (("mia", "ann"), ("mia", "All"), ("All", "All"))),
        *(("2024-01-07", team, rep, 120, 110, 110, 0) for team, rep in (("other", "ann"), ("mia", "All"), ("All", "All"))),
        *(("2024-03-30", team, rep, 90, None, 90, 95) for team, rep in (("mia", "ann"), ("mia", "All"), ("All", "All"))),
        ("2024-01-07", "other", "All", 5, None, 5, 0), ("2024-01-08", "mia", "ann", 1, None, 1, 0), ("2024-01-07", "mia", "bob", 5, None, 5, 0),
        **same,
    )  # fmt: skip
    calls.append(calls[0] | {"quarter": "Q2 2024", "call_amount": 9, "standing_amount": 9, "won_amount": 0})
    past = table(
        "snapshot_date team_id rep_id kind week_number error_sum signed_error_sum actual_sum own_count",
        ("2023-12-31", "other", "ann", "call", 1, 30, 30, 50, 1), ("2022-03-31", "mia", "ann", "call", 1, 50, 50, 50, 1), ("2022-06-30", "mia", "ann", "call", 0, 10, -10, 50, 1),
        ("2023-12-31", "mia", "ann", "call", 2, 30, 30, 50, 1), ("2023-12-31", "other", "All", "call", 1, 40, 40, 50, 1), ("2023-12-31", "mia", "All", "call", 1, 25, -25, 50, 1),
        category="Commit",
    )  # fmt: skip
    said = table(
        "team_id segment week_number forecast_amount actual_amount method", ("mia", "All", 1, 80, 100, "ai"), ("mia", "SMB", 1, 80, 100, "ai"), ("mia", "All", 1, 1, 100, "commit"),
        ("none", "All", 1, 1, 100, "ai"), region="All", quarter="Q1 2024", snapshot_date="2024-03-31",
    )  # fmt: skip
    found = selected(
        settings, "analytics.caller_record", RECORD, "2024-03-30", "2024-04-01", analytics__forecast_calls=calls, analytics__caller_record=past, analytics__forecast_record=said
    )  # fmt: skip
    assert [row for row in found if row[1] == "ann"] == [
        ("mia", "ann", "Commit", "call", 0, None, None, None, None, 3, D("0.16"), D("0")),
        ("mia", "ann", "Commit", "call", 1, None, D(120), D(100), D(20), 2, D("0.3333"), D("0.3333")),
        ("mia", "ann", "Commit", "call", 13, None, D(90), D(100), D(-10), 1, D("0.1"), D("-0.1")),
        ("mia", "ann", "Commit", "override", 0, None, None, None, None, 1, D("0.1"), D("0.1")),
        ("mia", "ann", "Commit", "override", 1, None, D(110), D(100), D(10), 1, D("0.1"), D("0.1")),
        ("mia", "ann", "Commit", "standing", 0, None, None, None, None, 2, D("0.1"), D("0")),
        ("mia", "ann", "Commit", "standing", 1, None, D(110), D(100), D(10), 1, D("0.1"), D("0.1")),
        ("mia", "ann", "Commit", "standing", 13, None, D(90), D(100), D(-10), 1, D("0.1"), D("-0.1")),
    ]  # fmt: skip
    team = [row for row in found if row[:2] == ("mia", "All") and row[3] in ("ai", "call")]
    assert team == [
        ("mia", "All", "All", "ai", 0, None, None, None, None, 1, D("0.2"), D("-0.2")),
        ("mia", "All", "All", "ai", 1, None, D(80), D(100), D(-20), 1, D("0.2"), D("-0.2")),
        ("mia", "All", "Commit", "call", 0, None, None, None, None, 2, D("0.15"), D("0.05")),
        ("mia", "All", "Commit", "call", 1, 1, D(120), D(100), D(20), 2, D("0.3"), D("-0.0333")),
        ("mia", "All", "Commit", "call", 13, 1, D(90), D(100), D(-10), 1, D("0.1"), D("-0.1")),
    ]  # fmt: skip
    assert {row[:2] for row in found} == {("mia", "ann"), ("mia", "All"), ("All", "All")}


@pytest.mark.usefixtures("generated")
def test_records_of_the_generated_company_are_those_of_plain_python(warehouse: Query) -> None:
    """Each rep's calls of the last five quarters, week by week, beside what the rep won in them."""
    told, lives = Calls(PLAN), list(deals(PLAN))
    for deal in lives:
        told.see(deal)
    calls = [call for call in told if call.at < day_end(PLAN, PLAN.end_date)]
    starts = [
        date(2023, 1, 1),
        date(2023, 4, 1),
        date(2023, 7, 1),
        date(2023, 10, 1),
        date(2024, 1, 1),
        date(2024, 4, 1),
    ]
    errors: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for quarter, after in pairwise(starts):
        end = day_end(PLAN, after - timedelta(days=1))
        won = {rep.id: 0.0 for rep in REPS}
        for deal in lives:
            state = deal.state(end)
            is_there = not (deal.deleted_at and deal.deleted_at < end)
            if state.get("StageName") != WON or not is_there or not state["CloseDate"] or not state["OwnerId"]:
                continue
            if quarter_start(date.fromisoformat(state["CloseDate"])) == quarter:
                won[state["OwnerId"]] += float(state["Amount"] or 0)
        for rep in REPS:
            for week in range(1, 14):
                last = after - timedelta(days=2) if week == 13 else quarter + timedelta(days=7 * week - 1)
                seen = [
                    call
                    for call in calls
                    if (call.rep_id, call.quarter) == (rep.id, quarter) and call.at < day_end(PLAN, last)
                ]
                own, over = (
                    max((c for c in seen if (c.by == rep.id) is is_own), key=lambda c: c.at, default=None)
                    for is_own in (True, False)
                )
                over = over if over and over.amount is not None else None
                for kind, call in (("call", own), ("override", over), ("standing", over or own)):
                    if call and call.amount is not None and won[rep.id] > 0:
                        errors.setdefault((rep.id, kind), []).append((call.amount - won[rep.id], won[rep.id]))
    found = warehouse(
        "select rep_id, kind, forecasts_count, wape, bias from analytics.caller_record where snapshot_date = '2024-03-31' and week_number = 0"
        " and rep_id <> 'All'"
    )
    assert len(found) == 30
    for rep_id, kind, count, wape, bias in found:
        made = errors[rep_id, kind]
        actual = sum(won for _, won in made)
        assert count == len(made), (rep_id, kind)
        assert float(wape) == pytest.approx(sum(abs(error) for error, _ in made) / actual, abs=0.0001)
        assert float(bias) == pytest.approx(sum(error for error, _ in made) / actual, abs=0.0001)
    [(reps, teams, ai)] = warehouse(
        "select count(*) filter (where rep_id <> 'All'), count(*) filter (where rep_id = 'All' and kind = 'standing'), count(*) filter (where kind = 'ai')"
        " from analytics.caller_record where snapshot_date = '2024-03-31' and week_number = 7"
    )
    assert (reps > 20, teams, ai) == (True, 5, 5)


# ------------------------------------------------------------------------------------------------ which days a call touches


@pytest.mark.parametrize("seed", SEEDS)
def test_every_day_that_a_changed_call_touches_is_told_of(clean: Settings, seed: int) -> None:
    chance = random.Random(seed)

    def some_calls(rep: str) -> list[dict[str, Any]]:
        begins = sorted({date(2023, 10, 1) + timedelta(days=chance.randrange(300)) for _ in range(4)})
        period = chance.choice(["2024-01-01", "2024-02-01", "2024-04-01", "2023-10-01"])
        return [
            {"rep_id": rep, "kind": kind, "category": "Commit", "period_start": period, "d_from": since, "d_to": until, "submitted_by": rep,
             "submitted_at": since, "amount": chance.choice([None, 5, 9]), "currency_amount": 5, "includes_won": chance.random() < 0.5}
            for kind in ("call", "override")
            for since, until in zip(begins, [*begins[1:], "infinity"], strict=True)
        ]  # fmt: skip

    before = {f"r{n}": some_calls(f"r{n}") for n in range(5)}
    after = before | {"r0": some_calls("r0"), "r1": before["r1"][:-1]}
    first, last = date(2023, 6, 1), date(2024, 12, 31)
    with databases.connect(clean, "warehouse") as connection, connection.cursor() as cursor:
        cursor.execute(
            "create temporary table changed_rows as select 'was' as side, * from staging.forecast_calls with no data"
        )
        for side, given, others in (("was", before, after), ("is", after, before)):
            for rep, rows in given.items():
                for row in rows:
                    if row not in others[rep]:
                        full = {"side": side, "tenant_id": "a", "known_as_of": 1} | row
                        cursor.execute(
                            f"insert into changed_rows ({', '.join(full)}) values ({', '.join(['%s'] * len(full))})",
                            list(full.values()),
                        )
        cursor.execute(
            f"with touched as ({invalidation_rules()['staging.forecast_calls']}), turned as (select content,"
            " coalesce(range_agg(days) filter (where side = 'was'), '{}') as was_on, coalesce(range_agg(days) filter (where side = 'is'), '{}') as is_on"
            " from touched group by content) select distinct d.day from turned as t inner join ops.calendar as d"
            " on d.day <@ ((t.was_on - t.is_on) + (t.is_on - t.was_on)) and d.day between %s and %s", (first, last))  # fmt: skip
        told = {day for (day,) in cursor.fetchall()}
        connection.rollback()
    was, now = (
        selected(clean, "analytics.forecast_calls", f"snapshot_date, called_at, overridden_at, {CALLS}", str(first), str(last),
                 staging__forecast_calls=[row for rows in given.values() for row in rows])
        for given in (before, after)
    )  # fmt: skip
    differing = {row[0] for row in set(was) ^ set(now)}
    print(f"{len(differing)} days read otherwise, {len(told)} told of")
    assert differing and differing <= told
