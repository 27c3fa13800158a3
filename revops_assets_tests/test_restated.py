"""A stored day that reads otherwise after a load still says what it said before, and why it changed."""

from __future__ import annotations

import random
from collections.abc import Callable
from decimal import Decimal
from itertools import combinations
from typing import Any

import pytest
from fastapi.testclient import TestClient

from revops_assets.serving.api import application
from revops_assets.serving.pages.board import Board, query
from revops_assets.settings import Settings
from revops_assets_tests.building import materialize
from revops_assets_tests.conftest import SEEDS, Put, Query
from revops_assets_tests.test_odd_records import REP, STAGES, still_open

DAY, QUARTER = "2024-03-07", "Q1 2024"
WHOLE = {"tenant": "a", "day": DAY, "quarter": QUARTER}
KPIS = '+key:"dashboard/dashboard_kpis"'


def later(deal: str, amount: float, number: int) -> dict[str, Any]:
    """A change of the amount on the 5th of March, which the CRM tells later."""
    return {
        "history_id": f"{deal}{number}", "opportunity_id": deal, "field": "amount", "old_value": None,
        "new_value": str(amount), "changed_at": "2024-03-05Z",
    }  # fmt: skip


def newest(warehouse: Query) -> int:
    [(load,)] = warehouse("select max(known_as_of) from ops.partition_ledger where tenant_id = 'a'")
    return int(load)


def moved(board: Board, load: int, until: int) -> list[tuple[Any, ...]]:
    rows = board.rows(query("moved_by_loads"), **WHOLE, load=load, until_load=until)
    return sorted((row["opportunity_id"], row["was"], row["is_now"], row["cause"]) for row in rows)


def test_what_late_records_and_restated_weights_changed(
    put: Put, clean: Settings, source: Query, warehouse: Query, rules: Callable[[str, str], None]
) -> None:
    """By hand: two deals in Commit of which no health can be judged count by half; a third comes late."""
    put("a", reps=[REP], pipeline_stages=STAGES, opportunities=[still_open("o", 30), still_open("p", 100)])
    put("b", reps=[REP], pipeline_stages=STAGES, opportunities=[still_open("o", 7)])
    materialize(clean, KPIS, DAY)
    first = newest(warehouse)
    kept = "select dataset, row_key->>'opportunity_id', was->>'amount', known_as_of, restated_by from ops.restated_rows where snapshot_date = '2024-03-07' order by 1, 2"
    assert warehouse(kept) == []
    before = dict(
        warehouse(
            weights
            := "select opportunity_id, weight from enriched.deal_forecasts where tenant_id = 'a' and snapshot_date = '2024-03-07'"
        )
    )

    put("a", opportunities=[still_open("o", 50, modified_at="2024-03-05Z"), still_open("q", 10, created_at="2024-03-01Z")],
        opportunity_history=[later("o", 50, 1)])  # fmt: skip
    materialize(clean, KPIS, DAY)
    second = newest(warehouse)
    deals = [row for row in warehouse(kept) if row[0] == "enriched.deal_forecasts"]
    assert deals == [
        ("enriched.deal_forecasts", "o", "30.00", first, second),
        ("enriched.deal_forecasts", "q", None, first, second),
    ]
    now = dict(warehouse(weights))
    board = Board(clean)
    assert moved(board, first, second) == [
        ("o", 30 * before["o"], 50 * now["o"], "late record: amount"),
        ("q", None, 10 * now["q"], "late record: in the quarter's pipeline after all"),
    ]
    assert moved(board, second, second) == []

    rules("forecast_weights", "a,,Commit,0,0.10\n")
    materialize(clean, KPIS, DAY)
    third = newest(warehouse)
    assert {cause for *_, cause in moved(board, second, third)} == {"restated reference data: forecast weights"}
    assert [deal for deal, *_ in moved(board, second, third)] == ["o", "p", "q"]
    # Over both: what a deal was after the first load, and is after the last.
    assert [(deal, was, is_now) for deal, was, is_now, _ in moved(board, first, third)] == [
        ("o", 30 * before["o"], Decimal(5)), ("p", 100 * before["p"], Decimal(10)), ("q", None, Decimal(1)),
    ]  # fmt: skip
    stretches = board.rows(query("restating_loads"), tenant="a", day=DAY)
    assert [(row["known_as_of"], row["restated_by"], row["deals"], row["sources"]) for row in stretches] == [
        (second, third, 3, "reference/forecast_weights"), (first, second, 2, "test"),
    ]  # fmt: skip
    with TestClient(application(clean, is_open=True), base_url="http://127.0.0.1") as site:
        page = site.get(f"/compare?tenant=a&day={DAY}&quarter={QUARTER}&load={first}&until={third}")
        assert page.status_code == 200 and "restated reference data: forecast weights" in page.text
        assert site.get(f"/compare?tenant=a&day={DAY}&load=x").status_code == 422
        [(run,)] = warehouse("select run_id from ops.partition_ledger where dataset = 'enriched.deal_forecasts' and tenant_id = 'a'"
                             " and snapshot_date = %s", DAY)  # fmt: skip
        rows = site.get(f"/rows/enriched.deal_forecasts?tenant=a&day={DAY}").text
        assert f'href="http://127.0.0.1:3000/runs/{run}"' in rows
        assert f'href="http://127.0.0.1:3000/assets/enriched/deal_forecasts?partition={DAY}"' in rows
        assert "A load is under way" not in rows
        source("select crm.start_load('a', 'test')")
        assert "A load is under way" in site.get(f"/pipeline?tenant=a&day={DAY}").text
        assert (
            f"/compare?tenant=a&day={DAY}&amp;quarter=Q1+2024&amp;load={second}".replace("&day", "&amp;day")
            in page.text
        )


@pytest.mark.parametrize("seed", SEEDS)
def test_a_day_after_any_load_is_as_it_was_stored_then(put: Put, clean: Settings, warehouse: Query, seed: int) -> None:
    """Random late records: what is kept gives every stored state of the day again, to the row and to the sum."""
    chance = random.Random(seed)
    print("seed", seed)
    put("a", reps=[REP], pipeline_stages=STAGES, opportunities=[still_open(f"d{n}", n * 10) for n in range(1, 7)])
    board, stored = Board(clean), {}
    for step in range(5):
        materialize(clean, KPIS, DAY)
        rows = warehouse(
            "select opportunity_id, weighted_amount from enriched.deal_forecasts where tenant_id = 'a' and snapshot_date = %s and quarter = %s",
            DAY,
            QUARTER,
        )
        [sums] = warehouse(
            "select ai_forecast, closed_won_amount, commit_amount from dashboard.dashboard_kpis where tenant_id = 'a' and snapshot_date = %s and quarter = %s"
            " and team_id = 'All' and segment = 'All' and region = 'All'", DAY, QUARTER,
        )  # fmt: skip
        stored[newest(warehouse)] = (dict(rows), sums)
        deals = chance.sample([f"d{n}" for n in range(1, 9)], chance.randint(1, 3))
        put("a", opportunities=[
            still_open(deal, amount := chance.randint(1, 90), modified_at=f"2024-03-05 {step + 1:02}:00Z", created_at="2024-01-02Z",
                       close_date=chance.choice(["2024-03-30", "2024-05-02", "2024-08-08"]), is_deleted=chance.random() < 0.3)
            for deal in deals], opportunity_history=[later(deal, amount, step) for deal in deals[:1]])  # fmt: skip
    assert len(stored) == 5
    # Looking back at earlier loads, there and back again, changes nothing of what was said when.
    for load in (*chance.sample(sorted(stored), 3), None):
        materialize(clean, KPIS, DAY, known_as_of=load)
        agree(board, stored)


def agree(board: Board, stored: dict[int, tuple[dict[str, Any], tuple[Any, ...]]]) -> None:
    for load, (deals_then, sums) in stored.items():
        [told] = board.rows(query("sums_after_load"), **WHOLE, load=load)
        assert (told["ai_forecast"], told["closed_won_amount"], told["commit_amount"]) == sums
        assert (told["weighted_open"] or 0) == sum(amount or 0 for amount in deals_then.values())
    for load, until in combinations(stored, 2):
        was, is_now = stored[load][0], stored[until][0]
        wanted = sorted(
            (deal, was.get(deal), is_now.get(deal))
            for deal in was.keys() | is_now.keys()
            if was.get(deal) != is_now.get(deal)
        )
        assert [row[:3] for row in moved(board, load, until)] == wanted, (load, until)
