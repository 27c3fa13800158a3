"""What became of what a month or a quarter created: given these rows, exactly those; and beside plain Python."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal as D
from pathlib import Path
from statistics import median
from zoneinfo import ZoneInfo

import pytest

from revops_assets.loading.load import load_directory
from revops_assets.loading.mapping_file import read_mapping
from revops_assets.scenario import salesforce
from revops_assets.scenario.calendar import day_end
from revops_assets.scenario.company import deals
from revops_assets.scenario.model import LOST, STAGE_INDEX, STAGES, WON, Change, Deal, Plan
from revops_assets.settings import Settings
from revops_assets_tests.building import materialize
from revops_assets_tests.conftest import Query
from revops_assets_tests.given import selected, table

DAY = "2024-02-29"
EVER = {"valid_from": "-infinity", "valid_to": "infinity"}
PLAN = Plan(120, date(2024, 4, 2), 5, "Europe/Berlin")
MONTH_END = date(2024, 3, 31)


def test_what_became_of_a_month_s_deals(settings: Settings) -> None:
    """Of January's Anna was won after 40 days, from the second stage, and Ben went over it into the third after 12 days
    and was lost after 40; Cy was in no stage by the 29th. November's had their 90 days: Dora took them, Eli one more.
    Of the year before March 2023 nobody counts, nor who is gone, nor what happened later."""
    stages = [
        {"stage_id": name, "stage_name": name.upper(), "stage_order": n, "pipeline_id": "p", **EVER}
        for n, name in enumerate(("s1", "s2", "s3"), 1)
    ]
    life = "opportunity_id opened_at status closed_at account_id lead_source d_from d_to"
    lives = table(
        life,
        ("anna", "2024-01-01Z", "open", None, "x", "Web", "2024-01-01", "2024-02-10"),
        ("anna", "2024-01-01Z", "won", "2024-02-10Z", "x", "Web", "2024-02-10", "infinity"),
        ("ben", "2024-01-20Z", "lost", "2024-02-29Z", None, "All", "2024-02-29", "2024-03-01"),
        ("ben", "2024-01-20Z", "open", None, None, "All", "2024-03-01", "infinity"),
        ("cy", "2024-01-31Z", "open", None, "y", None, "2024-01-31", "infinity"),
        ("dora", "2023-11-30Z", "open", None, "y", None, "2023-11-30", "infinity"),
        ("eli", "2023-11-01Z", "open", None, "y", None, "2023-11-01", "infinity"),
        ("fay", "2023-02-28 23:59Z", "open", None, "y", None, "2023-02-28", "infinity"),
        ("gus", "2023-03-01Z", "open", None, "y", None, "2023-03-01", "infinity"),
        ("gone", "2024-01-05Z", "open", None, "y", None, "2024-01-05", "2024-02-29"),
        ("later", "2024-03-01Z", "open", None, "y", None, "2024-03-01", "infinity"),
    )
    visits = table(
        "opportunity_id visit_number pipeline_id stage_id entered_at entered_on",
        ("anna", 1, "p", "s1", "2024-01-01Z", "2024-01-01"), ("anna", 2, "p", "s2", "2024-01-11Z", "2024-01-11"),
        ("anna", 3, "p", "s1", "2024-01-15Z", "2024-01-15"), ("anna", 4, "q", "s9", "2024-01-16Z", "2024-01-16"),
        ("ben", 1, "p", "s1", "2024-01-20Z", "2024-01-20"), ("ben", 2, "p", "s3", "2024-02-01Z", "2024-02-01"),
        ("cy", 1, "p", "s1", "2024-03-01Z", "2024-03-01"),
        ("dora", 1, "p", "s1", "2023-11-30Z", "2023-11-30"), ("dora", 2, "p", "s2", "2024-02-28Z", "2024-02-28"),
        ("eli", 1, "p", "s1", "2023-11-01Z", "2023-11-01"), ("eli", 2, "p", "s2", "2024-01-31Z", "2024-01-31"),
        ("fay", 1, "p", "s1", "2023-02-28Z", "2023-02-28"), ("gus", 1, "p", "s1", "2023-03-01Z", "2023-03-01"),
        ("gone", 1, "p", "s1", "2024-01-05Z", "2024-01-05"), ("later", 1, "p", "s1", "2024-03-01Z", "2024-03-01"),
    )  # fmt: skip
    columns = (
        "cohort_month::text, pipeline_id, segment, lead_source, step, stage_id, stage_name, stage_order, created_count,"
        " reached_count, visited_count, reached_pct, reached_90_count, median_days"
    )
    found = selected(
        settings, "analytics.cohort_conversion", columns, "2024-02-27", "2024-03-01",
        staging__accounts=table("account_id segment", ("x", "Large"), ("y", None), d_from="-infinity", d_to="infinity"),
        staging__deal_intervals=lives, staging__pipeline_stages=stages, staging__visit_facts=visits,
    )  # fmt: skip
    january = [row[1:] for row in found if row[0] == "2024-01-01"]
    assert [row[3:] for row in january if row[:3] == ("p", "All", "All")] == [
        ("created", "created", "created", None, 2, 2, 0, D(1), None, D("0.00")),
        ("lost", "lost", "lost", None, 2, 1, 0, D("0.5"), None, D(40)),
        ("stage", "s1", "S1", 1, 2, 2, 2, D(1), None, D(0)),
        ("stage", "s2", "S2", 2, 2, 2, 1, D(1), None, D(11)),
        ("stage", "s3", "S3", 3, 2, 2, 1, D(1), None, D(26)),
        ("won", "won", "won", None, 2, 1, 0, D("0.5"), None, D(40)),
    ]
    assert [row[1:5] + row[7:9] for row in january if row[:1] == ("p",) and row[1:3] != ("All", "All") and row[3] != "stage"] == [
        ("All", '"All"', "created", "created", 1, 1), ("All", '"All"', "lost", "lost", 1, 1),
        ("All", "Web", "created", "created", 1, 1), ("All", "Web", "won", "won", 1, 1),
        ("Large", "All", "created", "created", 1, 1), ("Large", "All", "won", "won", 1, 1),
        ("none", "All", "created", "created", 1, 1), ("none", "All", "lost", "lost", 1, 1),
    ]  # fmt: skip
    assert [row for row in january if row[:3] == ("none", "All", "All")] == [
        ("none", "All", "All", "created", "created", "created", None, 1, 1, 0, D(1), None, D(0)),
        ("none", "All", "All", "open", "open", "open", None, 1, 1, 0, D(1), None, None),
    ]
    assert [row[4:6] + row[8:10] + row[12:] for row in found if row[0] == "2023-11-01" and row[2:4] == ("All", "All")] == [
        ("created", "created", 2, 2, 2, D(0)), ("open", "open", 2, 2, None, None), ("stage", "s1", 2, 2, 2, D(0)),
        ("stage", "s2", 2, 2, 1, D("90.5")),
    ]  # fmt: skip
    assert {row[0] for row in found} == {"2024-01-01", "2023-11-01", "2023-03-01"}


def test_stages_without_an_order_are_reached_by_being_there_or_by_winning(settings: Settings) -> None:
    found = selected(
        settings, "analytics.cohort_conversion", "stage_id, reached_count, visited_count, median_days", DAY,
        staging__deal_intervals=table(
            "opportunity_id status closed_at", ("a", "open", None), ("b", "won", "2024-02-05Z"), opened_at="2024-02-01Z",
            d_from="2024-02-01", d_to="infinity"),
        staging__visit_facts=table(
            "opportunity_id visit_number stage_id entered_at", ("a", 1, "one", "2024-02-01Z"), ("a", 2, "two", "2024-02-03Z"),
            ("b", 1, "one", "2024-02-01Z"), pipeline_id="p", entered_on="2024-02-03"),
    )  # fmt: skip
    assert [row for row in found if row[0] in ("one", "two")] == [
        ("one", 2, 2, D(0)), ("one", 2, 2, D(0)), ("one", 2, 2, D(0)),
        ("two", 2, 1, D(3)), ("two", 2, 1, D(3)), ("two", 2, 1, D(3)),
    ]  # fmt: skip


@pytest.fixture
def company(tmp_path: Path, clean: Settings, business_zone: Callable[[str], None]) -> Settings:
    """The generated company, and what is known of it at the end of March."""
    business_zone(PLAN.timezone)
    salesforce.write(tmp_path / "full", PLAN, day_end(PLAN, PLAN.end_date))
    load_directory(clean, tmp_path / "full", read_mapping("salesforce"), "full")
    return clean


def lived(deal: Deal) -> bool:
    """Whether it is there at the month's end."""
    end = day_end(PLAN, MONTH_END)
    return deal.created_at < end and not (deal.deleted_at and deal.deleted_at.astimezone(ZONE).date() <= MONTH_END)


ZONE = ZoneInfo(PLAN.timezone)


def elapsed(deal: Deal, change: Change) -> timedelta:
    return change.at.astimezone(UTC) - deal.created_at.astimezone(UTC)


def reached(deal: Deal) -> dict[str, timedelta]:
    """How long the deal took to get to each stage, or a later one, and to its end."""
    end = day_end(PLAN, MONTH_END)
    went = [change for change in deal.changes if change.field == "StageName" and change.at < end]
    found: dict[str, timedelta] = {"created": timedelta()}
    for change in went:
        order = STAGE_INDEX.get(str(change.value), len(STAGES) if change.value == WON and change is went[-1] else -1)
        for stage in STAGES[: order + 1]:
            found.setdefault(stage.name, elapsed(deal, change))
    last = went[-1]
    found[{WON: "won", LOST: "lost"}.get(str(last.value), "open")] = elapsed(deal, last)
    return found


def test_cohorts_of_the_generated_company_are_those_of_plain_python(company: Settings, warehouse: Query) -> None:
    materialize(company, '+key:"analytics/cohort_conversion"', str(MONTH_END))
    expected: dict[tuple[date, str, str], list[float]] = {}
    for deal in deals(PLAN):
        if lived(deal) and deal.created_at >= datetime(2023, 4, 1, tzinfo=ZONE):
            month = deal.created_at.astimezone(ZONE).date().replace(day=1)
            for source in ("All", deal.lead_source or "none"):
                for step, took in reached(deal).items():
                    expected.setdefault((month, source, step), []).append(took / timedelta(days=1))
    found = warehouse(
        "select cohort_month, lead_source, stage_name, reached_count, median_days from analytics.cohort_conversion"
        " where snapshot_date = %s and segment = 'All'", MONTH_END)  # fmt: skip
    assert {row[:3]: row[3] for row in found} == {key: len(days) for key, days in expected.items()}
    assert len(found) > 200 and len({row[0] for row in found}) == 12
    for *key, _, days in found:
        if key[2] != "open":
            assert abs(float(days) - median(expected[tuple(key)])) < 0.006, key  # type: ignore[index]
