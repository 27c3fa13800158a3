"""Datasets from analytics to coaching one by one: given these rows of what they read, exactly those rows."""

from __future__ import annotations

import json
import uuid
from datetime import date, timedelta
from decimal import Decimal as D
from typing import Any

import pytest

from revops_assets.settings import Settings
from revops_assets_tests.given import selected, table

Rows = list[dict[str, Any]]
DAY = "2024-02-29"  # a Thursday, the fourth day of the quarter's week 9
ALL: dict[str, Any] = {"team_id": "All", "segment": "All", "region": "All"}
EVER = {"valid_from": "-infinity", "valid_to": "infinity"}
FACTORS = table("factor weight", *((name, D("0.2")) for name in ("health", "silence", "amount", "close_date", "risk_flags")), **EVER)  # fmt: skip
THRESHOLDS = {
    "urgency_critical_score": 70, "urgency_high_score": 50, "urgency_medium_score": 35, "closing_days": 14,
    "stuck_over_benchmark_days": 5, "escalate_amount_rank": D("0.9"), "escalate_below_health": 40, "outcome_deals": 20,
    "top_performer_share": D("0.3"), "confidence_quarters": 3, "variants": 2, "velocity_change_pct": D("0.05"),
    "velocity_red_days": 3, "velocity_tolerance": D("0.2"), "velocity_change_days": D("0.5"), "trend_errors": D("1.96"), "at_risk_change": D("0.01"),
    "silence_days": 21, "close_date_days": 90, "risk_flags_count": 4, "best_time_attempts": 5, "search_errors": D("2.54"), "low_activity_share": D("0.7"),
    "low_activity_errors": D("2.33"), "potential_deals": 20, "potential_own_deals": 10,
    "choice_quarters": 2, "pace_deals": 2,
}  # fmt: skip


def test_a_best_time_is_more_than_chance_gives(settings: Settings) -> None:
    """3 of 3 answered from 16 to 18 and none of 4 after: 2.65 errors (1 / sqrt(3/7 * 4/7 * (1/3 + 1/4))); beside none of
    3 it is 2.45. Of contacts ever, of reps by 90 days: bob has 4 in them."""

    def calls(whose: dict[str, str], day: str, hours: list[int], is_two_way: bool) -> Rows:
        return table("occurred_at", *([f"{day} {hour}:59Z"] for hour in hours), day=day, kind="call", is_two_way=is_two_way, **whose)  # fmt: skip

    c, d, idle = ({"contact_id": name} for name in ("c", "d", "idle"))
    ann, bob = {"rep_id": "ann"}, {"rep_id": "bob"}
    assert selected(
        settings, "analytics.best_times", "basis, who, attempts_count, start_hour", DAY,
        analytics__deal_priorities=table("contact_id action", ("c", "call"), ("c", "task"), ("d", "call"), ("idle", None), (None, "task")),
        staging__activities=[
            *calls(c, DAY, [16, 16, 17], True), *calls(c, "2020-01-01", [18] * 4, False), *calls(c, "2024-03-01", [10], True),
            *calls(d, DAY, [14] * 3, True), *calls(d, DAY, [10] * 3, False), *calls(idle, DAY, [9] * 5, True),
            *calls(ann, DAY, [9] * 4, True), *calls(ann, "2023-12-02", [9], True), ann | {"kind": "meeting", "day": DAY},
            *calls(bob, DAY, [9] * 4, True), *calls(bob, "2023-12-01", [9], True),
        ],
        staging__thresholds=[THRESHOLDS],
    ) == [("contact", "c", 7, 16), ("contact", "d", 6, None), ("rep", "ann", 5, None)]  # fmt: skip


def test_a_priority_is_of_what_is_known(settings: Settings) -> None:
    """Five factors of a fifth each. A healthy Commit of 100 adds 50, a healthy Pipeline of 300 adds 30: less, though it
    is worth more. (.1 + 1 + 1 + .4 + 1) / 5 = .7; (1 + 0) / 2 = .5; (0 + 0 + .5 + 1 + .25) / 5 = .35: urgent from there on."""
    assert selected(
        settings, "analytics.deal_priorities",
        "opportunity_id, days_until_close, amount_rank, amount_at_stake, health_factor, silence_factor, amount_factor, "
        "close_date_factor, risk_flags_factor, priority_score, urgency", DAY,
        staging__deal_days=table(
            "opportunity_id amount forecast_category close_date",
            ("bare", None, None, None), ("commit", 100, "Commit", "2024-04-23"), ("late", 300, "Pipeline", "2024-02-28"), ("silent", None, None, None),
        ),
        enriched__deal_health_scores=table(
            "opportunity_id health_score days_since_two_way risk_flags",
            ("bare", None, None, []), ("commit", 90, 42, ["1", "2", "3", "4", "5"]), ("late", 100, 0, ["NO_EB"]), ("silent", None, 21, []),
        ),
        enriched__deal_forecasts=[{"opportunity_id": "commit", "weight": D("0.3")}], staging__thresholds=[THRESHOLDS],
        reference__forecast_weights=table("forecast_category weight", ("Commit", D("0.5")), ("Commit", D("0.3")), ("Pipeline", D("0.1")), **EVER),
        reference__priority_weights=FACTORS,
    ) == [
        ("bare", None, None, None, None, None, None, None, 0, 0, "LOW"), ("commit", 54, 0, 20, D("0.1"), 1, 1, D("0.4"), 1, 70, "CRITICAL"),
        ("late", -1, 1, 0, 0, 0, 0.5, 1, 0.25, 35, "MEDIUM"), ("silent", None, None, None, None, 1, None, None, 0, 50, "HIGH"),
    ]  # fmt: skip


def test_what_to_do_about_a_deal(settings: Settings) -> None:
    """Big is the largest and below 40, urgent below 60 and due within a week: escalated, urgent to no manager. Slow is 6
    days over, on_time 5; eight is due in 8 days, sixty has 60 points."""
    deals = table(
        "opportunity_id amount close_date pushes_count team_id",
        ("alone", None, None, 0, "m"), ("big", 2, None, 0, "m"), ("buyer", None, None, 0, "m"), ("dark", 1, None, 0, "m"),
        ("due", None, "2024-03-14", 0, "m"), ("eight", None, "2024-03-08", 0, "m"), ("sixty", None, "2024-03-07", 0, "m"), ("later", None, "2024-03-15", 0, "m"), ("lonely", None, None, 2, "m"),
        ("on_time", None, None, 0, "m"), ("slow", None, None, 0, "m"), ("urgent", None, "2024-03-07", 0, "none"),
        stage_name="Proposal", team_name="Mia",
    )  # fmt: skip
    health = table(
        "opportunity_id health_score days_in_stage days_since_two_way risk_flags",
        ("alone", 100, 17, None, ["STUCK", "SINGLE_THREADED"]), ("big", 39, 17, None, ["STUCK"]), ("buyer", 100, 1, None, ["NO_EB"]),
        ("dark", 100, 17, 9, ["STUCK", "GOING_DARK"]), ("due", 100, 1, None, []), ("eight", 59, 17, None, ["STUCK"]), ("sixty", 60, 17, None, ["STUCK"]), ("later", 100, 1, None, []), ("lonely", 100, 1, None, ["PUSHED"]),
        ("on_time", 100, 15, None, []), ("slow", 100, 16, None, []), ("urgent", 59, 17, None, ["STUCK"]), benchmark_days=10, engaged_contacts_count=1,
    )  # fmt: skip
    assert selected(
        settings, "analytics.deal_priorities", "opportunity_id, is_stuck, action, action_target, action_reason, contact_id", DAY,
        staging__deal_days=deals, enriched__deal_health_scores=health, enriched__health_rules=[{"has_roles": True}],
        enriched__deal_people=table("opportunity_id contact_name role_contact_id", *((name, "Pat", "pat") for name in ("big", "buyer", "dark", "due", "urgent")),
                                    ("lonely", "Sam", None)),
        reference__risk_flags=table("flag action_type", ("NO_EB", "meeting"), ("PUSHED", "email"), **EVER),
        reference__priority_weights=FACTORS, staging__thresholds=[THRESHOLDS],
    ) == [
        ("alone", True, "meeting", None, "Stuck 17 days in Proposal (expected 10); only one contact engaged", None),
        ("big", True, "escalate", "Mia", "Escalate to Mia: stuck 17 days in Proposal (expected 10)", None),
        ("buyer", False, "meeting", "Pat", "No economic buyer engaged in Proposal", "pat"),
        ("dark", True, "call", "Pat", "Stuck 17 days in Proposal (expected 10); silent for 9 days", "pat"),
        ("due", False, "call", "Pat", "Due in 14 days", "pat"),
        ("eight", True, "email", None, "Stuck 17 days in Proposal (expected 10); due in 8 days", None), ("later", False, None, None, None, None),
        ("lonely", False, "task", "Sam", "Find a contact, nobody has a role on the deal: close date moved out 2 times", None),
        ("on_time", False, None, None, None, None), ("sixty", True, "email", None, "Stuck 17 days in Proposal (expected 10); due in 7 days", None),
        ("slow", True, "email", None, "Stuck 16 days in Proposal (expected 10)", None),
        ("urgent", True, "escalate", None, "Escalate: stuck 17 days in Proposal (expected 10); due in 7 days", None),
    ]  # fmt: skip


def test_how_deals_with_a_flag_fared_is_seen_a_quarter_later(settings: Settings) -> None:
    """At the ends of seven quarters, won by the end of the next (y was open again then). Stage s: 2 of 3 with the flag, 1 of 2
    without; u: 1 of 1, 0 of 1; t has only flagged. Differences 1/6 and 1 weigh 3*2/5 and 1*1/2: .7 / 1.7. Beyond what was to be
    expected .2 and .5, by variances of 3*2*3*2 / (25*4) and 1*1*1*1 / (4*1): .7 / sqrt(.61)."""
    deals = [("x1", "2023-09-30", "s", ["PUSHED"]), ("x2", "2023-09-30", "s", ["PUSHED"]), ("y", "2023-09-30", "s", ["PUSHED"]), ("z1", "2022-03-31", "s", []),
             ("z2", "2022-03-31", "s", []), ("u1", "2023-09-30", "u", ["PUSHED"]), ("u2", "2022-03-31", "u", []), ("w", "2023-09-30", "t", ["PUSHED"]),
             ("old", "2021-12-31", "s", ["PUSHED"]), ("new", "2023-12-31", "s", [])]  # fmt: skip
    won = [("x1", "2023-12-31", "infinity"), ("x2", "2023-10-01", "2024-01-01"), ("y", "2023-10-01", "2023-12-31"), ("y", "2024-01-01", "infinity"),
           ("z1", "2022-06-30", "infinity"), ("z2", "2022-07-01", "infinity"), ("u1", "2023-10-01", "infinity"), ("w", "2023-10-01", "infinity"),
           ("old", "2022-01-01", "infinity")]  # fmt: skip
    assert selected(
        settings, "analytics.flag_outcomes", "flag, deals_count, won_count, others_count, others_won_count, win_rate_difference, standard_errors", DAY,
        enriched__deal_health_scores=table("opportunity_id snapshot_date risk_flags", *((name, day, flags) for name, day, _, flags in deals)),
        staging__deal_days=table("opportunity_id snapshot_date stage_id", *(deal[:3] for deal in deals)),
        staging__deal_intervals=table("opportunity_id d_from d_to", *won, status="won"),
    ) == [("PUSHED", 4, 3, 3, 1, D("0.4118"), D("0.8963"))]  # fmt: skip


def test_a_forecast_is_judged_on_the_quarter_s_last_day(settings: Settings) -> None:
    """By what was won, each method by itself. Week 13 is that of the day before; a Monday is no week's end; SMB won nothing."""
    said = [("2024-01-07", "All", "default", 60), ("2024-01-07", "All", "commit", None), ("2024-01-08", "All", "default", 7),
            ("2024-03-30", "All", "default", 130), ("2024-03-31", "All", "default", 7), ("2024-01-07", "SMB", "default", 5)]  # fmt: skip
    won = [("2024-03-31", "Q1 2024", "All", "Closed Won", 100), ("2024-03-31", "Q1 2024", "SMB", "Closed Won", 0)]
    assert selected(
        settings, "analytics.forecast_backtest",
        "snapshot_date::text, segment, method, week_number, week_end::text, forecast_amount, actual_amount, error_amount, absolute_percentage_error, bias",
        "2024-03-30", "2024-03-31",
        analytics__forecast_methods=[ALL | line for line in table("snapshot_date segment method forecast_amount", *said, quarter="Q1 2024")],
        analytics__forecast_lines=[ALL | line for line in table("snapshot_date quarter segment line amount", *won, weighted_amount=999)],
    ) == [
        ("2024-03-31", "All", "commit", 1, "2024-01-07", None, 100, None, None, None),
        ("2024-03-31", "All", "default", 1, "2024-01-07", 60, 100, -40, D("0.4"), D("-0.4")),
        ("2024-03-31", "All", "default", 13, "2024-03-30", 130, 100, 30, D("0.3"), D("0.3")),
        ("2024-03-31", "SMB", "default", 1, "2024-01-07", 5, 0, 5, None, None),
    ]  # fmt: skip


def test_what_each_method_forecasts(settings: Settings) -> None:
    """Day 60 of a quarter of 91, 31 are left. 100 is won of two deals, 80 stands in Commit. Learned: 100, 0.5 x 80 and 0.1 x 90, whenever due,
    and what such deals as w (30, won in 21 days) may add in the 10 days that then remain: 30 x 10 / 200 days of history;
    v was won too long ago, and u took longer than is left. By the source's probability: 25 % of 80, of what is due."""
    span = {"status": "won", "credited_owner_id": "r", "opened_at": "2024-01-01Z"}
    assert selected(
        settings, "analytics.forecast_methods", "segment, method, forecast_amount, missing", DAY,
        analytics__forecast_lines=table("quarter line segment deals_count amount weighted_amount", ("Q1 2024", "Closed Won", "All", 2, 100, 100),
                                        ("Q1 2024", "Commit", "All", 1, 80, 60), ("Q2 2024", "Commit", "All", 1, 90, 45),
                                        ("Q1 2024", "Closed Won", "Lone", 1, 5, 5), ("Q1 2024", "Closed Won", "Bare", 2, None, None), team_id="All", region="All"),
        analytics__win_probability=table("opportunity_id method amount won_by_quarter_end expected_amount", ("d", "learned", 80, .5, 40),
                                         ("e", "learned", 90, .1, 9), ("n", "learned", None, .1, None), owner_id="r"),
        staging__deal_days=table("opportunity_id amount probability close_date forecast_category", ("d", 80, 25, "2024-03-31", "Commit"),
                                 ("e", 90, None, "2024-04-30", "Commit"), ("n", None, None, "2024-03-01", "Commit")),
        staging__deal_intervals=table("opportunity_id d_from d_to closed_at amount", ("w", "2024-01-22", "infinity", "2024-01-22Z", 30),
                                      ("v", "2023-02-20", "infinity", "2023-02-28Z", 999), ("u", "2024-02-20", "infinity", "2024-02-20Z", 170), **span),
        staging__rep_days=[{"rep_id": "r", "team_id": "m"}], staging__thresholds=[THRESHOLDS],
        staging__source_coverage=[{"matter": "deals", "since_date": "2023-08-14"}],
    ) == [
        *(("All", *row) for row in (("closed_so_far", D("151.67"), None), ("commit", 180, None), ("default", 160, None), ("learned", D("150.5"), None),
                                    ("run_rate", 91, None), ("stage_weighted", 120, None))),
        *(("Bare", name, None, "amounts or close dates") for name in ("closed_so_far", "commit", "default", "learned", "run_rate", "stage_weighted")),
        ("Lone", "closed_so_far", None, "deals closed in the quarter"), ("Lone", "commit", 5, None), ("Lone", "default", 5, None),
        ("Lone", "learned", 5, None), ("Lone", "run_rate", 0, None), ("Lone", "stage_weighted", 5, None),
    ]  # fmt: skip


def test_what_a_method_lacks(settings: Settings) -> None:
    """A deal by the rule of thumb, one without a probability, and 90 days of a quarter of 91."""
    assert selected(
        settings, "analytics.forecast_methods", "method, forecast_amount, missing", DAY,
        analytics__forecast_lines=table("quarter line deals_count amount weighted_amount", ("Q1 2024", "Closed Won", 2, 100, 100), **ALL),
        analytics__win_probability=table("opportunity_id method amount won_by_quarter_end", ("d", "rule of thumb", 80, .5), owner_id="r"),
        staging__deal_days=[{"opportunity_id": "d", "amount": 80, "close_date": "2024-03-31", "forecast_category": "Pipeline"}],
        staging__rep_days=[{"rep_id": "r"}], staging__thresholds=[THRESHOLDS], staging__source_coverage=[{"matter": "deals", "since_date": "2023-12-02"}],
    ) == [
        ("closed_so_far", D("151.67"), None), ("commit", 100, None), ("default", 100, None), ("learned", None, "ended deals to learn from"),
        ("run_rate", None, "a quarter of history"), ("stage_weighted", None, "probabilities of the source"),
    ]  # fmt: skip


def test_a_forecast_beside_its_target(settings: Settings) -> None:
    """The company's own target, 100: 10 short is Medium still. Mia's team has its rep's, and sold in no quarter before.
    Nothing is said of the next quarter."""
    nothing = (None,) * 7
    assert selected(
        settings, "analytics.forecast_confidence",
        "quarter, team_id, line, deals_count, mean_health_score, amount, weighted_amount, target, gap_to_target, shortfall_pct, risk_level, "
        "ai_forecast_confidence, confidence_basis, backtest_quarters", DAY,
        analytics__forecast_lines=table(
            "quarter team_id line deals_count unjudged_count health_total amount weighted_amount",
            ("Q1 2024", "All", "Closed Won", 1, 0, 0, 10, 10), ("Q1 2024", "All", "Commit", 2, 1, 70, 100, 80),
            ("Q2 2024", "All", "Commit", 2, 1, 70, 100, 5), ("Q1 2024", "m", "Commit", 2, 1, 70, 300, 220), segment="All", region="All",
        ),
        analytics__forecast_targets=[ALL | {"quarter": "Q1 2024", "target": 100}, ALL | {"quarter": "Q2 2024", "target": 50},
                                     ALL | {"quarter": "Q1 2024", "team_id": "m", "target": 200}],
        staging__thresholds=[THRESHOLDS], reference__forecast_risk=table("risk_level shortfall_at_most", ("Low", 0), ("Medium", D("0.1")), ("Critical", None), **EVER),
    ) == [
        ("Q1 2024", "All", "Closed Won", 1, None, 10, 10, *nothing), ("Q1 2024", "All", "Commit", 2, 70, 100, 80, *nothing),
        ("Q1 2024", "All", "TOTAL FORECAST", 3, 70, 110, 90, 100, -10, D("0.1"), "Medium", None, "too few quarters", 0),
        ("Q1 2024", "m", "Commit", 2, 70, 300, 220, *nothing),
        ("Q1 2024", "m", "TOTAL FORECAST", 2, 70, 300, 220, 200, 20, 0, "Low", None, "too few quarters", 0),
        ("Q2 2024", "All", "Commit", 2, 70, 100, 5, *nothing),
        ("Q2 2024", "All", "TOTAL FORECAST", 2, 70, 100, 5, 50, -45, D("0.9"), None, None, "next quarter", 0),
    ]  # fmt: skip


def test_targets_of_the_company_and_of_groups(settings: Settings) -> None:
    """The company's is its own, not the sum of the reps'; of cy nothing is to be sold, and of the next quarter only bob."""
    rows = selected(
        settings, "analytics.forecast_targets", "quarter, team_id, segment, region, target", DAY,
        staging__quota_days=table("rep_id quarter_target next_quarter_target", ("All", 100, None), ("ann", 200, None), ("bob", 30, 40), ("cy", None, None)),
        staging__rep_days=table("rep_id team_id segment region", ("ann", "m", "SMB", None), ("bob", "m", None, "West"), ("cy", "n", None, None)),
    )  # fmt: skip
    of_teams = {row for row in rows if row[2:4] == ("All", "All")}
    assert of_teams == {("Q1 2024", "All", "All", "All", 100), ("Q1 2024", "m", "All", "All", 230), ("Q2 2024", "m", "All", "All", 40)}  # fmt: skip
    assert {row for row in rows if row[:2] == ("Q1 2024", "All") and row not in of_teams} == {
        ("Q1 2024", "All", "SMB", "All", 200), ("Q1 2024", "All", "Unknown", "All", 30), ("Q1 2024", "All", "All", "Unknown", 200),
        ("Q1 2024", "All", "All", "West", 30), ("Q1 2024", "All", "SMB", "Unknown", 200), ("Q1 2024", "All", "Unknown", "West", 30),
    }  # fmt: skip


def test_how_wrong_methods_were(settings: Settings) -> None:
    """Week 9 of two quarters that sold 500 was wrong by 150: 0.3; with weeks 8 and 10, 150 + 40 of 1000. The quarter before the
    last eight, one without sales, and a method that forecast nothing count for nothing."""
    names = "snapshot_date week_number actual_amount error_amount forecast_amount"
    past = [("2021-12-31", 9, 1, 999, 1), ("2022-03-31", 9, 100, -50, 50), ("2023-06-30", 9, 0, 9, 9), ("2023-12-31", 9, 400, 100, 500),
            ("2023-12-31", 8, 400, 40, 440), ("2022-03-31", 10, 100, 0, 100), ("2023-12-31", 12, 400, None, None)]  # fmt: skip
    assert selected(
        settings, "analytics.forecast_errors", "week_number, quarters_count, error, round(square_error, 4), choice_quarters, round(choice_error, 4)", "2023-12-30", "2023-12-31",
        analytics__forecast_backtest=table(names, *past, method="default", **ALL),
        staging__thresholds=[THRESHOLDS | {"snapshot_date": "2023-12-31"}],
    ) == [
        (7, 0, None, None, 1, D("0.1")), (8, 1, D("0.1"), D("0.0083"), 2, D("0.2111")), (9, 2, D("0.3"), D("0.52"), 2, D("0.19")),
        (10, 1, 0, 0, 2, D("0.25")), (11, 0, None, None, 1, 0),
    ]  # fmt: skip


def test_how_often_bounds_would_have_held(settings: Settings) -> None:
    """With two quarters before it a forecast has bounds: 200 had been wrong by a tenth twice: 200 x 1.886 x 0.1 to each side,
    and 215 came; 100, of three quarters' errors, 15 to each side, and 170 came. Week 8 has one quarter before it only."""
    names = "snapshot_date week_number forecast_amount actual_amount error_amount"
    past = [("2023-03-31", 9, 100, 110, -10), ("2023-06-30", 9, 100, 90, 10), ("2023-09-30", 9, 200, 215, -15), ("2023-12-31", 9, 100, 170, -70),
            ("2023-09-30", 8, 100, 100, 0), ("2023-12-31", 8, 100, 100, 0)]  # fmt: skip
    rows = selected(
        settings, "analytics.forecast_errors", "week_number, interval_quarters, within_quarters", "2023-12-31",
        analytics__forecast_backtest=table(names, *past, method="default", **ALL),
        staging__thresholds=[THRESHOLDS | {"snapshot_date": "2023-12-31", "confidence_quarters": 2}],
    )  # fmt: skip
    assert [row for row in rows if row[0] in (8, 9)] == [(8, 0, 0), (9, 2, 1)]


@pytest.mark.parametrize(
    ("day", "left", "quarters"),
    [
        ("2024-01-01", 0.75, 3), ("2024-02-25", 0.25, 3), (DAY, 0.5, 3), ("2024-03-20", None, 0), ("2024-03-27", D("0.8"), 3),
        ("2024-03-30", D("0.9"), 3), ("2024-03-31", D("0.9"), 3)
    ],
)  # fmt: skip
def test_confidence_goes_from_week_to_week(settings: Settings, day: str, left: D | float | None, quarters: int) -> None:
    """Week 8 was wrong by 3/4, week 9 by 5/16: day 4 of 7 between them is a half. Week 13 ends after six days: 3 of them between
    3/10 and 1/10; of week 11 nothing is known."""
    basis = "backtest" if quarters == 3 else "too few quarters"
    errors = [(1, 3, 0.25), (8, 3, 0.75), (9, 3, D("0.3125")), (12, 3, 0.3), (13, 3, 0.1)]
    assert selected(
        settings, "analytics.forecast_confidence", "line, ai_forecast_confidence, confidence_basis, backtest_quarters", day,
        analytics__forecast_lines=[ALL | {"quarter": "Q1 2024", "line": "Commit", "weighted_amount": 1}], staging__thresholds=[THRESHOLDS],
        analytics__forecast_methods=[ALL | {"quarter": "Q1 2024", "method": "default", "forecast_amount": 1}],
        analytics__forecast_errors=table("week_number quarters_count error", *errors, method="default", snapshot_date="2023-12-31", **ALL),
    )[1:] == [("TOTAL FORECAST", left, basis, quarters)]  # fmt: skip


@pytest.mark.parametrize(("day", "expected"), [
    (DAY, ("learned", 200, D("0.9333"), 3, D("134.48"), D("265.52"), 2, 1)),
    ("2024-01-07", ("default", 100, None, 0, None, None, None, None)), ("2024-03-31", ("commit", 50, None, 2, None, None, None, None)),
])  # fmt: skip
def test_the_forecast_is_that_of_the_method_with_the_best_record(
    settings: Settings, day: str, expected: tuple[Any, ...]
) -> None:
    """In week 9 learned is less wrong than default; run_rate never was, but forecasts nothing now. The bounds: 0.2 to each side
    x 1.638, three quarters' t. In week 13 commit has two quarters, enough to be chosen, too few for a confidence; learned has one."""
    past = [
        ("learned", 8, 3, 0.0667, 0.04, 3, 0.0667),
        ("default", 8, 3, 0.3, 0.1, 3, 0.3),
        ("run_rate", 8, 3, 0, 0, 3, 0),
    ]
    past += [(name, 9, *rest) for name, _, *rest in past]
    past += [
        (name, week, 2, 0.05, 0.01, quarters, 0.05)
        for name, quarters in (("commit", 2), ("learned", 1))
        for week in (12, 13)
    ]
    names = "method week_number quarters_count error square_error choice_quarters choice_error"
    said = table("method forecast_amount", ("default", 100), ("learned", 200), ("commit", 50), ("run_rate", None), quarter="Q1 2024", snapshot_date=day, **ALL)  # fmt: skip
    names += " interval_quarters within_quarters"
    past = [(*row, 2, 1) for row in past]
    [row] = [row[1:] for row in selected(
        settings, "analytics.forecast_confidence",
        "line, method, ai_forecast, ai_forecast_confidence, backtest_quarters, forecast_low, forecast_high, interval_quarters, within_quarters", day,
        analytics__forecast_lines=[ALL | {"quarter": "Q1 2024", "line": "Commit", "weighted_amount": 100}], staging__thresholds=[THRESHOLDS],
        analytics__forecast_methods=said, analytics__forecast_errors=table(names, *past, snapshot_date="2023-12-31", **ALL),
    ) if row[0] == "TOTAL FORECAST"]  # fmt: skip
    assert row == expected


def test_the_record_of_what_was_said(settings: Settings) -> None:
    """What was said of this quarter, 90 within 80 to 110, and of two before: in 1 of 2 with bounds; the oldest is over two years ago."""
    names = "snapshot_date week_number actual_amount forecast_amount"
    assert selected(
        settings, "analytics.forecast_record", "method, forecast_amount, error_amount, is_within, quarters_count, wape, bias, interval_quarters, within_quarters", "2024-03-31",
        analytics__forecast_backtest=table(names + " week_end method", ("2024-03-31", 2, 100, 130, "2024-01-14", "default"), quarter="Q1 2024", **ALL),
        analytics__forecast_confidence=table("snapshot_date quarter line ai_forecast forecast_low forecast_high", ("2024-01-14", "Q1 2024", "TOTAL FORECAST", 90, 80, 110), **ALL),
        analytics__forecast_record=[ALL | {"method": "ai", "quarter": "Q"} | row for row in table(
            names + " is_within", ("2023-12-31", 2, 100, 150, False), ("2023-09-30", 2, 200, 200, None), ("2022-03-31", 2, 1, 999, True), ("2023-12-31", 3, 1, 999, True))],
    ) == [
        ("ai", 90, -10, True, 3, D("0.15"), D("0.1"), 2, 1), ("default", 130, 30, None, 1, D("0.3"), D("0.3"), 0, 0),
    ]  # fmt: skip


def test_the_waterfall_of_a_week(settings: Settings) -> None:
    """From Sunday's end to Thursday's: 100 + 7 + 20 - 120 = 7. A deal without an amount counts as a deal; one that is to
    close on 1 April is the next quarter's; a day before the week, and one after the day, is not of it."""
    assert selected(
        settings, "analytics.pipeline_changes",
        "quarter, team_id, team_name, week_number, week_start::text, opening_count, created_count, won_count, closing_count, "
        "opening_amount, created_amount, increased_amount, won_amount, closing_amount", DAY,
        staging__deal_days=table(
            "snapshot_date team_id close_date amount",
            ("2024-02-25", "m", "2024-03-31", 100), ("2024-02-25", "m", "2024-01-01", None), ("2024-02-25", "m", "2024-04-01", 50),
            ("2024-02-27", "m", "2024-03-31", 999), (DAY, "m", "2024-01-01", None), (DAY, "m", "2024-04-01", 50), (DAY, "-1", "2024-03-31", 7),
        ),
        staging__pipeline_moves=table(
            "day team_id kind deals_change amount_change", ("2024-02-25", "m", "increased", 0, 999), ("2024-02-26", "m", "increased", 0, 20),
            (DAY, "m", "won", -1, -120), (DAY, "-1", "created", 1, 7), ("2024-03-01", "m", "created", 1, 999), quarter_start="2024-01-01",
        ),
        staging__rep_days=table("team_id team_name", ("m", "Mia"), ("-1", "Unassigned")),
    ) == [
        ("Q1 2024", "-1", "Unassigned", 9, "2024-02-26", 0, 1, 0, 1, 0, 7, 0, 0, 7),
        ("Q1 2024", "All", "All", 9, "2024-02-26", 2, 1, 1, 2, 100, 7, 20, 120, 7),
        ("Q1 2024", "m", "Mia", 9, "2024-02-26", 2, 0, 1, 1, 100, 0, 20, 120, 0),
        ("Q2 2024", "All", "All", 9, "2024-02-26", 1, 0, 0, 1, 50, 0, 0, 0, 50), ("Q2 2024", "m", "Mia", 9, "2024-02-26", 1, 0, 0, 1, 50, 0, 0, 0, 50),
    ]  # fmt: skip


def test_every_move_has_its_column(settings: Settings) -> None:
    """Of two teams; what a deal takes away is shown as what was taken, but of moves to another team."""
    moves = [("created", 1, 1), ("pulled_in", 1, 2), ("increased", 0, 4), ("decreased", 0, -8), ("pushed_out", -1, -16), ("won", -1, -32),
             ("lost", -1, -64), ("reopened", 1, 128), ("moved", -1, -256), ("deleted", -1, -512), ("merged", -1, -1024)]  # fmt: skip
    kinds = [kind for kind, _, _ in moves]
    columns = [f"{kind}_amount" for kind in kinds] + [
        f"{kind}_count" for kind in kinds if kind not in ("increased", "decreased")
    ]
    taken = [1, 2, 4, 8, 16, 32, 64, 128, -256, 512, 1024]
    deals = [1, 1, 1, 1, 1, 1, -1, 1, 1]
    rows = selected(
        settings, "analytics.pipeline_changes", f"quarter, team_id, {', '.join(columns)}", DAY,
        staging__pipeline_moves=table("team_id kind deals_change amount_change", *((team, *move) for team in "mn" for move in moves), quarter_start="2024-01-01", day=DAY),
    )  # fmt: skip
    assert rows == [("Q1 2024", "All", *(2 * value for value in taken + deals)), ("Q1 2024", "m", *taken, *deals), ("Q1 2024", "n", *taken, *deals),
                    ("Q2 2024", "All", *[0] * 20)]  # fmt: skip


def test_the_waterfall_of_a_quarter_s_first_day(settings: Settings) -> None:
    """It opens with the last day of the quarter before. A team that nobody is in any more goes by its id."""
    assert selected(
        settings, "analytics.pipeline_changes",
        "quarter, team_name, week_number, opening_count, pushed_out_count, pushed_out_amount, pulled_in_count, closing_count, closing_amount", "2024-01-01",
        staging__deal_days=table("snapshot_date close_date", ("2023-12-31", "2024-01-01"), ("2024-01-01", "2024-06-30"), team_id="x", amount=10),
        staging__pipeline_moves=table("quarter_start kind deals_change amount_change", ("2024-01-01", "pushed_out", -1, -10), ("2024-04-01", "pulled_in", 1, 10),
                                      team_id="x", day="2024-01-01"),
    ) == [
        ("Q1 2024", "All", 1, 1, 1, 10, 0, 0, 0), ("Q1 2024", "x", 1, 1, 1, 10, 0, 0, 0),
        ("Q2 2024", "All", 1, 0, 0, 0, 1, 1, 10), ("Q2 2024", "x", 1, 0, 0, 0, 1, 1, 10),
    ]  # fmt: skip


def test_the_pipeline_s_health_by_groups(settings: Settings) -> None:
    """(90 * 100 + 60 * 300) / 400 = 67.5: the 200 of a deal that nobody can judge weigh nothing. The last deal's amount has
    no rate."""
    deals = [("d1", 100, 2, "Commit", "m", "Mia", "s", "Proposal", None), ("d2", 300, 3, "Pipeline", "m", "Mia", "s", "Proposal", None),
             ("d3", 200, 4, "Commit", "m", "Mia", "s", "Proposal", None), ("d4", None, None, "Pipeline", "-1", "Unassigned", None, None, 5)]  # fmt: skip
    names = ("opportunity_id amount days_in_stage forecast_category team_id team_name stage_id stage_name currency_amount")  # fmt: skip
    assert selected(
        settings, "analytics.pipeline_health_summary",
        "dimension, group_id, group_name, deals_count, without_amount_count, amount, mean_health_score, amount_weighted_health_score, healthy_count, "
        "unjudged_count, healthy_amount, needs_attention_count, stuck_count, mean_days_in_stage, unconverted_count", DAY,
        staging__deal_days=table(names, *deals, pipeline_id="p"),
        enriched__deal_health_scores=table("opportunity_id health_score health_category needs_attention", ("d1", 90, "Healthy", False),
                                           ("d2", 60, "Monitor", True), ("d3", None, None, None), ("d4", None, None, None)),
        analytics__deal_priorities=table("opportunity_id is_stuck", ("d1", False), ("d2", True), ("d3", False), ("d4", False)),
    ) == [
        ("forecast_category", "Commit", "Commit", 2, 0, 300, 90, 90, 1, 1, 100, 0, 0, 3, 0),
        ("forecast_category", "Pipeline", "Pipeline", 2, 1, 300, 60, 60, 0, 1, None, 1, 1, 3, 1),
        ("manager", "-1", "Unassigned", 1, 1, None, None, None, 0, 1, None, 0, 0, None, 1),
        ("manager", "m", "Mia", 3, 0, 600, 75, 67.5, 1, 1, 100, 1, 1, 3, 0), ("overall", "All", "All", 4, 1, 600, 75, 67.5, 1, 2, 100, 1, 1, 3, 1),
        ("stage", "p", "No stage", 1, 1, None, None, None, 0, 1, None, 0, 0, None, 1),
        ("stage", "p/s", "Proposal", 3, 0, 600, 75, 67.5, 1, 1, 100, 1, 1, 3, 0),
    ]  # fmt: skip


DAY_US = 86_400_000_000


def visit(stage: str, exited_on: str | None, days: float = 0, **rest: Any) -> dict[str, Any]:
    """A visit of pipeline p that took so many days."""
    lasted = {"days": days, "elapsed_us": round(days * DAY_US)} if exited_on else {}
    return {"pipeline_id": "p", "stage_id": stage, "entered_on": "2023-01-01", "exited_on": exited_on, "gone_on": "infinity"} | lasted | rest  # fmt: skip


def test_bottlenecks_of_ninety_days(settings: Settings) -> None:
    """Expected 2, critical beyond 4. s: 1 and 5 days, half over; t: 4 days, twice over and not critical; u has no benchmark; in v
    somebody stands. 2 December was 89 days ago, and is out the day after."""
    rules = [("s", 2, 4), ("t", 2, 4), ("u", None, None), ("v", 2, 4)]
    assert selected(
        settings, "analytics.process_bottlenecks",
        "snapshot_date::text, stage_id, occurrences, avg_days, stddev_days, min_days, max_days, avg_deviation_days, delay_ratio, delay_level, delay_rank, "
        "bottleneck_count, rework_count, open_bottleneck_count, amount_in_bottleneck", DAY, "2024-03-01",
        staging__visit_facts=[
            visit("s", "2023-12-02", 1), visit("s", DAY, 5), visit("t", DAY, 4), visit("u", DAY, 7),
            visit("s", "2023-12-01", 99), visit("s", "2024-03-02", 99), visit("s", DAY, 99, gone_on=DAY),
            visit("s", None, entered_on="2023-12-02", is_reentry=True), visit("s", None, entered_on="2023-12-01", is_reentry=True),
        ],
        staging__deal_days=table("days_in_stage amount", (4, 70), (4.5, 50), (9, None), pipeline_id="p", stage_id="v"),
        enriched__stage_rules=table("snapshot_date stage_id benchmark_days critical_days", *((day, *rule) for day in (DAY, "2024-03-01") for rule in rules)),
        reference__delay_levels=table("delay_level ratio_at_least", ("HIGH", 2), ("MEDIUM", 1.5), ("ON TARGET", None), **EVER),
    ) == [
        (DAY, "s", 2, 3, D("2.8284"), 1, 5, 1, 1.5, "MEDIUM", 2, 1, 1, 0, None), (DAY, "t", 1, 4, None, 4, 4, 2, 2, "HIGH", 1, 0, 0, 0, None),
        (DAY, "u", 1, 7, None, 7, 7, None, None, None, None, 0, 0, 0, None), (DAY, "v", 0, None, None, None, None, None, None, None, None, 0, 0, 2, 50),
        ("2024-03-01", "s", 1, 5, None, 5, 5, 3, 2.5, "HIGH", 1, 1, 0, 0, None), ("2024-03-01", "t", 1, 4, None, 4, 4, 2, 2, "HIGH", 2, 0, 0, 0, None),
        ("2024-03-01", "u", 1, 7, None, 7, 7, None, None, None, None, 0, 0, 0, None),
    ]  # fmt: skip


def test_the_most_frequent_paths_of_365_days(settings: Settings) -> None:
    """a was closed 364 days before the first day, and leaves on the second: a tie then, by path. b was reopened later; gone
    is open again since that day. No win rate before both wins and losses are told of."""
    closings = [("a", "2023-03-02", True, 10, "infinity"), ("b", "2024-01-01", False, 20, "infinity"), ("c", "2024-01-01", False, 5, "infinity"),
                ("d", "2024-01-01", False, 5, "infinity"), ("old", "2023-03-01", True, 5, "infinity"), ("gone", "2024-01-01", True, 5, DAY)]  # fmt: skip
    paths = {"a": "12", "b": "12", "c": "1", "d": "4", "old": "1", "gone": "1"}
    visits = [(name, "p", f"s{stage}", int(stage), "2023-01-01Z") for name, path in paths.items() for stage in path]
    both = (DAY, "2024-03-01")
    assert selected(
        settings, "analytics.process_variants",
        "snapshot_date::text, variant_rank, path, path_names, deals_count, share, won_count, win_rate, avg_cycle_days", *both,
        staging__closing_facts=table("opportunity_id closed_on is_won d_to cycle_us d_from closed_at",
                                     *((name, day, is_won, until, days * DAY_US, day, f"{day} 12:00Z") for name, day, is_won, days, until in closings)),
        staging__stage_visits=table("opportunity_id pipeline_id stage_id visit_number entered_at", *visits, ("b", "q", "s9", 9, "2024-02-01Z")),
        staging__coverage_dates=[{"outcomes_since": "2024-03-01"}],
        staging__thresholds=[THRESHOLDS | {"snapshot_date": day} for day in both],
        enriched__stage_rules=table("snapshot_date stage_id stage_name", *((day, "s1", "Discovery") for day in both)),
    ) == [
        (DAY, 1, ["s1", "s2"], "Discovery > s2", 2, 0.5, 1, None, 15), (DAY, 2, ["s1"], "Discovery", 1, 0.25, 0, None, 5),
        ("2024-03-01", 1, ["s1"], "Discovery", 1, D("0.3333"), 0, 0, 5), ("2024-03-01", 2, ["s1", "s2"], "Discovery > s2", 1, D("0.3333"), 0, 0, 20),
    ]  # fmt: skip


def test_what_a_rep_does(settings: Settings) -> None:
    """Of two open deals. d1 was created on 19 February and met two days later, a demo that nobody came to in between; three
    of its activities are of 28 days (1 February is the 29th). d2 meets tomorrow."""
    assert selected(
        settings, "analytics.rep_drivers", "metric_name, metric_value, metric_total, deals_count, team_value, top_performer_value, top_performer_deals_count", DAY,
        staging__deal_days=table("opportunity_id days_open discount_pct engaged_contacts_count has_champion", ("d1", 10, 10, 3, True), ("d2", 3, None, 0, False),
                                 owner_id="ann", has_engaged_economic_buyer=False),
        staging__activities=table(
            "opportunity_id day kind is_two_way", ("d1", "2024-02-21", "meeting", True), ("d1", "2024-02-20", "demo", False),
            ("d1", "2024-02-02", "email", True), ("d1", "2024-02-01", "call", True), ("d2", "2024-03-01", "meeting", True),
        ),
        enriched__health_rules=[{"has_activity": True, "has_stakeholder": True, "has_roles": True}],
        analytics__rep_performance=[{"rep_id": "ann", "team_id": "m", "is_active": True, "is_top_performer": False}],
    ) == [
        ("activities_per_deal_week", 0.375, 0.75, 2, 0.375, None, 0), ("average_discount", D("0.1"), D("0.1"), 1, D("0.1"), None, 0),
        ("champion_identified_rate", 0.5, 1, 2, 0.5, None, 0), ("days_to_first_meeting", 2, 2, 1, 2, None, 0),
        ("economic_buyer_engaged_rate", 0, 0, 2, 0, None, 0), ("stakeholders_engaged", 1.5, 3, 2, 1.5, None, 0),
    ]  # fmt: skip


def test_what_teams_do_is_pooled_over_deals(settings: Settings) -> None:
    """Ann has 3 and 0, bob 5: 8 of 3 deals. Cy is not active, dee of another team. The source tells of contacts only."""
    assert selected(
        settings, "analytics.rep_drivers", "rep_id, metric_name, metric_value, deals_count, team_value, top_performer_value, top_performer_deals_count", DAY,
        staging__deal_days=table("owner_id engaged_contacts_count", ("ann", 3), ("ann", 0), ("bob", 5), ("cy", 99), ("dee", 1)),
        enriched__health_rules=[{"has_activity": False, "has_stakeholder": True, "has_roles": False}],
        analytics__rep_performance=table("rep_id team_id is_active is_top_performer", ("ann", "m", True, False), ("bob", "m", True, True),
                                         ("cy", "m", False, False), ("dee", "n", True, False)),
    ) == [
        ("ann", "stakeholders_engaged", 1.5, 2, D("2.6667"), 5, 1), ("bob", "stakeholders_engaged", 5, 1, D("2.6667"), 5, 1),
        ("cy", "stakeholders_engaged", 99, 1, D("2.6667"), 5, 1), ("dee", "stakeholders_engaged", 1, 1, 1, 5, 1),
    ]  # fmt: skip


def test_what_a_rep_has_sold_and_has_open(settings: Settings) -> None:
    """Ann's closings are of two segments. Cy is not active, nobody has a deal, idle has nothing. What a reopening began
    today was not created today. Money is told of from today on, losses from tomorrow."""
    assert selected(
        settings, "analytics.rep_results",
        "rep_id, quarter_quota, created_today_count, won_count, lost_count, won_amount, lost_amount, won_cycle_days, year_won_amount, open_deals_count, "
        "open_amount, mean_health_score, has_money, has_outcomes", DAY,
        staging__rep_days=table("rep_id team_id is_active", ("-1", "-1", False), ("ann", "m", True), ("bob", "m", True), ("cy", "m", False), ("idle", "m", True)),
        staging__rep_closings=table(
            "rep_id won_count lost_count won_amount lost_amount won_cycle_days year_won_amount",
            ("ann", 2, 1, 40, 300, 30, 50), ("ann", 1, 0, 60, 0, 30, 30), ("cy", 7, 1, 0, 0, 7, 0),
        ),
        staging__quota_days=table("rep_id quarter_target", ("ann", 60), ("bob", 70), ("cy", 80)),
        staging__deal_days=table("opportunity_id owner_id amount", ("d1", "ann", 5), ("d2", "ann", None), ("d3", "-1", None)),
        enriched__deal_health_scores=table("opportunity_id health_score", ("d1", 60), ("d2", 81), ("d3", None)),
        staging__deal_intervals=table("opened_at owner_id", (f"{DAY} 23:59Z", "ann"), ("2024-02-28 23:59Z", "ann"), (f"{DAY} 00:00Z", None), d_from=DAY),
        staging__coverage_dates=[{"amount_since": DAY, "outcomes_since": "2024-03-01"}],
    ) == [
        ("-1", None, 1, 0, 0, 0, 0, 0, 0, 1, 0, None, True, False), ("ann", 60, 1, 3, 1, 100, 300, 60, 80, 2, 5, 70.5, True, False),
        ("bob", 70, 0, 0, 0, 0, 0, 0, 0, 0, 0, None, True, False), ("cy", 80, 0, 7, 1, 0, 0, 7, 0, 0, 0, None, True, False),
    ]  # fmt: skip


NOTHING = {
    "won_amount": 0,
    "lost_amount": 0,
    "won_with_amount_count": 0,
    "won_cycle_days": 0,
    "year_won_amount": 0,
    "quarter_won_amount": 0,
}


def test_a_rep_beside_the_team_and_the_quarter_before(settings: Settings) -> None:
    """The team won 4 of 8, the rest of it 1 of 4 in 40 days; cy is not active. Bob has no quota, and lost less than nothing."""
    assert selected(
        settings, "analytics.rep_performance",
        "rep_id, quarter_attainment, ytd_attainment, win_rate, amount_win_rate, avg_deal_size, avg_sales_cycle_days, overall_rank, total_reps, "
        "team_win_rate, team_avg_deal_size, team_avg_sales_cycle_days, win_rate_vs_team, cycle_vs_team, attainment_change_qoq, win_rate_change_qoq, "
        "rank_change_qoq, performance_tier, is_top_performer", DAY,
        analytics__rep_results=table(
            "rep_id team_id is_active won_count lost_count won_with_amount_count won_amount lost_amount won_cycle_days quarter_won_amount year_won_amount "
            "quarter_quota year_to_date_quota",
            ("-1", "-1", False, 0, 0, 0, 0, 0, 0, 0, 0, None, None), ("ann", "m", True, 3, 1, 2, 100, 300, 60, 30, 80, 60, 100),
            ("bob", "m", True, 1, 3, 1, 50, -50, 40, 0, 0, None, None), ("cy", "m", False, 7, 1, 0, 0, 0, 7, 0, 0, None, None),
            has_money=True, has_outcomes=True,
        ),
        staging__thresholds=[THRESHOLDS],
        analytics__rep_performance=[{"rep_id": "ann", "snapshot_date": "2023-12-31", "ytd_attainment": 0.5, "win_rate": 0.25, "overall_rank": 3}],
        reference__rep_tiers=[EVER | {"tier": "On Track", "attainment_at_least": 0.7}],
    ) == [
        ("-1", None, None, None, None, None, None, None, None, None, None, None, None, None, None, None, None, None, False),
        ("ann", 0.5, D("0.8"), 0.75, 0.25, 50, 20, 1, 2, 0.5, 50, 25, 0.5, -20, D("0.3"), 0.5, 2, "On Track", True),
        ("bob", None, None, 0.25, None, 50, 40, 2, 2, 0.5, 50, 25, -0.5, 20, None, None, None, None, False),
        ("cy", None, None, 0.875, None, None, 1, None, None, 0.5, 50, 25, None, None, None, None, None, None, False),
    ]  # fmt: skip


def test_ranks_tiers_and_the_top_quarter(settings: Settings) -> None:
    """By attainment, win rate, name: fay before ann, abe before bea. Of six with an attainment three tenths are one; eve has
    a win rate only, zed is not active."""
    won = {"abe": 90, "ann": 110, "bea": 90, "cat": 70, "dan": D("69.99"), "eve": 0, "fay": 110, "zed": 200}
    assert selected(
        settings, "analytics.rep_performance", "overall_rank, rep_name, ytd_attainment, performance_tier, is_top_performer, total_reps", DAY,
        analytics__rep_results=table(
            "rep_id rep_name is_active year_won_amount year_to_date_quota won_count lost_count",
            *((name[::-1], name, name != "zed", amount, None if name == "eve" else 100, int(name in ("ann", "eve", "fay")), int(name == "ann"))
              for name, amount in won.items()), **(NOTHING | {"has_money": True, "has_outcomes": True, "team_id": "m"}) | {"year_won_amount": None},
        ),
        staging__thresholds=[THRESHOLDS],
        reference__rep_tiers=table("tier attainment_at_least", ("Top Performer", D("1.1")), ("On Track", D("0.9")), ("Needs Improvement", D("0.7")), ("At Risk", None), **EVER),
    ) == [
        (1, "fay", D("1.1"), "Top Performer", True, 7), (2, "ann", D("1.1"), "Top Performer", False, 7), (3, "abe", D("0.9"), "On Track", False, 7),
        (4, "bea", D("0.9"), "On Track", False, 7), (5, "cat", D("0.7"), "Needs Improvement", False, 7), (6, "dan", D("0.6999"), "At Risk", False, 7),
        (7, "eve", None, None, False, 7), (None, "zed", 2, None, False, None),
    ]  # fmt: skip


def test_a_rep_of_whom_the_source_does_not_tell_enough(settings: Settings) -> None:
    rep = {
        "rep_id": "ann",
        "team_id": "m",
        "is_active": True,
        "year_to_date_quota": 100,
        "won_count": 1,
        "lost_count": 0,
        "open_amount": 0,
    }
    assert selected(
        settings, "analytics.rep_performance",
        "won_count, quarter_won_amount, open_amount, ytd_attainment, win_rate, overall_rank, total_reps, team_win_rate, performance_tier, is_top_performer", DAY,
        analytics__rep_results=[NOTHING | rep | {"has_money": False, "has_outcomes": False}],
        staging__thresholds=[THRESHOLDS], reference__rep_tiers=[EVER | {"tier": "At Risk"}],
    ) == [(1, None, None, None, None, None, 0, None, None, False)]  # fmt: skip


DURATIONS = "stage_id, completed_count, avg_duration_days, median_duration_days, previous_completed_count, previous_avg_duration_days, advanced_count"


def durations(settings: Settings, columns: str, visits: Rows, **given: Rows) -> list[tuple[Any, ...]]:
    """Columns of the rows of all teams and regions by segment; ann sells to SMB."""
    rows = selected(
        settings, "analytics.stage_durations", f"team_id, region, segment, {columns}", DAY,
        staging__visit_facts=[{"exited_owner_id": "ann"} | row for row in visits],
        staging__rep_days=[{"rep_id": "ann", "team_id": "m", "team_name": "Mia", "segment": "SMB"}], **given,
    )  # fmt: skip
    return [row[2:] for row in rows if row[:2] == ("All", "All")]


def test_visits_of_ninety_days_and_of_the_ninety_before(settings: Settings) -> None:
    """2 and 4 days, before them 8 and 12 (variances 2 / 2 and 8 / 2); 180 days ago is out. t was visited once, u will be
    tomorrow; in v deals only stand."""
    visits = [visit("s", "2023-12-02", 2, ended_by="forward"), visit("s", DAY, 4, ended_by="won"), visit("s", "2023-12-01", 8), visit("s", "2023-09-03", 12),
              visit("s", "2023-09-02", 500), visit("s", "2024-03-01", 500), visit("s", DAY, 500, gone_on=DAY), visit("t", DAY, 5, ended_by="left"),
              visit("u", None, entered_on="2024-03-01"), visit("v", None, entered_on=DAY)]  # fmt: skip
    assert [row[1:] for row in durations(settings, f"{DURATIONS}, change_variance", visits) if row[0] == "All"] == [
        ("s", 2, 3, 3, 2, 10, 2, 5), ("t", 1, 5, 5, 0, None, 0, None), ("v", 0, None, None, 0, None, 0, None),
    ]  # fmt: skip


def test_whose_visits_are_by_the_account_s_segment_of_the_day(settings: Settings) -> None:
    """Acme is Mid-Market since today; of whom nobody knows a segment, it is the rep's."""
    assert durations(
        settings, "completed_count", [visit("s", DAY, 1, exited_account_id="acme"), visit("s", DAY, 1)],
        staging__accounts=table("d_from d_to segment", ("-infinity", DAY, "Enterprise"), (DAY, "infinity", "Mid-Market"), account_id="acme"),
    ) == [("All", 2), ("Mid-Market", 1), ("SMB", 1)]  # fmt: skip


def velocity(settings: Settings, columns: str, *durations: dict[str, Any], benchmark: float | None = None, **given: Rows) -> list[tuple[Any, ...]]:  # fmt: skip
    return selected(
        settings, "analytics.stage_velocity", columns, DAY,
        analytics__stage_durations=[ALL | {"pipeline_id": "p", "stage_id": "s", "team_name": "All"} | row for row in durations],
        staging__thresholds=[THRESHOLDS],
        enriched__stage_rules=table("stage_id stage_order benchmark_days", ("s", 1, benchmark), ("t", None, None)), **given,
    )  # fmt: skip


def test_a_stage_s_visits_beside_the_deals_in_it(settings: Settings) -> None:
    """Of ages 1 and 3 nine tenths are below 2.8. t's order is not known, so nothing is forward there; Mia's deals stand in
    a stage that nobody completed for her."""
    completed = {
        "completed_count": 4,
        "advanced_count": 1,
        "avg_duration_days": 3,
        "median_duration_days": 2.5,
        "previous_avg_duration_days": 10,
    }
    rows = velocity(
        settings,
        "stage_id, team_id, team_name, completed_count, avg_duration_days, duration_change_days, duration_change_pct, conversion_rate, deviation_days, "
        "deals_in_stage, amount_in_stage, median_current_age_days, p90_current_age_days",
        completed, completed | {"stage_id": "t"}, benchmark=1,
        staging__deal_days=table("days_in_stage amount", (1, None), (3, 5), pipeline_id="p", stage_id="s", team_id="m", team_name="Mia", segment="SMB"),
    )  # fmt: skip
    assert len(rows) == 9  # of s all groups of (Mia, SMB, Unknown), and t
    assert rows[0] == ("s", "All", "All", 0, None, None, None, None, None, 2, 5, 2, D("2.8"))
    assert ("s", "All", "All", 4, 3, -7, D("-0.7"), 0.25, 2, 2, 5, 2, D("2.8")) in rows
    assert ("s", "m", "Mia", 0, None, None, None, None, None, 2, 5, 2, D("2.8")) in rows
    assert rows[-1] == ("t", "All", "All", 4, 3, -7, D("-0.7"), None, None, 0, None, None, None)


@pytest.mark.parametrize(
    ("now", "before", "variance", "trend"),
    [
        (10, 3, 5, "worsening"), (4, 10, None, None), (1.4, 1, 0, "stable"), (1.5, 1, 0, "worsening"), (20.9, 20, 0, "stable"), (21, 20, 0, "worsening"),
        (10, 8, 1, "worsening"), (10, D("8.05"), 1, "stable"), (8, 10, 1, "improving"), (D("8.05"), 10, 1, "stable"),
    ],
)  # fmt: skip
def test_a_trend_is_no_chance(settings: Settings, now: D | float, before: D | float, variance: int | None, trend: str | None) -> None:  # fmt: skip
    """And 5 % and half a day at least. 2 is above 1.96 standard errors of 1, 1.95 is not."""
    row = {
        "completed_count": 2,
        "avg_duration_days": now,
        "previous_avg_duration_days": before,
        "change_variance": variance,
    }
    assert velocity(settings, "trend_direction", row) == [(trend,)]


@pytest.mark.parametrize(
    ("benchmark", "status"), [(5, "green"), (4.9, "yellow"), (3, "yellow"), (2.9, "red"), (30, "green"), (None, None)]
)
def test_a_stage_is_on_target_up_to_a_fifth_over_it(settings: Settings, benchmark: float | None, status: str) -> None:
    row = {"completed_count": 1, "avg_duration_days": 6}
    assert velocity(settings, "status_indicator", row, benchmark=benchmark) == [(status,)]


def test_the_quarter_in_one_line(settings: Settings) -> None:
    """Of Q1, (30 + 20 + 40) / (100 - 10) covers what is open; a week ago its running week said 70 and 45. Q2 has sold its
    target; of it the forecast of then tells. SMB was not there, and credits make no share."""
    totals = [(DAY, "Q1 2024", "All", 100, 80), (DAY, "Q1 2024", "SMB", None, -4), (DAY, "Q2 2024", "All", 5, 6),
              ("2024-02-22", "Q1 2024", "All", 1, 1), ("2024-02-22", "Q2 2024", "All", 5, 4)]  # fmt: skip
    lines = [
        (DAY, "Q1 2024", "All", "Closed Won", 10, 10, 1), (DAY, "Q1 2024", "All", "Commit", 30, 20, 2), (DAY, "Q1 2024", "All", "Best Case", 20, 9, 1),
        (DAY, "Q1 2024", "All", "Pipeline", 40, 4, 3), (DAY, "Q1 2024", "SMB", "Closed Won", -10, -10, 1), (DAY, "Q1 2024", "SMB", "Commit", 30, 5, 1),
        (DAY, "Q2 2024", "All", "Closed Won", 5, 5, 1), (DAY, "Q2 2024", "All", "Commit", 0, 0, 0), (DAY, "Q2 2024", "All", "Pipeline", 7, 1, 1),
        ("2024-02-22", "Q2 2024", "All", "Closed Won", 1, 1, 1), ("2024-02-22", "Q2 2024", "All", "Commit", 2, 2, 1),
    ]  # fmt: skip
    of = {"team_id": "All", "team_name": "All", "region": "All"}
    assert selected(
        settings, "dashboard.dashboard_kpis",
        "quarter, segment, team_filter, quarter_target, ai_forecast, commit_amount, commit_confidence, closed_won_amount, coverage_ratio, "
        "forecast_change_1w, commit_change_1w, open_deals_count, open_pipeline_amount, without_amount_count", DAY,
        analytics__forecast_confidence=table("snapshot_date quarter segment target ai_forecast", *totals, line="TOTAL FORECAST", amount=999, without_amount_count=4, **of)
        + table("snapshot_date quarter segment line amount weighted_amount deals_count", *lines, without_amount_count=9, **of),
        dashboard__forecast_history=table("as_of_date cumulative_forecast cumulative_commit", ("2024-02-22", 70, 45), ("2024-02-18", 99, 99),
                                          snapshot_date="2024-02-22", quarter="Q1 2024", **ALL),
    ) == [
        ("Q1 2024", "All", "All", 100, 80, 40, 0.75, 10, 1, 10, -5, 6, 90, 4), ("Q1 2024", "SMB", "All", None, -4, 20, None, -10, None, None, None, 1, 30, 4),
        ("Q2 2024", "All", "All", 5, 6, 5, 1, 5, None, 2, 2, 1, 7, 4),
    ]  # fmt: skip


def test_each_week_says_what_was_said_then(settings: Settings) -> None:
    """On the second day of week 2: of 910 in 91 days 70 are for a week; in week 1 the target was half of it."""
    totals = [("2024-01-07", "Q1 2024", 455, 40, None), ("2024-01-08", "Q1 2024", 1, 9, 9), ("2024-01-09", "Q1 2024", 910, 50, 66), ("2024-01-09", "Q2 2024", 91, None, None)]  # fmt: skip
    said = {"2024-01-07": (1, 2, 3, 4), "2024-01-08": (9, 9, 9, 9), "2024-01-09": (5, 7, 8, 9)}
    lines = [(day, line, amount) for day, amounts in said.items() for line, amount in zip(("Closed Won", "Commit", "Best Case", "Pipeline"), amounts, strict=True)]  # fmt: skip
    assert selected(
        settings, "dashboard.forecast_history",
        "quarter, week_number, week_end::text, as_of_date::text, cumulative_target, cumulative_closed, cumulative_commit, cumulative_forecast, "
        "pipeline_best_case, pipeline_total, avg_pipeline_health", "2024-01-09",
        analytics__forecast_confidence=table("snapshot_date quarter target ai_forecast mean_health_score", *totals, line="TOTAL FORECAST", amount=999, **ALL)
        + table("snapshot_date line amount", *lines, quarter="Q1 2024", mean_health_score=1, **ALL),
    ) == [
        ("Q1 2024", 1, "2024-01-07", "2024-01-07", 35, 1, 3, 40, 3, 9, None), ("Q1 2024", 2, "2024-01-14", "2024-01-09", 140, 5, 12, 50, 8, 24, 66),
        *(("Q1 2024", week, str(date(2023, 12, 31) + timedelta(7 * week)), None, 70 * week, *(None,) * 6) for week in range(3, 14)),
        *(("Q2 2024", week, str(date(2024, 3, 31) + timedelta(7 * week)), None, 7 * week, *(None,) * 6) for week in range(1, 14)),
    ]  # fmt: skip


def of_all(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """What rows of health_distribution say of the day, of all teams, segments and regions."""
    return [row[4:] for row in rows if row[:4] == (DAY, "All", "All", "All")]


def test_open_deals_by_health_and_quarter(settings: Settings) -> None:
    """Overdue and undated deals, and those due after the next quarter, are in All only; this quarter has none."""
    deals = [("1", 10, "2024-06-30"), ("2", None, None), ("3", 5, "2023-12-31"), ("4", 7, "2024-07-01"), ("5", 8, "2024-07-01")]  # fmt: skip
    rows = selected(
        settings, "dashboard.health_distribution",
        "snapshot_date::text, team_id, segment, region, quarter, healthy_count, healthy_amount, healthy_pct, monitor_count, at_risk_count, at_risk_amount, "
        "at_risk_pct, critical_amount, at_risk_change_1w, deals_count, unjudged_count", DAY,
        staging__deal_days=table("opportunity_id amount close_date", *deals, team_id="m"),
        enriched__deal_health_scores=table("opportunity_id health_category", ("1", "Healthy"), ("2", "At Risk"), ("3", None), ("4", "Critical"), ("5", "Monitor")),
        staging__thresholds=[THRESHOLDS],
    )  # fmt: skip
    assert of_all(rows) == [
        ("All", 1, 10, 0.25, 1, 1, None, 0.25, 7, None, 5, 1), ("Q1 2024", 0, None, None, 0, 0, None, None, None, None, 0, 0),
        ("Q2 2024", 1, 10, 1, 0, 0, None, 0, None, None, 1, 0),
    ]  # fmt: skip
    assert [row[4] for row in rows if row[1:4] == ("m", "Unknown", "Unknown")] == ["All", "Q2 2024"]


@pytest.mark.parametrize(
    ("now", "before", "before_day", "change", "trend"),
    [
        (["At Risk"], ["Healthy"], "2024-02-22", 1, "stable"), (["At Risk"] * 2, ["Healthy"] * 2, "2024-02-22", 1, "worsening"),
        (["Healthy"] * 2, ["At Risk"] * 2, "2024-02-22", -1, "improving"), (["Healthy"], ["Healthy"], "2024-02-22", 0, "stable"),
        (["At Risk"] * 2, ["Healthy"] * 2, "2024-02-21", None, None), (["At Risk"], [None], "2024-02-22", None, None),
    ],
)  # fmt: skip
def test_the_share_at_risk_a_week_before(
    settings: Settings, now: list[str], before: list[str | None], before_day: str, change: int | None, trend: str | None
) -> None:
    """All of n against none of n: 1 is within chance if 3.84 * (1/2 * 1/2) * 2/n is 1 or more: with one, not with two."""
    deals = [(day, f"{day}{place}", category) for day, of in ((DAY, now), (before_day, before)) for place, category in enumerate(of)]  # fmt: skip
    rows = selected(
        settings, "dashboard.health_distribution", "snapshot_date::text, team_id, segment, region, quarter, at_risk_change_1w, trend_direction", DAY,
        staging__deal_days=table("snapshot_date opportunity_id", *(deal[:2] for deal in deals)),
        enriched__deal_health_scores=table("snapshot_date opportunity_id health_category", *deals), staging__thresholds=[THRESHOLDS],
    )  # fmt: skip
    assert of_all(rows)[0] == ("All", change, trend)


@pytest.mark.parametrize(("a_day", "today"), [(None, 3), (D("2.4"), 3), (D("3.5"), 4)])
def test_ten_actions_and_no_more_for_today_than_a_day_s(settings: Settings, a_day: D | None, today: int) -> None:
    """By score, amount, id: c is worth more than b, of d nobody knows what. The eleventh, nobody's, and a deal that needs
    nothing have none."""
    deals = [("a", 90, "CRITICAL", "ann", "call"), ("b", 80, "CRITICAL", "ann", "call"), ("c", 80, "CRITICAL", "ann", "call"), ("d", 80, "CRITICAL", "ann", "call"),
             ("e", 60, "HIGH", "ann", "call"), ("f", 40, "MEDIUM", "ann", "call"), *((name, 1, "LOW", "ann", "call") for name in "kjihg"),
             ("x", 99, "CRITICAL", "ann", None), ("y", 99, "CRITICAL", "-1", "call")]  # fmt: skip
    rows = selected(
        settings, "dashboard.next_best_actions", "priority_rank, opportunity_id, urgency", DAY,
        analytics__deal_priorities=table("opportunity_id priority_score urgency owner_id action", *deals),
        staging__deal_days=table("opportunity_id amount", *((deal[0], {"b": 10, "c": 20}.get(deal[0])) for deal in deals)),
        enriched__deal_health_scores=table("opportunity_id", *(deal[:1] for deal in deals)), staging__thresholds=[THRESHOLDS],
        dashboard__rep_activity_metrics=table("period avg_daily_activities", ("30d", a_day), ("7d", 9), rep_id="ann"),
    )  # fmt: skip
    urgencies = ["today"] * today + ["this_week"] * (5 - today) + ["soon"] * 5
    assert rows == list(zip(range(1, 11), "acbdefghij", urgencies, strict=True))


ACCOUNTS = table("account_name valid_from valid_to", ("Old", "-infinity", f"{DAY} 12:00Z"), ("Acme", f"{DAY} 12:00Z", "infinity"), account_id="acme")  # fmt: skip


def uuid_of(*parts: str) -> str:
    """The project's UUID of a thing that its source names by text."""
    return str(uuid.uuid3(uuid.UUID("6f1c2a84d0b94e7f9a53c1e07b26d418"), json.dumps(parts, separators=(",", ":"))))


def test_when_and_how_to_act(settings: Settings) -> None:
    """By the contact's best time, else the rep's; Acme has its name since noon. An escalation is a task."""
    ids = [uuid_of("action", "a", DAY, *of) for of in (("1", "call"), ("2", "email"), ("3", "meeting"), ("4", "task"))]
    assert selected(
        settings, "dashboard.next_best_actions",
        "rep_id, action_id::text, account_name, opportunity_name, action_type, action_icon, quarter, best_time_start, best_time_end, best_time_basis, "
        "best_time_samples, time_display", DAY,
        analytics__deal_priorities=table("opportunity_id owner_id contact_id action", ("1", "ann", "c", "call"), ("2", "bob", "d", "email"),
                                         ("3", "cat", None, "meeting"), ("4", "dan", None, "escalate"), priority_score=1),
        staging__deal_days=[{"opportunity_id": "1", "account_id": "acme", "as_of": "2024-03-01Z", "opportunity_name": "Big", "close_date": "2024-04-01"},
                            *table("opportunity_id", "2", "3", "4")],
        enriched__deal_health_scores=table("opportunity_id", "1", "2", "3", "4"), staging__thresholds=[THRESHOLDS], staging__accounts=ACCOUNTS,
        analytics__best_times=table("basis who attempts_count start_hour", ("contact", "c", 7, 9), ("rep", "ann", 8, 10), ("contact", "d", 5, None),
                                    ("rep", "bob", 30, 12), ("rep", "cat", 5, None)),
    ) == [
        ("ann", ids[0], "Acme", "Big", "call", "📞", "Q2 2024", "9:00 AM", "11:00 AM", "contact", 7, "9:00 AM – 11:00 AM"),
        ("bob", ids[1], "—", "2", "email", "📧", None, "12:00 PM", "2:00 PM", "rep", 30, "12:00 PM – 2:00 PM"),
        ("cat", ids[2], "—", "3", "meeting", "📅", None, None, None, None, None, "any time"),
        ("dan", ids[3], "—", "4", "task", "✅", None, None, None, None, None, "—"),
    ]  # fmt: skip


def test_a_delay_risks_what_such_deals_lost(settings: Settings) -> None:
    """By the worst flag of which enough is known: of STUCK there are 19 deals, PUSHED is within chance. 12 % of 4166 is
    below 500, and no milder flag speaks for it."""
    flags = ["STUCK", "PUSHED", "NO_EB", "GOING_DARK"]
    less = "Deals without an engaged economic buyer were won 12 points less often than others in the same stage: "
    deals = [("bare", None, flags), ("big", 380_000, flags), ("edge", 4167, flags), ("small", 4166, flags), ("stuck", 380_000, flags[:2])]  # fmt: skip
    assert selected(
        settings, "dashboard.next_best_actions", "opportunity_id, risk_basis, risk_amount, risk_if_delayed", DAY,
        analytics__deal_priorities=table("opportunity_id", *(deal[:1] for deal in deals), owner_id="ann", action="call"),
        staging__deal_days=table("opportunity_id amount", *(deal[:2] for deal in deals)), staging__thresholds=[THRESHOLDS],
        enriched__deal_health_scores=table("opportunity_id risk_flags", *((name, up) for name, _, up in deals)),
        analytics__flag_outcomes=table("flag deals_count standard_errors win_rate_difference", ("NO_EB", 20, D("-2.54"), D("-0.12")), ("STUCK", 19, -9, D("-0.12")),
                                       ("PUSHED", 20, D("-2.53"), D("-0.12")), ("GOING_DARK", 20, -9, D("-0.5")), others_count=20),
    ) == [
        ("bare", None, None, None), ("big", "NO_EB", 45_600, f"{less}$46K of $380K"), ("edge", "NO_EB", D("500.04"), f"{less}$1K of $4K"),
        ("small", None, None, None), ("stuck", None, None, None),
    ]  # fmt: skip


def done(rep: str, day: str, *kinds: str) -> Rows:
    return table("kind", *([kind] for kind in kinds), rep_id=rep, day=day)


def test_what_reps_did_in_thirty_days_seven_and_one(settings: Settings) -> None:
    """22, 5 and 1 working days; a Saturday's emails count, on no working day. 30 January is the 31st day, 22 February the
    8th. 2, 3 and 1 of 5 days deviate by sqrt(14/5 - 1.2 * 1.2) = .9718 of their mean. Bob, at the top, did nothing;
    cy is not active, of dee nothing is known."""
    assert selected(
        settings, "dashboard.rep_activity_metrics",
        "rep_id, period, total_activities, call_count, email_count, meeting_count, demo_count, other_count, avg_daily_activities, team_avg_daily, "
        "top_performer_daily, monday_avg, tuesday_avg, wednesday_avg, thursday_avg, friday_avg, low_activity_days, activity_consistency_score, working_days_count", DAY,
        staging__activities=[*done("ann", DAY, "call", "task"), *done("ann", "2024-02-24", *["email"] * 3), *done("ann", "2024-02-22", *["demo"] * 5), *done("ann", "2024-02-27", *["meeting"] * 3),
                             *done("ann", "2024-02-28", "demo"),
                             *done("ann", "2024-01-30", "meeting"), *done("ann", "2024-03-01", "meeting"), *done("cy", DAY, "call"), *done("dee", "2024-01-30", "call")],
        staging__rep_days=table("rep_id is_active", ("ann", True), ("bob", True), ("cy", False), ("dee", True), team_id="m"),
        analytics__rep_performance=[{"rep_id": "bob", "is_top_performer": True}], staging__thresholds=[THRESHOLDS],
    ) == [
        ("ann", "30d", 14, 1, 3, 3, 6, 1, D("0.64"), D("0.32"), 0, 0, 0.75, D("0.2"), D("1.4"), 0, [], 0, 22),
        ("ann", "7d", 9, 1, 3, 3, 1, 1, D("1.8"), D("0.9"), 0, 0, 3, 1, 2, 0, [], D("0.0282"), 5),
        ("ann", "today", 2, 1, 0, 0, 0, 1, 2, 1, 0, None, None, None, 2, None, [], None, 1),
        ("bob", "30d", 0, 0, 0, 0, 0, 0, 0, D("0.32"), 0, 0, 0, 0, 0, 0, [], None, 22), ("bob", "7d", 0, 0, 0, 0, 0, 0, 0, D("0.9"), 0, 0, 0, 0, 0, 0, [], None, 5),
        ("bob", "today", 0, 0, 0, 0, 0, 0, 0, 1, 0, None, None, None, 0, None, [], None, 1),
    ]  # fmt: skip


def test_a_low_weekday_is_more_than_chance_gives(settings: Settings) -> None:
    """Nothing on four Fridays of 22 days: at 36/22 a day, 6.5 are missing and 2.33 * sqrt(6.5) is 6.0; at 18/22 3.3 and 4.2.
    The deviation is sqrt(22/18 - 1) of the mean, .4714, either way. On a Saturday there is no working day."""
    days = [date(2024, 1, 31) + timedelta(days) for days in range(30)] + [date(2024, 3, 2)]
    given: dict[str, Rows] = {
        "staging__activities": [row for day in days if day.isoweekday() < 5 or day.month == 3
                                for row in (*done("ann", str(day), "call", "call"), *done("bob", str(day), "call"))],
        "staging__rep_days": table("rep_id snapshot_date", *((rep, day) for rep in ("ann", "bob") for day in (DAY, "2024-03-02")), team_id="m", is_active=True),
        "staging__thresholds": [THRESHOLDS | {"snapshot_date": day} for day in (DAY, "2024-03-02")],
    }  # fmt: skip
    columns = "period, rep_id, low_activity_days, activity_consistency_score, avg_daily_activities, team_avg_daily, working_days_count"
    assert selected(settings, "dashboard.rep_activity_metrics", columns, DAY, **given)[:2] == [
        ("30d", "ann", ["Friday"], D("0.5286"), D("1.64"), D("1.23"), 22), ("30d", "bob", [], D("0.5286"), D("0.82"), D("1.23"), 22)
    ]  # fmt: skip
    assert selected(settings, "dashboard.rep_activity_metrics", columns, "2024-03-02", **given)[4:] == [
        ("today", "ann", [], None, None, None, 0), ("today", "bob", [], None, None, None, 0)
    ]  # fmt: skip


REP_METRICS = table(
    "metric_name metric_label format_type good_direction suggested_action", ("stakeholders_engaged", "Contacts", "decimal", "higher", "Meet more"),
    ("days_to_first_meeting", "Days", "days", "lower", "Meet soon"), ("average_discount", "Discount", "percent", "lower", "Trade it"), **EVER,
)  # fmt: skip


def test_how_far_a_rep_is_behind(settings: Settings) -> None:
    """8 days are 6 more than 2, 2 contacts 1 fewer than 3; the largest is the team's 9. Nobody at the top gave a discount;
    cy is not active."""
    assert selected(
        settings, "dashboard.rep_driver_comparison",
        "rep_id, metric_label, gap_to_top, gap_pct, bar_max, rep_bar_pct, top_bar_pct, win_rate_potential, gap_impact, closed_deals_count", DAY,
        analytics__rep_drivers=table("rep_id metric_name metric_value top_performer_value team_value", ("ann", "days_to_first_meeting", 8, 2, 4),
                                     ("ann", "stakeholders_engaged", 2, 3, 9), ("ann", "average_discount", 0, None, 0), ("cy", "average_discount", 0, None, 0)),
        analytics__rep_performance=table("rep_id is_active", ("ann", True), ("cy", False)), reference__rep_metrics=REP_METRICS, staging__thresholds=[THRESHOLDS],
    ) == [
        ("ann", "Contacts", 1, D("0.3333"), 9, D("22.22"), D("33.33"), None, "not enough history", 0),
        ("ann", "Days", 6, 3, 8, 100, 25, None, "not enough history", 0),
        ("ann", "Discount", None, None, 0, None, None, None, "comes too late in a deal to drive it", 0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("good", "own", "own_won", "win_rate", "potential", "impact"),
    [
        (20, 10, 1, 0.75, D("0.65"), "65% win rate improvement potential"), (20, 10, 10, 0.75, 0, "0% win rate improvement potential"),
        (19, 10, 1, D("0.7895"), None, "not enough history"), (20, 9, 1, 0.75, None, "not enough history"),
    ],
)  # fmt: skip
def test_what_catching_up_might_be_worth(
    settings: Settings, good: int, own: int, own_won: int, win_rate: D | float, potential: D | None, impact: str
) -> None:
    """Bob, at the top, won 15 deals with three contacts, met on day 7 (more of one is better, of the other worse).
    Lost early, a year and a day ago, tomorrow, or open again: none of these is among them."""
    closed = [("bob", True, 3, 2, DAY, "infinity")] * 15 + [("bob", False, 3, 2, "2023-03-02", "infinity")] * (good - 15)  # fmt: skip
    closed += [("ann", True, 1, 2, DAY, "infinity")] * own_won + [("ann", False, 1, 2, DAY, "infinity")] * (own - own_won)  # fmt: skip
    closed += [("bob", False, 9, 1, DAY, "infinity"), ("bob", False, 9, 2, "2023-03-01", "infinity"), ("bob", False, 9, 2, "2024-03-01", "infinity"),
               ("bob", False, 9, 2, "2024-02-01", DAY)] * 5  # fmt: skip
    assert selected(
        settings, "dashboard.rep_driver_comparison", "closed_deals_count, closed_win_rate, win_rate_potential, gap_impact", DAY,
        staging__closing_facts=table("rep_id is_won stakeholders_engaged stage_reached closed_on d_to d_from days_to_first_meeting",
                                     *((*deal, deal[4], 10 - deal[2]) for deal in closed)),
        analytics__rep_drivers=table("metric_name", ["stakeholders_engaged"], ["days_to_first_meeting"], rep_id="ann"),
        analytics__rep_performance=table("rep_id is_top_performer", ("ann", False), ("bob", True), is_active=True), reference__rep_metrics=REP_METRICS, staging__thresholds=[THRESHOLDS],
    ) == [(good, win_rate, potential, impact)] * 2  # fmt: skip


def test_a_rep_s_standing_for_people(settings: Settings) -> None:
    """Half a percent rounds away from 0; who is not active stands nowhere."""
    reps = [("ann", D("0.775"), 4, D("0.044"), True), ("bob", None, None, D("-0.045"), True), ("cy", 1, 1, 0, False), ("dee", 0, None, D("-0.004"), True)]  # fmt: skip
    assert selected(
        settings, "dashboard.rep_performance_view", "rep_id, ytd_attainment_display, rank_display, win_rate_vs_team_display", DAY,
        analytics__rep_performance=table("rep_id ytd_attainment overall_rank win_rate_vs_team is_active", *reps, total_reps=12),
    ) == [("ann", "78%", "#4/12", "+4%"), ("bob", "—", "—", "-5%"), ("dee", "0%", "—", "+0%")]  # fmt: skip


def test_a_stage_s_trend_for_people(settings: Settings) -> None:
    """Half a day is a change; yesterday's row is not the day's."""
    changes = [(DAY, "a", D("-0.5")), (DAY, "b", D("0.4999")), (DAY, "c", 2), (DAY, "d", None), ("2024-02-28", "e", 2)]
    assert selected(
        settings, "dashboard.stage_velocity", "stage_id, team_filter, trend_display", DAY,
        analytics__stage_velocity=table("snapshot_date stage_id duration_change_days", *changes, team_id="m", team_name="Mia"),
    ) == [("a", "Mia", "▼ −1d"), ("b", "Mia", "✓"), ("c", "Mia", "▲ +2d"), ("d", "Mia", "—")]  # fmt: skip


def test_stuck_deals_for_people(settings: Settings) -> None:
    """Acme has its name since noon; a flag without words stands as it is."""
    assert selected(
        settings, "dashboard.stuck_deals_view",
        "opportunity_id, account_name, opportunity_name, owner_name, days_in_stage, risk_flags_display, urgency_icon, amount_display, quarter, action_target", DAY,
        analytics__deals_stuck_in_process=table("opportunity_id amount urgency risk_flags close_date days_in_stage",
                                                ("big", 2_140_000, "HIGH", ["STUCK", "NO_EB", "ODD"], "2024-04-01", 17.004), ("hot", 499_400, "CRITICAL", [], None, 1),
                                                ("low", None, "LOW", [], None, 1), ("mid", -1000, "MEDIUM", [], None, 1)),
        staging__deal_days=table("opportunity_id opportunity_name owner_name account_id as_of", ("big", "Big", "Ann", "acme", "2024-03-01Z"),
                                 *((name, None, "Unassigned", None, None) for name in ("hot", "low", "mid", "moves"))),
        analytics__deal_priorities=table("opportunity_id action_target", ("big", "Mia"), ("hot", None), ("low", None), ("mid", None), ("moves", None)), staging__accounts=ACCOUNTS,
        reference__risk_flags=table("flag severity display", ("STUCK", 1, "Stuck"), ("NO_EB", 2, "No EB"), **EVER),
    ) == [
        ("big", "Acme", "Big", "Ann", 17, "Stuck • No EB • ODD", "🟠", "$2.1M", "Q2 2024", "Mia"),
        ("hot", "—", "hot", "Unassigned", 1, "—", "🔴", "$499K", None, None), ("low", "—", "low", "Unassigned", 1, "—", "🟢", "—", None, None),
        ("mid", "—", "mid", "Unassigned", 1, "—", "🟡", "-$1K", None, None),
    ]  # fmt: skip


def test_what_can_be_said_about_a_rep(settings: Settings) -> None:
    """One more contact than the team is a strength; a discount of 10.1 % beside 10.4 % reads the same, and is none. Four
    thousandths of a win rate are no improvement. Thursday's deadlines: Friday, the Thursday after, and the next."""
    of_mia = ALL | {"team_id": "m"}
    assert selected(
        settings, "ai.coaching_inputs",
        "rep_id, overall_assessment, strengths, improvements, jsonb_path_query_array(priority_actions, '$[*].action'), "
        "jsonb_path_query_array(priority_actions, '$[*].deadline'), priority_actions -> 0, inputs -> 'team' ->> 'at_risk_pipeline', inputs -> 'team' ->> 'slowest_stage', inputs -> 'team' ->> 'forecasts_by_week'", DAY,
        dashboard__rep_performance_view=table(
            "rep_id rep_name team_id ytd_attainment overall_rank performance_tier win_rate win_rate_vs_team",
            ("ann", "Ann", "m", D("0.78"), 4, "On Track", D("0.31"), D("-0.06")), ("new", "Neo", "none", None, None, None, None, None), total_reps=12,
        ),
        dashboard__rep_driver_comparison=table(
            "metric_name metric_label format_type good_direction rep_value team_avg_value top_performer_value gap_to_top win_rate_potential",
            ("stakeholders_engaged", "Contacts", "decimal", "higher", 3, 2, 4, 1, D("0.004")), ("days_to_first_meeting", "Days", "days", "lower", 8, 4, 2, 6, D("0.005")),
            ("average_discount", "Discount", "percent", "lower", D("0.101"), D("0.104"), D("0.1"), D("0.001"), None), rep_id="ann", gap_impact="1%",
        ),
        reference__rep_metrics=REP_METRICS,
        dashboard__next_best_actions=table("priority_rank action_type contact_name urgency", (1, "call", "Pat", "today"), (2, "task", None, "this_week"),
                                           (3, "email", None, "soon"), (4, "email", None, "soon"),
                                           rep_id="ann", opportunity_name="Big", deal_amount=5, action_reason="Silent"),
        dashboard__stuck_deals_view=table("amount", [480_000], [None], owner_id="ann"),
        dashboard__dashboard_kpis=[of_mia | kpis for kpis in table("quarter segment ai_forecast", ("Q1 2024", "All", 1_100_000), ("Q2 2024", "All", 1),
                                                                   ("Q1 2024", "SMB", 1), quarter_target=1_200_000, risk_level="Medium")],
        dashboard__health_distribution=table("quarter at_risk_pct critical_pct", ("All", D("0.2"), D("0.1")), ("Q1 2024", 1, 0), **of_mia),
        dashboard__stage_velocity=table("stage_name avg_duration_days deviation_days", ("Proposal", D("12.5"), 3), ("Legal", 40, 2), **of_mia),
        dashboard__forecast_history=table("week_number as_of_date cumulative_forecast", (9, DAY, 1_100_000), (8, "2024-02-25", 900_000), (10, None, None),
                                          quarter="Q1 2024", **of_mia),
    ) == [
        ("ann", "Ann stands at 78% of the quota to date (#4/12, On Track). Win rate 31%, 6 points below the rest of the team. 2 deals are stuck ($480K). "
         "The team's Q1 2024: forecast $1.1M of $1.2M, risk Medium.",
         [{"title": "Contacts", "detail": "Contacts: 3.0, the team 2.0", "metric_value": "3.0", "metric_comparison": "team 2.0"}],
         [{"title": "Days", "detail": "Days: 8d, top performers 2d", "gap_value": "6d", "impact_estimate": "1%", "suggested_action": "Meet soon"}],
         ["call Pat", "task", "email"], ["2024-03-01", "2024-03-07", "2024-03-14"],
         {"deal_name": "Big", "deal_amount": 5, "action": "call Pat", "reason": "Silent", "deadline": "2024-03-01"}, "30%", "Proposal 13d", '["$900K", "$1.1M"]'),
        ("new", "There is nothing yet to measure Neo by.", [], [], [], [], None, None, None, None),
    ]  # fmt: skip


def test_a_focus_holds_for_a_week(settings: Settings) -> None:
    """What could bring most by last Sunday, where the rep was behind; bob is new; of cat and dan nothing could bring anything
    then. Cat has a deal to see to."""
    reps = ("ann", "bob", "cat", "dan")
    assert selected(
        settings, "ai.coaching_inputs", "rep_id, primary_focus_area", DAY, reference__rep_metrics=REP_METRICS,
        dashboard__rep_performance_view=table("rep_id rep_name", *((rep, rep) for rep in reps)),
        dashboard__rep_driver_comparison=table(
            "rep_id snapshot_date metric_name metric_label gap_to_top win_rate_potential", *((rep, DAY, "days_to_first_meeting", "Days", 6, D("0.4")) for rep in reps),
            *((rep, "2024-02-25", "days_to_first_meeting", "Days", -1, D("0.3")) for rep in ("ann", "cat", "dan")),
            ("ann", "2024-02-25", "stakeholders_engaged", "Contacts", 1, D("0.2")), ("cat", "2024-02-25", "stakeholders_engaged", "Contacts", 1, None),
            ("bob", "2024-02-26", "stakeholders_engaged", "Contacts", 1, D("0.2")), format_type="days", rep_value=8, top_performer_value=2,
        ),
        dashboard__next_best_actions=[{"rep_id": "cat", "priority_rank": 1, "action_type": "call"}],
    ) == [("ann", "Contacts"), ("bob", "Days"), ("cat", "The most urgent deals"), ("dan", "No open deals that need anything")]  # fmt: skip


def test_done_activities_stay_row_for_row(settings: Settings) -> None:
    """A repeated id too. Of two names of a type the first; another company's is not ours."""
    assert selected(
        settings, "pipedrive.int_completed_activities", "activity_id, deal_id, activity_type_name", DAY,
        pipedrive__stg_activity=table("activity_id deal_id activity_type is_done", ("1", "d1", "meeting", True), ("1", "d2", "meeting", True),
                                      ("1", "d2", "meeting", True), ("2", "d1", "meeting", False), ("3", None, "odd", True)),
        pipedrive__stg_activity_types=table("tenant_id activity_type activity_type_name", ("a", "meeting", "Sales Call"), ("a", "meeting", "Meeting"), ("b", "odd", "Odd")),
    ) == [("1", "d1", "Meeting"), ("1", "d2", "Meeting"), ("1", "d2", "Meeting"), ("3", None, None)]  # fmt: skip


def test_a_deal_enters_a_stage_once(settings: Settings) -> None:
    assert selected(
        settings, "pipedrive.int_deal_stage_history", "deal_id, stage_id, stage_name, (entered_at at time zone 'UTC')::text", DAY,
        pipedrive__stg_deal_changes=table(
            "deal_id field_key new_value changed_at", ("d", "stage_id", "2", f"{DAY} 12:00Z"), ("d", "stage_id", "1", "2024-02-01Z"), ("d", "stage_id", "1", "2024-03-01Z"),
            ("d", "stage_id", None, "2024-01-01Z"), ("d", "user_id", "1", "2024-01-01Z"), ("e", "stage_id", "1", "2024-03-02Z"),
        ),
        pipedrive__stg_stages=[{"stage_id": "1", "stage_name": "Leads"}],
    ) == [("d", "1", "Leads", "2024-02-01 00:00:00"), ("d", "2", None, "2024-02-29 12:00:00"), ("e", "1", "Leads", "2024-03-02 00:00:00")]  # fmt: skip


def test_the_funnel_counts_deals_by_month(settings: Settings) -> None:
    """Leap day's last second is of February. Two calls of a month are one deal; one of another month counts again, of a deal
    that no export knows, too; without a deal or a day it counts nowhere."""
    assert selected(
        settings, "pipedrive.rep_sales_funnel_monthly", "month::text, kpi_name, funnel_step, deals_count", DAY,
        pipedrive__int_deal_stage_history=table("deal_id stage_id entered_at", ("d1", "1", f"{DAY} 23:59:59Z"), ("d2", "1", "2024-03-01Z"), ("d2", "9", "2024-03-01Z")),
        pipedrive__int_completed_activities=table(
            "deal_id activity_type due_at", ("d1", "meeting", "2024-02-01Z"), ("d1", "meeting", f"{DAY} 12:00Z"), ("d1", "meeting", "2024-03-05Z"),
            ("ghost", "meeting", "2024-03-05Z"), ("d3", "meeting", None), (None, "meeting", "2024-02-01Z"), ("d1", "lunch", "2024-02-01Z"),
        ),
        reference__funnel_steps=table("funnel_step step_name stage_id activity_type", (1, "Leads", "1", None), (D("2.1"), "Call", None, "meeting")),
    ) == [
        ("2024-02-01", "Step 1: Leads", 1, 1), ("2024-02-01", "Step 2.1: Call", D("2.1"), 1),
        ("2024-03-01", "Step 1: Leads", 1, 1), ("2024-03-01", "Step 2.1: Call", D("2.1"), 2),
    ]  # fmt: skip


S1, S2, S3 = (f"00000000-0000-3000-8000-00000000000{number}" for number in range(3))
DIRECTORY = table("stage_id stage_uuid", ("s1", S1), ("s2", S2), ("s3", S3), pipeline_id="p", pipeline_name="Sales")


def test_stages_as_they_are_known_now(settings: Settings) -> None:
    """s1 was renamed, s2 is in no list (another company's is), s3 was removed."""
    assert selected(
        settings, "dyno_crm.pipeline_stage", "id::text, name, stage_order, pipeline_name, source_stage_id", DAY, staging__stage_directory=DIRECTORY,
        staging__pipeline_stages=table("tenant_id stage_id stage_name stage_order is_deleted valid_to", ("a", "s1", "Old", 1, False, DAY),
                                       ("a", "s1", "New", 2, False, "infinity"), ("b", "s2", "Theirs", 1, False, "infinity"), ("a", "s3", "Gone", 3, True, "infinity")),
    ) == [(S1, "New", 2, "Sales", "s1"), (S2, "s2", None, "Sales", "s2")]  # fmt: skip


def test_visits_under_published_names(settings: Settings) -> None:
    """Of stages in the directory only; those of a deal that is gone stay, with when."""
    assert selected(
        settings, "dyno_crm.deal_pipeline_stage_state",
        "source_deal_id, pipeline_stage_id::text, deal_id::text, exited_at is not null, is_current, gone_at is not null", DAY,
        staging__stage_directory=DIRECTORY,
        staging__stage_visits=table(
            "opportunity_id pipeline_id stage_id exited_at gone_at", ("d", "p", "s1", DAY, None), ("d", "p", "s2", None, None), ("e", "p", "s1", None, DAY),
            ("d", "p", "won", None, None), ("d", "q", "s1", None, None), entered_at="2024-02-01Z",
        ),
    ) == [
        ("d", S1, uuid_of("deal", "a", "d"), True, False, False), ("d", S2, uuid_of("deal", "a", "d"), False, True, False),
        ("e", S1, uuid_of("deal", "a", "e"), False, True, True),
    ]  # fmt: skip


def test_what_became_of_actions(settings: Settings) -> None:
    """Said on 4 February, judged on 3 March: a was called on the last of the 14 days, and won. b was mailed only, c's call was with
    somebody else, d's too late: open in another stage, lost, and deleted. e's meeting was a demo; nobody was to be spoken to."""
    said = table("opportunity_id action_type contact_id", ("a", "call", "x"), ("b", "call", "x"), ("c", "call", "x"), ("d", "call", "x"), ("e", "meeting", None))  # fmt: skip
    numbers = {row["opportunity_id"]: str(uuid.UUID(int=number)) for number, row in enumerate(said)}
    spans = [("a", "s", "2024-02-20", "open"), *((deal, "s", "2024-03-01", "open") for deal in "bcde")]
    after = [("a", "2024-02-20", "won", None), ("b", "2024-03-01", "open", "t"), ("c", "2024-03-01", "lost", None), ("e", "2024-03-01", "open", "s")]  # fmt: skip
    assert selected(
        settings, "ai.action_outcomes",
        "opportunity_id, said_on::text, is_taken, taken_on::text, deal_status, has_moved, alike_taken_count, alike_taken_won_count, alike_taken_lost_count,"
        " alike_others_count, alike_others_won_count, alike_others_lost_count", "2024-03-02", "2024-03-04",
        dashboard__next_best_actions=[
            row | {"snapshot_date": day, "action_id": numbers[row["opportunity_id"]], "rep_id": "r", "urgency": "today"} for row in said for day in ("2024-02-04", "2024-02-05")
        ],
        staging__activities=table("opportunity_id kind contact_id day", ("a", "call", "x", "2024-02-18"), ("a", "call", "x", "2024-02-04"), ("b", "email", "x", "2024-02-05"),
                                  ("c", "call", "y", "2024-02-05"), ("d", "call", "x", "2024-02-19"), ("e", "demo", "y", "2024-02-05")),
        staging__deal_intervals=[
            *table("opportunity_id stage_id d_to status", *spans, d_from="2024-01-01"),
            *table("opportunity_id d_from status stage_id", *after, d_to="infinity"),
        ],
    ) == [
        ("a", "2024-02-04", True, "2024-02-18", "won", None, 1, 1, 0, 3, 0, 1), ("b", "2024-02-04", False, None, "open", True, 1, 1, 0, 3, 0, 1),
        ("c", "2024-02-04", False, None, "lost", None, 1, 1, 0, 3, 0, 1), ("d", "2024-02-04", False, None, "gone", None, 1, 1, 0, 3, 0, 1),
        ("e", "2024-02-04", True, "2024-02-05", "open", False, 1, 0, 0, 0, 0, 0),
    ]  # fmt: skip


def test_what_became_of_coaching(settings: Settings) -> None:
    """Said on 4 February, judged on 3 March. Ann's engaged contacts went from 1 to 1.5 of the 2 behind: a quarter; Bob's by a
    little less; Cy's fell. Ann's first meetings come a day sooner, of the 4 behind: a quarter too; the model's title says more than
    the figure. Dee has no open deals now, and Eve was told what no figure is of, and to see to urgent deals: one of two
    actions was taken; Fay took one of three. Deals won on the day it was said, or lost later
    than 3 March, or open again by then, are not counted."""
    behind, sooner = "Stakeholders engaged per deal", "Days to first meeting"

    def told(*titles: str) -> str:
        return json.dumps([{"title": title, "suggested_action": f"Do {n}"} for n, title in enumerate(titles, 1)])

    insights = table(
        "rep_id model_version improvements primary_focus_area",
        ("ann", "gpt", told(behind, f"{sooner.upper()}: get there earlier"), behind), ("bob", "template-1", told(behind), sooner), ("cy", "template-1", told(behind), behind),
        ("dee", "template-1", told(behind), behind), ("eve", "template-1", told("Listen more"), "The most urgent deals"), ("fay", "template-1", "[]", "The most urgent deals"),
        ("gil", "template-1", "[]", "No open deals that need anything"),
    )  # fmt: skip
    drivers = "rep_id metric_name metric_label good_direction rep_value gap_to_top snapshot_date"
    then, now = "2024-02-04", "2024-03-03"
    assert selected(
        settings, "ai.insight_outcomes",
        "rep_id, insight_number, said_on::text, title, suggested_action, is_focus, metric_name, value_then, gap_then, value_now, gap_closed_pct, is_followed, won_count,"
        " lost_count, actions_count, actions_taken_count, alike_followed_count, alike_followed_won_count, alike_followed_lost_count, alike_others_count, alike_others_won_count, alike_others_lost_count",
        "2024-03-02", "2024-03-04",
        ai__rep_coaching_insights=[row | {"snapshot_date": day} for row in insights for day in (then, "2024-02-05", "2024-02-03")],
        ai__action_outcomes=table(
            "rep_id is_taken", ("ann", True), ("eve", True), ("eve", False), ("fay", True), ("fay", False), ("fay", False), snapshot_date=now,
        ),
        dashboard__rep_driver_comparison=table(
            drivers,
            ("ann", "stakeholders_engaged", behind, "higher", 1, 2, then), ("ann", "stakeholders_engaged", behind, "higher", D("1.5"), 1, now),
            ("ann", "days_to_first_meeting", sooner, "lower", 9, 4, then), ("ann", "days_to_first_meeting", sooner, "lower", 8, 2, now),
            ("bob", "stakeholders_engaged", behind, "higher", 1, 2, then), ("bob", "stakeholders_engaged", behind, "higher", D("1.499"), 1, now),
            ("cy", "stakeholders_engaged", behind, "higher", 2, 1, then), ("cy", "stakeholders_engaged", behind, "higher", 1, 2, now),
            ("dee", "stakeholders_engaged", behind, "higher", 1, 2, then),
        ),
        staging__closing_facts=table(
            "opportunity_id rep_id is_won closed_on d_from d_to",
            ("1", "ann", True, "2024-02-05", "2024-02-05", "infinity"), ("2", "ann", False, now, now, "infinity"), ("3", "ann", True, then, then, "infinity"),
            ("4", "bob", False, "2024-03-04", "2024-03-04", "infinity"), ("5", "bob", True, "2024-02-20", "2024-02-20", now), ("6", "bob", True, "2024-02-20", "2024-02-20", "infinity"),
            ("7", "cy", False, "2024-02-20", "2024-02-20", "infinity"), ("8", "dee", True, "2024-02-20", "2024-02-20", "infinity"),
        ),
    ) == [
        ("ann", 1, then, behind, "Do 1", True, "stakeholders_engaged", 1, 2, D("1.5"), D("0.25"), True, 1, 1, None, None, 1, 1, 1, 2, 1, 1),
        ("ann", 2, then, "DAYS TO FIRST MEETING: get there earlier", "Do 2", False, "days_to_first_meeting", 9, 4, 8, D("0.25"), True, 1, 1, None, None, 1, 1, 1, 0, 0, 0),
        ("bob", 0, then, sooner, None, True, None, None, None, None, None, None, 1, 0, None, None, 0, 0, 0, 0, 0, 0),
        ("bob", 1, then, behind, "Do 1", False, "stakeholders_engaged", 1, 2, D("1.499"), D("0.2495"), False, 1, 0, None, None, 1, 1, 1, 2, 1, 1),
        ("cy", 1, then, behind, "Do 1", True, "stakeholders_engaged", 2, 1, 1, D(-1), False, 0, 1, None, None, 1, 1, 1, 2, 1, 1),
        ("dee", 1, then, behind, "Do 1", True, "stakeholders_engaged", 1, 2, None, None, None, 1, 0, None, None, 1, 1, 1, 2, 1, 1),
        ("eve", 0, then, "The most urgent deals", None, True, "urgent_deals", None, None, None, None, True, 0, 0, 2, 1, 1, 0, 0, 1, 0, 0),
        ("eve", 1, then, "Listen more", "Do 1", False, None, None, None, None, None, None, 0, 0, None, None, 0, 0, 0, 0, 0, 0),
        ("fay", 0, then, "The most urgent deals", None, True, "urgent_deals", None, None, None, None, False, 0, 0, 3, 1, 1, 0, 0, 1, 0, 0),
        ("gil", 0, then, "No open deals that need anything", None, True, None, None, None, None, None, None, 0, 0, None, None, 0, 0, 0, 0, 0, 0),
    ]  # fmt: skip
