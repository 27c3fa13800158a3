"""Deal health: the definition's figures by hand, the generated company against plain Python, and rules that change."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from revops_assets.datasets import dated_reference
from revops_assets.errors import RevopsError
from revops_assets.scenario.calendar import day_end
from revops_assets.scenario.model import LOST, STAGES, WON
from revops_assets.settings import Settings
from revops_assets_tests.building import materialize
from revops_assets_tests.company import GENERATED as PLAN
from revops_assets_tests.company import SAMPLED, generated
from revops_assets_tests.conftest import Export, Put, Query
from revops_assets_tests.test_deal_days import (
    activity,
    as_told,
    company_deals,
    elapsed,
    open_on,
    whole,
)
from revops_assets_tests.test_stage_visits import deal, moves

__all__ = ["generated"]


DAILY = '+key:"enriched/deal_health_scores"'
Health = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def health(clean: Settings, warehouse: Query) -> Health:
    """Build days and read columns of enriched.deal_health_scores."""

    def read(columns: str, first: str, last: str = "") -> list[tuple[Any, ...]]:
        materialize(clean, DAILY, first, last)
        return warehouse(f"select {columns} from enriched.deal_health_scores where snapshot_date between %s and %s"
                         " order by snapshot_date, tenant_id, opportunity_id", first, last or first)  # fmt: skip

    return read


STAGE = [{"stage_id": "Proposal", "stage_order": 4}, {"stage_id": "Discovery", "stage_order": 2}]


def test_a_deal_s_score_by_hand(put: Put, health: Health) -> None:
    """Proposal should take 10 days. As of 31 January's end: 21 days in it (ratio 2.1: 30), 9 days of silence (50), two
    contacts (50) and a champion (+10), an active competitor (60), 12 % off (80):
    0.25 x 30 + 0.25 x 50 + 0.25 x 60 + 0.15 x 60 + 0.10 x 80 = 52."""
    put(
        "a",
        pipeline_stages=STAGE,
        opportunities=[deal("Proposal", competitor="Rival", competitor_status="active", discount_pct=12, close_date="2024-01-30")],
        opportunity_history=[
            *moves(("Discovery", "Proposal", "01-11")),
            *moves(("2024-01-10", "2024-01-20", "01-05"), ("2024-01-20", "2024-01-30", "01-15"), field="close_date"),
        ],
        activities=[activity("1", "01-22"), activity("2", "01-20", "call", "c2", is_answered=True)],
        opportunity_contacts=[{"opportunity_contact_id": "x", "opportunity_id": "d1", "contact_id": "c1", "role": "Champion", "created_at": "2024-01-02Z"}],
    )  # fmt: skip
    assert health(
        "health_score, health_category, risk_level, needs_attention, velocity_score, velocity_contribution, activity_score, activity_contribution,"
        " stakeholder_score, stakeholder_contribution, competition_score, competition_contribution, discount_score, discount_contribution,"
        " evidence_pct, benchmark_days, benchmark_source, risk_flags, top_driver",
        "2024-01-31",
    ) == [(
        52, "At Risk", 3, True, 30, Decimal("7.50"), 50, Decimal("12.50"), 60, Decimal("15.00"), 60, Decimal("9.00"), 80, Decimal("8.00"),
        1, 10, "default", ["STUCK", "NO_EB", "GOING_DARK", "CLOSE_DATE_PAST", "PUSHED", "COMPETITIVE"], "21 days in Proposal (expected 10)",
    )]  # fmt: skip


def test_what_the_source_does_not_tell_is_left_out(export: Export, load: Any, health: Health) -> None:
    """Pipedrive's export knows no contacts, competitors or discounts: half the weight is left, and no flag needs the rest."""
    load(export(
        deal_changes=["10,2024-01-01 00:00:00,add_time,2024-01-01T00:00:00", "10,2024-01-10 00:00:00,stage_id,1"],
        activity=["1,meeting,7,10,True,2024-01-27T00:00:00"],
    ))  # fmt: skip
    columns = "health_score, evidence, evidence_pct, velocity_score, benchmark_days, activity_score, stakeholder_score, engaged_contacts_count, has_champion, risk_flags, top_driver"
    assert health(columns, "2024-01-31") == [
        # No benchmark: ratio 1 (85). Four days of silence (85). (0.25 x 85 + 0.25 x 85) / 0.5.
        (
            85,
            ["velocity", "activity"],
            Decimal("0.5000"),
            85,
            None,
            85,
            None,
            None,
            None,
            [],
            "22 days in Lead Generation (no benchmark)",
        )
    ]
    # Before the first activity nothing was told of them, and before the first stage not even that.
    assert health(columns, "2024-01-20")[0][:3] == (85, ["velocity"], Decimal("0.2500"))
    assert health(columns, "2024-01-05")[0][:3] == (None, [], Decimal("0.0000"))


def test_the_change_of_seven_days_fills_in_the_day_before(
    put: Put, clean: Settings, health: Health, warehouse: Query
) -> None:
    put("a", pipeline_stages=STAGE, opportunities=[deal("Proposal"), deal("Proposal", "d2", "2024-01-28Z")])
    scores = health("opportunity_id, health_score, health_change_7d", "2024-01-31")
    # 31 days against 10 are beyond every band; 24 are at most 3 x 10; the other deal was not there.
    assert scores == [("d1", 0, -30), ("d2", 100, None)]
    assert warehouse("select dataset, min(snapshot_date)::text, count(*) from ops.partition_ledger group by 1 order by 1") == [
        ("enriched.deal_health_scores", "2024-01-31", 1), ("enriched.health_rules", "2024-01-24", 2),
        ("enriched.stage_rules", "2024-01-24", 2), ("staging.deal_days", "2024-01-24", 2), ("staging.rep_days", "2024-01-24", 2),
        ("staging.stage_medians", "2024-01-24", 2), ("staging.stage_survival", "2024-01-21", 4),
        ("staging.thresholds", "2024-01-24", 2),
    ]  # fmt: skip
    assert health("health_score, health_change_7d", "2024-01-12") == [(70, -30)]  # 12 days, and 5


def test_an_own_median_is_a_benchmark_only_where_there_is_no_other(put: Put, health: Health) -> None:
    closed = [deal("Other", f"e{n}", "2024-01-01Z", is_closed=False) for n in range(20)]
    history = [row for n in range(20) for row in moves(("Own", "Other", f"01-{5 + n % 10:02d}"), deal=f"e{n}")]
    put("a", opportunities=[deal("Own"), *closed], opportunity_history=history)
    columns = "opportunity_id, benchmark_days, benchmark_source, own_median_days, round(velocity_ratio::numeric, 4)"
    # Of 21 visits, d1's among them, 10 are over after 8 days and 12 after 9; d1 has lasted 17.
    assert health(columns, "2024-01-17")[0] == ("d1", 9.0, "own median", 9.0, Decimal("1.8889"))
    assert health(columns, "2024-01-13")[0][:3] == ("d1", None, None)  # 18 completed are too few


# ------------------------------------------------------------------------------------------- plain Python


def band(value: float, *bounds: tuple[float, int], other: int) -> int:
    return next((score for at_most, score in bounds if value <= at_most), other)


def score_of(told: dict[str, Any], name: str) -> dict[str, Any]:
    """The definition, written once more."""
    stage = next(stage for stage in STAGES if stage.name == name)
    ratio = told["days_in_stage"] / stage.expected_days
    silence, contacts, discount = (
        told["days_since_two_way"],
        told["engaged_contacts_count"],
        float(told["discount_pct"]),
    )
    parts = {
        "velocity": (25, band(ratio, (0.5, 100), (1, 85), (1.5, 70), (2, 50), (3, 30), other=0)),
        "activity": (25, 0 if told["last_two_way_at"] is None
                     else band(silence, (2, 100), (5, 85), (7, 70), (10, 50), (14, 30), other=0)),
        "stakeholder": (25, min(100, {0: 0, 1: 20, 2: 50, 3: 75, 4: 90}.get(contacts, 100) + 10 * told["has_champion"])),
        "competition": (15, {None: 100, "named": 90, "active": 60}[told["competitor_status"]]),
        "discount": (10, band(discount, (0, 100), (10, 90), (15, 80), (20, 65), (25, 45), other=25)),
    }  # fmt: skip
    total = Decimal(sum(weight * score for weight, score in parts.values())) / 100
    score = int(total.quantize(Decimal(1), ROUND_HALF_UP))
    flags = {
        "STUCK": ratio > 1.5, "NO_EB": STAGES.index(stage) >= 3 and not told["has_engaged_economic_buyer"],
        "GOING_DARK": silence > 7, "CLOSE_DATE_PAST": told["close_date"] is not None and told["close_date"] < told["day"],
        "NO_CHAMPION": not told["has_champion"], "SINGLE_THREADED": contacts <= 1, "PUSHED": told["pushes_count"] >= 2,
        "COMPETITIVE": told["competitor_status"] is not None, "HEAVY_DISCOUNT": discount > 20,
    }  # fmt: skip
    return {
        "health_score": score,
        "health_category": "Healthy"
        if score >= 80
        else "Monitor"
        if score >= 60
        else "At Risk"
        if score >= 40
        else "Critical",
        "needs_attention": score < 70,
        "risk_flags": [flag for flag, is_set in flags.items() if is_set],
        **{f"{part}_score": score for part, (_, score) in parts.items()},
        **{f"{part}_contribution": Decimal(weight * score) / 100 for part, (weight, score) in parts.items()},
    }


def expected_on(day: date) -> dict[str, dict[str, Any]]:
    end = day_end(PLAN, day)
    return {
        found.id: score_of({**as_told(found, day), "day": str(day)}, str(found.state(end)["StageName"]))
        for found in open_on(day)
    }


def own_medians(day: date) -> dict[str, float]:
    """Days after which half of the visits were over that began in the year up to the end of the week before, those
    counted that last."""
    start = date(day.year, (day.month - 1) // 3 * 3 + 1, 1)
    day = start + timedelta(days=7 * min((day - start).days // 7, 12) - 1)
    end, visits = day_end(PLAN, day), {}  # type: ignore[var-annotated]
    for found in company_deals():
        if found.deleted_at and found.deleted_at < end:
            continue
        steps = [
            (whole(change.at), change.value)
            for change in found.changes
            if change.field == "StageName" and change.at < end
        ]
        for (at, stage), (left, _) in pairwise([*steps, (None, None)]):
            if stage not in (WON, LOST) and (day - at.astimezone(ZoneInfo(PLAN.timezone)).date()).days < 365:
                visits.setdefault(str(stage), []).append((elapsed(at, left or end), left is not None))
    return {stage: median for stage, found in visits.items() if (median := half_life(found))}


def half_life(visits: list[tuple[float, bool]]) -> float | None:
    lasting = 1.0
    for days in sorted({days for days, is_over in visits if is_over}):
        seen = sum(other >= days for other, _ in visits)
        lasting *= 1 - visits.count((days, True)) / seen
        if lasting <= 0.5 + 1e-9:
            return days
    return None


@pytest.mark.usefixtures("generated")
def test_the_generated_company_s_health(warehouse: Query) -> None:
    seen: set[str] = set()
    for day in SAMPLED:
        expected, before = expected_on(day), expected_on(day - timedelta(days=7))
        for key, row in expected.items():
            row["health_change_7d"] = row["health_score"] - before[key]["health_score"] if key in before else None
            seen |= set(row["risk_flags"])
        columns = list(next(iter(expected.values())))
        rows = warehouse(
            f"select opportunity_id, {', '.join(columns)} from enriched.deal_health_scores where snapshot_date = %s",
            day,
        )
        assert {key: dict(zip(columns, values, strict=True)) for key, *values in rows} == expected
        medians = dict(warehouse(
            "select distinct d.stage_name, h.own_median_days from enriched.deal_health_scores as h inner join staging.deal_days as d"
            " using (tenant_id, snapshot_date, opportunity_id) where snapshot_date = %s", day))  # fmt: skip
        told = own_medians(day)
        assert medians == {stage: pytest.approx(told[stage], abs=1e-9) for stage in medians}
    assert len(seen) == 9  # every flag occurs


# ---------------------------------------------------------------------------------------- rules that change


def test_a_new_weight_holds_from_its_day_on_and_for_its_tenant(
    put: Put, health: Health, rules: Callable[[str, str], None]
) -> None:
    """Without any other component, velocity alone counts: its bands tell which rules held."""
    for tenant in ("a", "b"):
        put(tenant, pipeline_stages=STAGE, opportunities=[deal("Proposal")])
    before = health("tenant_id, health_score", "2024-01-09", "2024-01-12")
    # 9 and 10 days are at most 1 x 10 (85), 11 and 12 more.
    assert before == [("a", 85), ("b", 85), ("a", 85), ("b", 85), ("a", 70), ("b", 70), ("a", 70), ("b", 70)]
    rules("stage_benchmarks", "*,2024-01-11,Proposal,12,20,0.6,true\nb,2024-01-10,Proposal,6,20,0.6,true\n")
    after = health("tenant_id, health_score", "2024-01-09", "2024-01-12")
    assert after == [("a", 85), ("b", 85), ("a", 85), ("b", 50), ("a", 85), ("b", 50), ("a", 85), ("b", 50)]


def test_rules_are_known_from_when_they_were_taken_over(
    put: Put, clean: Settings, warehouse: Query, rules: Callable[[str, str], None], source: Query
) -> None:
    put("a", pipeline_stages=STAGE, opportunities=[deal("Proposal")])
    score = "select health_score, known_as_of from enriched.deal_health_scores"
    materialize(clean, DAILY, "2024-01-12")
    [(first, known)] = warehouse(score)
    rules("thresholds", "*,,nothing_reads_this,1\n")
    rules("stage_benchmarks", "a,,Proposal,24,30,0.6,true\n")
    materialize(clean, DAILY, "2024-01-12")
    [(second, later)] = warehouse(score)
    assert (first, second) == (70, 100)
    assert later == known + 2  # each changed file is a load of its own
    assert source("select source, tenant_id, status from crm.loads where load_seq > %s order by load_seq", known) == [
        ("reference/stage_benchmarks", None, "finished"), ("reference/thresholds", None, "finished"),
    ]  # fmt: skip
    # As if the file had had a threshold less then: what a release adds holds for earlier transaction times, too.
    added = "delete from reference.thresholds_versions where name = 'velocity_tolerance' and known_to <= %s returning 1"
    assert warehouse(added, later) == [(1,)]
    materialize(clean, DAILY, "2024-01-12", known_as_of=known)
    assert warehouse(score) == [(first, known)]


def test_a_reference_file_that_does_not_fit_changes_nothing(
    put: Put, clean: Settings, warehouse: Query, rules: Callable[[str, str], None]
) -> None:
    put("a", pipeline_stages=STAGE, opportunities=[deal("Proposal")])
    materialize(clean, DAILY, "2024-01-12")

    def state() -> list[list[tuple[Any, ...]]]:
        return [
            warehouse(f"select * from {table}")
            for table in ("enriched.deal_health_scores", "reference.stage_benchmarks_versions", "crm_remote.loads")
        ]

    before = state()
    file = dated_reference.SQL_DIR / "reference" / "stage_benchmarks.csv"
    good = file.read_text()
    for lines, error in (
        (
            "a,2024-13-01,Proposal,24,30,0.6,true\n",
            "stage_benchmarks.csv line 11: valid_from '2024-13-01' is not a date",
        ),
        (",2024-01-01,Proposal,24,30,0.6,true\n", "stage_benchmarks.csv line 11: tenant_id is empty"),
        ("a,2024-01-01,Proposal,24\n", "stage_benchmarks.csv line 11: 4 fields where the header has 7"),
        (
            "a,2024-01-01,Proposal,soon,30,0.6,true\n",
            'stage_benchmarks.csv: invalid input syntax for type numeric: "soon"',
        ),
        ("a,2024-01-01,Proposal,0,30,0.6,true\n", "stage_benchmarks.csv: new row for relation"),
    ):
        rules("stage_benchmarks", lines)
        with pytest.raises(RevopsError, match=error):
            materialize(clean, "reference/stage_benchmarks")
        assert state() == before
        file.write_text(good)
