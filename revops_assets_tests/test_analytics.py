"""Core analytics as of each day: exact rows by hand, and what must add up."""

from __future__ import annotations

from decimal import Decimal

import pytest

from revops_assets.settings import Settings
from revops_assets_tests.building import materialize
from revops_assets_tests.conftest import Put, Query
from revops_assets_tests.test_stage_visits import deal

SUMMARY = '+key:"analytics/pipeline_health_summary"'


@pytest.fixture
def pipeline(put: Put, clean: Settings) -> None:
    """Only velocity is told: its bands are the scores. On 10 January's end d1 is 10 days in Proposal (85), d2 2 days in
    Discovery (100), d3 31 days in Proposal (10), d4 has no amount (100)."""
    put(
        "a",
        pipeline_stages=[{"stage_id": "Discovery", "pipeline_id": "p", "stage_order": 2}, {"stage_id": "Proposal", "pipeline_id": "p", "stage_order": 4}],
        reps=[{"rep_id": "r1", "name": "Ann", "manager_id": "m1"}, {"rep_id": "m1", "name": "Mia"}, {"rep_id": "r2", "name": "Bob"}],
        opportunities=[
            deal("Proposal", "d1", amount=100, owner_id="r1", forecast_category="Commit"),
            deal("Discovery", "d2", "2024-01-09Z", amount=300, owner_id="r2"),
            deal("Proposal", "d3", "2023-12-11Z", amount=200, owner_id=None, forecast_category="Best Case"),
            deal("Discovery", "d4", "2024-01-10Z", owner_id="r1", forecast_category="Omitted"),
        ],
    )  # fmt: skip
    materialize(clean, SUMMARY, "2024-01-10")


@pytest.mark.usefixtures("pipeline")
def test_the_pipeline_s_health_in_every_dimension(warehouse: Query) -> None:
    assert warehouse(
        "select dimension, group_id, group_name, deals_count, without_amount_count, amount, mean_health_score, amount_weighted_health_score,"
        " healthy_count, critical_count, needs_attention_count, stuck_count from analytics.pipeline_health_summary order by 1, 2"
    ) == [
        ("forecast_category", "Best Case", "Best Case", 1, 0, 200, 0, 0, 0, 1, 1, 1),
        ("forecast_category", "Commit", "Commit", 1, 0, 100, 85, 85, 1, 0, 0, 0),
        ("forecast_category", "Omitted", "Omitted", 1, 1, None, 100, None, 1, 0, 0, 0),
        ("forecast_category", "Pipeline", "Pipeline", 1, 0, 300, 100, 100, 1, 0, 0, 0),
        ("manager", "-1", "Unassigned", 1, 0, 200, 0, 0, 0, 1, 1, 1),
        ("manager", "m1", "Mia", 2, 1, 100, Decimal("92.5"), 85, 2, 0, 0, 0),
        ("manager", "none", "No manager", 1, 0, 300, 100, 100, 1, 0, 0, 0),
        ("overall", "All", "All", 4, 1, 600, Decimal("71.25"), Decimal("64.17"), 3, 1, 1, 1),
        ("stage", "p/Discovery", "Discovery", 2, 1, 300, 100, 100, 2, 0, 0, 0),
        ("stage", "p/Proposal", "Proposal", 2, 0, 300, Decimal("42.5"), Decimal("28.33"), 1, 1, 1, 1),
    ]


@pytest.mark.usefixtures("pipeline")
def test_every_dimension_adds_up_to_the_whole(warehouse: Query) -> None:
    columns = ["deals_count", "without_amount_count", "amount", "healthy_count", "monitor_count", "at_risk_count", "critical_count",
               "unjudged_count", "healthy_amount", "critical_amount", "needs_attention_count", "stuck_count"]  # fmt: skip
    sums = warehouse(
        f"select {', '.join(f'sum({name})' for name in columns)} from analytics.pipeline_health_summary group by dimension"
    )
    assert len(sums) == 4
    assert len(set(sums)) == 1


def test_stuck_deals_by_hand(put: Put, clean: Settings, warehouse: Query) -> None:
    """As of 31 January's end; Proposal should take 10 days (stuck above 15, or 5 over), Legal Review 5 (stuck above 7.5)."""
    stages = [
        {"stage_id": "Proposal", "stage_order": 4},
        {"stage_id": "Legal Review", "stage_order": 7},
        {"stage_id": "Odd", "stage_order": 9},
    ]

    def since(stage: str, key: str, days: int, **columns: object) -> dict[str, object]:
        return deal(stage, key, f"2024-01-{32 - days:02d}Z", **columns)

    put(
        "a",
        pipeline_stages=stages,
        opportunities=[
            since("Proposal", "d01", 15, close_date="2024-02-01"),  # exactly 1.5 times and 5 over: not stuck
            since("Proposal", "d02", 16, close_date="2024-02-12"),  # 6 over, 12 days left: not fewer than 2 x 6
            since("Proposal", "d03", 18, close_date="2024-03-01"),  # 8 over and 30 days left
            since("Proposal", "d04", 18, close_date="2024-03-02"),  # 31 days left
            since("Proposal", "d05", 21, close_date="2024-04-15"),  # 11 over, 75 days left
            since("Legal Review", "d06", 8),  # 3 over, yet 1.6 times; no close date
            since("Legal Review", "d07", 13, close_date="2024-01-20", amount=900),  # the date has passed
            since("Proposal", "d08", 31, close_date="2024-06-01", amount=1000),  # worth most, health 0
            since("Odd", "d09", 31, close_date="2024-02-01"),  # nothing says how long it should take
        ],
    )  # fmt: skip
    materialize(clean, '+key:"analytics/deals_stuck_in_process"', "2024-01-31")
    assert warehouse(
        "select opportunity_id, deviation_days, days_until_close, urgency, slip_risk, primary_action, health_score, amount_rank"
        " from analytics.deals_stuck_in_process order by 1"
    ) == [
        # Without an amount: (0.15 x half of the health + 0.30 x time + 0.10 x one flag of four) / 0.55.
        ("d02", 6, 12, "HIGH", "MEDIUM", "email", 50, None),  # 65
        ("d03", 8, 30, "HIGH", "LOW", "email", 50, None),  # 55
        ("d04", 8, 31, "HIGH", "LOW", "email", 50, None),  # 54
        ("d05", 11, 75, "LOW", "LOW", "email", 30, None),  # 33: most of the time is left
        ("d06", 3, None, "MEDIUM", None, "email", 50, None),  # 40, of 0.25
        # (0.35 x the lesser of two amounts + 0.30 + 0.15 x 0.7 + 0.10 x two flags of four) / 0.90: 70
        ("d07", 8, -11, "CRITICAL", "HIGH", "escalate", 30, 0),
        ("d08", 21, 122, "HIGH", "LOW", "escalate", 0, 1),  # 58: big and unhealthy
    ]
