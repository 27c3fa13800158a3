"""Datasets one by one: given these rows of what they read, exactly those rows."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from revops_assets.settings import Settings
from revops_assets_tests.given import selected

DAY = "2024-02-29"
ALL = {"team_id": "All", "segment": "All", "region": "All"}


def test_swing_deals_are_the_largest_of_each_quarter(clean: Settings) -> None:
    """Two a quarter. The gap is 50: big wins it (60 more than it adds now), small does not (20 more)."""
    deals: list[dict[str, Any]] = [
        {"opportunity_id": "big", "quarter": "Q1 2024", "amount": 120, "weight": Decimal("0.5"), "weighted_amount": 60},
        {
            "opportunity_id": "small",
            "quarter": "Q1 2024",
            "amount": 40,
            "weight": Decimal("0.5"),
            "weighted_amount": 20,
        },
        {"opportunity_id": "tiny", "quarter": "Q1 2024", "amount": 39, "weight": 1, "weighted_amount": 39},
        {"opportunity_id": "next", "quarter": "Q2 2024", "amount": 7, "weight": 0, "weighted_amount": 0},
        {"opportunity_id": "bare", "quarter": "Q1 2024", "amount": None},
    ]
    columns = "quarter, swing_rank, opportunity_id, upside_amount, downside_amount, target_share, closes_gap"
    assert selected(
        clean, "analytics.swing_deals", columns, DAY,
        analytics__forecast_confidence=[{**ALL, "quarter": "Q1 2024", "line": "TOTAL FORECAST", "target": 200, "gap_to_target": -50}],
        enriched__deal_forecasts=deals, staging__thresholds=[{"swing_deals": 2}],
        staging__deal_days=[{"opportunity_id": deal["opportunity_id"]} for deal in deals],
        enriched__deal_health_scores=[{"opportunity_id": deal["opportunity_id"]} for deal in deals],
    ) == [
        ("Q1 2024", 1, "big", 60, 60, Decimal("0.6"), True), ("Q1 2024", 2, "small", 20, 20, Decimal("0.2"), False),
        ("Q2 2024", 1, "next", 7, 0, None, None),
    ]  # fmt: skip


def test_rework_counts_visits_of_ninety_days_until_the_deal_is_gone(clean: Settings) -> None:
    """v1 began 90 days ago (out), v2 89 days ago; v3 comes back and is over in a day; v4's deal was deleted today."""
    visit = {"pipeline_id": "p", "stage_id": "s", "entered_owner_id": "ann", "is_reentry": False, "gone_on": "infinity"}
    hours = 3_600_000_000
    assert selected(
        clean, "analytics.rework_analysis", "snapshot_date::text, entries_count, reentries_count, rework_rate, completed_reentries_count, rework_days",
        DAY, "2024-03-01",
        staging__visit_facts=[
            visit | {"opportunity_id": "v1", "visit_number": 1, "entered_on": "2023-12-01"},
            visit | {"opportunity_id": "v2", "visit_number": 1, "entered_on": "2023-12-02"},
            visit | {"opportunity_id": "v3", "visit_number": 2, "entered_on": "2024-02-28", "exited_on": "2024-03-01", "is_reentry": True,
                     "elapsed_us": 30 * hours},
            visit | {"opportunity_id": "v4", "visit_number": 1, "entered_on": "2024-02-01", "gone_on": DAY},
        ],
    ) == [
        ("2024-02-29", 2, 1, Decimal("0.5"), 0, 0),  # the return still lasts
        ("2024-03-01", 1, 1, 1, 1, Decimal("1.25")),
    ]  # fmt: skip


def test_whom_to_speak_to(clean: Settings) -> None:
    """The buyer before the champion before whoever spoke last; as of the day, by the name of the day."""
    span = {"d_from": "2024-02-01", "d_to": "infinity", "opportunity_id": "d"}
    columns = "snapshot_date::text, contact_id, contact_name, role_contact_id, role_contact_name, contact_role"
    assert selected(
        clean, "enriched.deal_people", columns, "2024-02-28", DAY,
        staging__deal_contacts=[
            span | {"contact_id": "talks", "last_two_way_at": "2024-02-27Z"},
            span | {"contact_id": "champ", "role": "Champion", "last_two_way_at": "2024-02-01Z"},
            span | {"contact_id": "buyer", "role": "Economic Buyer", "d_from": DAY},
        ],
        staging__deal_days=[{"opportunity_id": "d", "snapshot_date": "2024-02-28"}, {"opportunity_id": "d", "snapshot_date": DAY}],
        staging__contacts=[{"contact_id": "buyer", "contact_name": "Bea", "valid_from": "-infinity", "valid_to": "infinity"}],
    ) == [
        ("2024-02-28", "champ", "champ", "champ", "champ", "Champion"), ("2024-02-29", "buyer", "Bea", "buyer", "Bea", "Economic Buyer")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("due_in", "risk"), [(None, None), (19, "HIGH"), (20, "MEDIUM"), (29, "MEDIUM"), (30, "LOW"), (-1, "HIGH")]
)
def test_slip_risk_is_the_time_left_by_the_delay(clean: Settings, due_in: int | None, risk: str | None) -> None:
    deal = {"opportunity_id": "d"}
    assert selected(
        clean, "analytics.deals_stuck_in_process", "opportunity_id, slip_risk", DAY,
        analytics__deal_priorities=[deal | {"is_stuck": True, "deviation_days": 10, "days_until_close": due_in},
                                    {"opportunity_id": "moves", "is_stuck": False}],
        staging__deal_days=[deal], enriched__deal_health_scores=[deal],
        staging__thresholds=[{"slip_high_factor": 2, "slip_medium_factor": 3}],
    ) == [("d", risk)]  # fmt: skip


def test_a_median_is_of_a_year_s_completed_visits(clean: Settings) -> None:
    visit = {"stage_id": "s", "gone_on": "infinity"}
    assert selected(
        clean, "staging.stage_medians", "stage_id, visits_count, median_days", DAY,
        staging__visit_facts=[
            visit | {"exited_on": "2023-03-01", "days": 100},  # 365 days ago
            visit | {"exited_on": "2023-03-02", "days": 1}, visit | {"exited_on": DAY, "days": 4},
            visit | {"exited_on": "2024-03-01", "days": 100}, visit | {"exited_on": DAY, "days": 100, "gone_on": DAY},
        ],
    ) == [("s", 2, 2.5)]  # fmt: skip


def test_what_sets_top_performers_apart_is_pooled_over_deals(clean: Settings) -> None:
    """The others: 3 of 1 deal and 1 of 3 make 4 of 4, not a mean of means."""
    reps = {"top": True, "bob": False, "cy": False, "gone": False}
    driver = {"metric_name": "m", "top_performer_value": 5}
    assert selected(
        clean, "analytics.top_performer_patterns", "metric_name, top_performers_count, others_value, others_deals_count, difference", DAY,
        analytics__rep_drivers=[driver | {"rep_id": "top", "metric_total": 10, "deals_count": 2}, driver | {"rep_id": "bob", "metric_total": 3, "deals_count": 1},
                                driver | {"rep_id": "cy", "metric_total": 1, "deals_count": 3}, driver | {"rep_id": "gone", "metric_total": 99, "deals_count": 1}],
        analytics__rep_performance=[{"rep_id": name, "is_top_performer": is_top, "is_active": name != "gone"} for name, is_top in reps.items()],
    ) == [("m", 1, 1, 4, 4)]  # fmt: skip


def test_lines_of_the_forecast_by_whose_a_deal_is(clean: Settings) -> None:
    """Ann (SMB, no region) has an open deal of an Enterprise account, and won one of an account without a segment."""
    columns = "segment, region, line, deals_count, weighted_amount"
    rows = selected(
        clean, "analytics.forecast_lines", columns, DAY,
        staging__rep_days=[{"rep_id": "ann", "team_id": "m", "team_name": "Mia", "segment": "SMB", "is_active": True}],
        staging__coverage_dates=[{"money_since": "2024-01-01"}],
        enriched__deal_forecasts=[{"opportunity_id": "d", "quarter": "Q1 2024", "owner_id": "ann", "forecast_category": "Commit", "amount": 10,
                                   "health_score": 70, "weighted_amount": Decimal("7.005")}],
        staging__deal_days=[{"opportunity_id": "d", "segment": "Enterprise"}],
        staging__rep_closings=[{"rep_id": "ann", "account_segment": "none", "quarter_won_count": 1, "quarter_won_without_amount_count": 0,
                                "quarter_won_amount": 5, "next_quarter_won_count": 0, "next_quarter_won_amount": 0}],
    )  # fmt: skip
    of_team = [row for row in set(rows) if row[1] == "Unknown" and row[3]]
    assert sorted(of_team) == [
        ("All", "Unknown", "Closed Won", 1, 5), ("All", "Unknown", "Commit", 1, Decimal("7.01")),
        ("Enterprise", "Unknown", "Commit", 1, Decimal("7.01")), ("SMB", "Unknown", "Closed Won", 1, 5),
    ]  # fmt: skip
    # Every group has all lines, of both quarters.
    assert {row[2] for row in rows if row[0] == "Enterprise"} == {"Closed Won", "Commit", "Best Case", "Pipeline"}
