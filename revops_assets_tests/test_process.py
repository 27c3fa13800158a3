"""Process analytics as of each day: velocity, bottlenecks, rework, variants, swing deals; exact rows by hand."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from revops_assets.settings import Settings
from revops_assets_tests.building import materialize
from revops_assets_tests.conftest import Put, Query
from revops_assets_tests.test_forecast import quota
from revops_assets_tests.test_stage_visits import deal, moves

STAGES = [{"stage_id": name, "pipeline_id": "p", "stage_order": order, "outcome": outcome} for order, (name, outcome) in enumerate(
    [("Discovery", "open"), ("Proposal", "open"), ("Negotiation", "open"), ("Won", "won"), ("Lost", "lost")], 1)]  # fmt: skip
DAY = "2024-04-30"


def ago(days: float) -> str:
    """Month-day (and time) of 2024, so many days before DAY's end."""
    from datetime import datetime

    at = datetime(2024, 5, 1) - timedelta(days=days)
    return at.strftime("%m-%d %H:%M:%S")


def through(key: str, *stages: str, at: list[float], **columns: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A deal that came into each stage so many days before DAY's end, and stands in the last."""
    row = deal(stages[-1], key, f"2024-{ago(at[0])}Z", pipeline_id="p", **columns)
    steps = [(old, new, ago(when)) for old, new, when in zip(stages, stages[1:], at[1:], strict=False)]
    return row, moves(*steps, deal=key)


@pytest.fixture
def process(put: Put) -> None:
    found = [
        # Stays in Proposal (benchmark 10): 4 and 30 days lately, forward and back; 8 days in the 90 days before.
        through("d1", "Discovery", "Proposal", "Negotiation", at=[40, 20, 16], amount=500, owner_id="r1"),
        through("d2", "Discovery", "Proposal", "Discovery", at=[80, 50, 20], amount=70, owner_id="r2"),
        through("d3", "Discovery", "Proposal", "Lost", at=[120, 110, 102], owner_id="r1"),
        # Come back: Proposal for the second time since 21 days, more than twice the benchmark.
        through("d4", "Proposal", "Discovery", "Proposal", at=[100, 99, 21], amount=1000, owner_id=None),
    ]  # fmt: skip
    put(
        "a",
        pipeline_stages=STAGES,
        reps=[{"rep_id": "r1", "name": "Ann", "manager_id": "m", "segment": "SMB", "region": "West"}, {"rep_id": "r2", "name": "Bob"}, {"rep_id": "m", "name": "Mia"}],
        opportunities=[row for row, _ in found],
        opportunity_history=[change for _, changes in found for change in changes],
    )  # fmt: skip


@pytest.mark.usefixtures("process")
def test_velocity_by_hand(clean: Settings, warehouse: Query) -> None:
    materialize(clean, '+key:"analytics/stage_velocity"', DAY)
    columns = (
        "completed_count, avg_duration_days, median_duration_days, previous_completed_count, previous_avg_duration_days, duration_change_pct,"
        " trend_direction, conversion_rate, benchmark_days, deviation_days, status_indicator, deals_in_stage, amount_in_stage, median_current_age_days"
    )
    where = "where snapshot_date = %s and team_id = 'All' and segment = 'All' and region = 'All' order by stage_order"
    assert warehouse(f"select stage_name, {columns} from analytics.stage_velocity {where}", DAY) == [
        # 20, 30, and 78 days of d4; before that 10 of d3: one stay says nothing of chance.
        ("Discovery", 3, Decimal("42.6667"), 30, 1, 10, Decimal("3.2667"), None, 1, 14, Decimal("28.6667"), "red", 1, 70, 20),
        # 4 and 30; before that 8 of d3 and 1 of d4: with such a spread chance alone gives 12 days more.
        ("Proposal", 2, 17, 17, 2, Decimal("4.5"), Decimal("2.7778"), "stable", Decimal("0.5"), 10, 7, "red", 1, 1000, 21),
        ("Negotiation", 0, None, None, 0, None, None, None, None, 14, None, None, 1, 500, 16),
    ]  # fmt: skip
    one = "select team_name, segment, region, completed_count, median_duration_days, deals_in_stage from analytics.stage_velocity where snapshot_date = %s and stage_id = 'Proposal'"
    rows = set(warehouse(one, DAY))
    assert {("Mia", "SMB", "West", 1, Decimal(4), 0), ("No manager", "All", "All", 1, Decimal(30), 0), ("Unassigned", "Unknown", "All", 0, None, 1),
            ("All", "Unknown", "All", 1, Decimal(30), 1)} <= rows  # fmt: skip


@pytest.mark.parametrize(
    ("earlier", "later", "trend", "status"),
    [
        ((10, 10), (9.4, 9.4), "improving", "green"),
        ((10, 10), (10.4, 10.4), "stable", "green"),  # less than half a day
        ((10, 10), (12, 12), "worsening", "green"),  # on target: up to a fifth over the ten days expected
        ((10, 10), (12.5, 12.5), "worsening", "yellow"),
        ((10, 10), (13.1, 13.1), "worsening", "red"),
        ((7, 13), (10, 16), "stable", "yellow"),  # three days more, where two stays alone differ by six
        ((10,), (13, 13), None, "yellow"),
    ],
)
def test_trend_and_status_by_their_bounds(
    put: Put, clean: Settings, warehouse: Query, earlier: tuple[float], later: tuple[float], trend: str, status: str
) -> None:
    """Stays in Proposal, which should take 10 days, in the earlier window and in the later one."""
    found = [
        through(f"d{end}-{n}", "Proposal", "Negotiation", at=[end + days, end])
        for end, stays in ((100, earlier), (10, later))
        for n, days in enumerate(stays)
    ]
    put(
        "a",
        pipeline_stages=STAGES,
        opportunities=[row for row, _ in found],
        opportunity_history=[change for _, changes in found for change in changes],
    )
    materialize(clean, '+key:"analytics/stage_velocity"', DAY)
    where = (
        "where snapshot_date = %s and stage_id = 'Proposal' and team_id = 'All' and segment = 'All' and region = 'All'"
    )
    assert warehouse(f"select trend_direction, status_indicator from analytics.stage_velocity {where}", DAY) == [
        (trend, status)
    ]


@pytest.mark.usefixtures("process")
def test_bottlenecks_by_hand(clean: Settings, warehouse: Query) -> None:
    materialize(clean, '+key:"analytics/process_bottlenecks"', DAY)
    columns = (
        "stage_name, occurrences, avg_days, stddev_days, min_days, max_days, avg_deviation_days, delay_ratio, delay_level, delay_rank,"
        " bottleneck_count, rework_count, open_bottleneck_count, amount_in_bottleneck"
    )
    rows = warehouse(f"select {columns} from analytics.process_bottlenecks where snapshot_date = %s order by stage_order", DAY)  # fmt: skip
    assert rows == [
        ("Discovery", 3, Decimal("42.6667"), Decimal("31.0054"), 20, 78, Decimal("28.6667"), Decimal("3.0476"), "CRITICAL", 1, 2, 1, 0, None),
        ("Proposal", 2, 17, Decimal("18.3848"), 4, 30, 7, Decimal("1.7"), "MEDIUM", 2, 1, 1, 1, 1000),
    ]  # fmt: skip


@pytest.mark.usefixtures("process")
def test_rework_by_hand(clean: Settings, warehouse: Query) -> None:
    materialize(clean, '+key:"analytics/rework_analysis"', DAY)
    columns = "rep_id, stage_id, entries_count, reentries_count, rework_rate, completed_reentries_count, rework_days"
    assert warehouse(f"select {columns} from analytics.rework_analysis where snapshot_date = %s order by 1, 2", DAY) == [
        ("-1", "Proposal", 1, 1, 1, 0, 0),
        ("r1", "Discovery", 1, 0, 0, 0, 0), ("r1", "Negotiation", 1, 0, 0, 0, 0), ("r1", "Proposal", 1, 0, 0, 0, 0),
        ("r2", "Discovery", 2, 1, Decimal("0.5"), 0, 0), ("r2", "Proposal", 1, 0, 0, 0, 0),
    ]  # fmt: skip


def test_variants_by_hand(put: Put, clean: Settings, warehouse: Query) -> None:
    found = [
        through("d1", "Discovery", "Proposal", "Won", at=[40, 30, 10]), through("d2", "Discovery", "Proposal", "Lost", at=[50, 30, 10]),
        through("d3", "Discovery", "Won", at=[20, 10]), through("d4", "Discovery", "Proposal", "Discovery", "Lost", at=[40, 30, 20, 10]),
        # Lost before, opened again, won: the path of its last closing. Closed and open again: no path.
        through("d5", "Discovery", "Lost", "Proposal", "Won", at=[40, 30, 20, 5]), through("d6", "Discovery", "Lost", "Proposal", at=[40, 30, 20]),
    ]  # fmt: skip
    put(
        "a",
        pipeline_stages=STAGES,
        opportunities=[row for row, _ in found],
        opportunity_history=[change for _, changes in found for change in changes],
    )
    materialize(clean, '+key:"analytics/process_variants"', DAY)
    columns = "variant_rank, path_names, deals_count, share, won_count, win_rate, avg_cycle_days"
    rows = f"select {columns} from analytics.process_variants where snapshot_date = %s order by 1"
    assert warehouse(rows, DAY) == [
        (1, "Discovery > Proposal", 3, Decimal("0.6"), 2, Decimal("0.6667"), 35),
        (2, "Discovery", 1, Decimal("0.2"), 1, 1, 10),
        (3, "Discovery > Proposal > Discovery", 1, Decimal("0.2"), 0, 0, 30),
    ]
    before = str(date(2024, 4, 30) - timedelta(days=26))  # d5 and d6 are lost then, and nothing else is closed
    materialize(clean, '+key:"analytics/process_variants"', before)
    assert warehouse(rows, before) == [(1, "Discovery", 2, 1, 0, None, 10)]  # nothing was ever won by then


def test_swing_deals_by_hand(put: Put, clean: Settings, warehouse: Query) -> None:
    """Forecast 950 + 60 of a target of 1,100: 90 short. All have just begun (health 100)."""
    due = {"close_date": "2024-06-01"}
    new = [
        deal("Proposal", "d1", "2024-04-29Z", amount=1000, forecast_category="Commit", **due),
        deal("Proposal", "d2", "2024-04-29Z", amount=200, **due),
        deal("Proposal", "d3", "2024-04-29Z", **due),
        deal("Proposal", "d4", "2024-04-29Z", amount=9000, forecast_category="Omitted", **due),
        deal("Proposal", "d5", "2024-04-29Z", amount=50, close_date="2024-07-01"),
        deal("Proposal", "d6", "2024-04-29Z", amount=5000, close_date="2024-03-01"),
    ]
    put("a", pipeline_stages=STAGES, opportunities=new, quotas=[quota("1", None, "2024-04-01", "2024-06-30", 1100)])
    materialize(clean, '+key:"analytics/swing_deals"', DAY)
    columns = "quarter, opportunity_id, swing_rank, weight, upside_amount, downside_amount, target_share, closes_gap"
    rows = warehouse(f"select {columns} from analytics.swing_deals where snapshot_date = %s order by 1, 3", DAY)
    assert rows == [
        ("Q2 2024", "d1", 1, Decimal("0.95"), 50, 950, Decimal("0.9091"), False),
        ("Q2 2024", "d2", 2, Decimal("0.30"), 140, 60, Decimal("0.1818"), True),
        ("Q3 2024", "d5", 1, Decimal("0.30"), 35, 15, None, None),
    ]
