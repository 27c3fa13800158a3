"""Odd records of one company: what they mean, and that they stop nobody's build."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from revops_assets.errors import RevopsError
from revops_assets.settings import Settings
from revops_assets_tests.building import materialize
from revops_assets_tests.conftest import Put, Query
from revops_assets_tests.test_stage_visits import deal, moves

STAGES = [
    {"stage_id": "New", "stage_order": 1, "name": "New"},
    {"stage_id": "Won", "stage_order": 8, "outcome": "won"},
    {"stage_id": "Lost", "stage_order": 9, "outcome": "lost"},
]


def closed(name: str, day: str, outcome: str, amount: float | None, **more: Any) -> dict[str, Any]:
    return {
        "opportunity_id": name, "stage_id": outcome.title(), "created_at": "2024-01-02Z", "is_closed": True, "is_won": outcome == "won",
        "closed_at": f"2024-{day} 10:00Z", "close_date": f"2024-{day}", "amount": amount, "owner_id": "r", "modified_at": f"2024-{day} 10:00Z",
    } | more  # fmt: skip


def still_open(name: str, amount: float | None, **more: Any) -> dict[str, Any]:
    return {
        "opportunity_id": name, "stage_id": "New", "created_at": "2024-01-02Z", "close_date": "2024-03-30", "amount": amount,
        "owner_id": "r", "forecast_category": "Commit", "modified_at": "2024-01-02Z",
    } | more  # fmt: skip


REP = {"rep_id": "r", "name": "Rae", "modified_at": "2023-01-01Z"}
ODD: dict[str, dict[str, list[dict[str, Any]]]] = {
    "credits": {"reps": [REP], "opportunities": [closed("w", "03-05", "won", 100), still_open("o", -50)]},
    "a negative loss": {"reps": [REP], "opportunities": [closed("w", "03-05", "won", 100), closed("l", "03-06", "lost", -20)]},
    "visits of no time": {"reps": [REP], "opportunities": [
        closed(f"d{n}", "03-05", "won", 1, created_at="2024-03-05 10:00Z", stage_id="New") for n in range(25)] + [still_open("o", 1)],
        "opportunity_history": [change for n in range(25) for change in moves(("New", "Won", "03-05"), deal=f"d{n}")]},
    "names of groups": {"reps": [REP | {"segment": "All", "region": "All", "manager_id": "All"}, {"rep_id": "All", "name": "All"}],
                        "opportunities": [closed("w", "03-05", "won", 100), still_open("o", 50)]},
    "very much money": {"reps": [REP], "opportunities": [closed(f"w{n}", "03-05", "won", 9e10) for n in range(12)]
                        + [still_open(f"o{n}", 9e10) for n in range(12)]},
    "no number": {"reps": [REP], "opportunities": [closed("w", "03-05", "won", 100), still_open("o", float("nan"))]},
    "negative forecast": {"reps": [REP], "opportunities": [still_open("o", -500)],
                          "quotas": [{"quota_id": "q", "period_start": "2024-01-01", "period_end": "2024-03-31", "amount": 100}]},
}  # fmt: skip


def test_odd_records_stop_nobody_s_build(put: Put, clean: Settings, warehouse: Query) -> None:
    """Each odd company is built, beside a plain one whose rows are those of a build alone."""
    plain = {
        "reps": [REP],
        "pipeline_stages": STAGES,
        "opportunities": [closed("w", "03-05", "won", 70), still_open("o", 30)],
    }
    put("plain", **plain)
    tables = [f"{schema}.{name}" for schema, name in warehouse(
        "select table_schema, table_name from information_schema.columns where column_name = 'snapshot_date'"
        " and table_schema in ('staging', 'enriched', 'analytics', 'dashboard') order by 1, 2")]  # fmt: skip

    def rows() -> dict[str, list[Any]]:
        told = "to_jsonb(t) - 'known_as_of' - 'data_freshness' - 'created_at' - 'updated_at'"
        return {
            table: warehouse(f"select {told} from {table} as t where tenant_id = 'plain' order by ({told})::text")
            for table in tables
        }

    materialize(clean, "+group:dashboard", "2024-03-07")
    alone = rows()
    for number, records in enumerate(ODD.values()):
        put(f"odd{number}", pipeline_stages=STAGES, **records)
    materialize(clean, "+group:dashboard", "2024-03-07")
    assert rows() == alone
    names = list(ODD)
    kpis = warehouse("select tenant_id, commit_confidence, closed_won_amount, gap_pct, open_pipeline_amount from dashboard.dashboard_kpis"
                     " where quarter = 'Q1 2024' and team_id = 'All' and segment = 'All' and region = 'All'")  # fmt: skip
    found = {names[int(tenant[3:])]: told for tenant, *told in kpis if tenant != "plain"}
    assert found["credits"] == [None, 100, None, -50]  # 100 won and -25 expected of a commit of 50: no share
    assert found["very much money"][1] == 12 * 9e10
    assert found["negative forecast"][2] == 1
    rates = warehouse("select tenant_id, win_rate, amount_win_rate from analytics.rep_performance where rep_id = 'r'")
    assert {names[int(t[3:])]: rest for t, *rest in rates if t != "plain"}["a negative loss"] == [0.5, None]
    segments = warehouse(
        f"select distinct segment, region, team_id from dashboard.dashboard_kpis where tenant_id = 'odd{names.index('names of groups')}'"
    )
    assert ('"All"', '"All"', '"All"') in segments and ("All", "All", "All") in segments


def test_a_win_of_today_counts_today_whatever_its_close_date(put: Put, clean: Settings, warehouse: Query) -> None:
    put(
        "a",
        reps=[REP],
        pipeline_stages=STAGES,
        opportunities=[closed("w", "03-05", "won", 100, close_date="2099-12-31")],
    )
    materialize(clean, '+key:"analytics/rep_performance"', "2024-03-05")
    assert warehouse("select won_today_count, quarter_won_count from analytics.rep_performance where rep_id = 'r'") == [
        (1, 0)
    ]


def test_a_rep_without_deals_has_activities(put: Put, clean: Settings, warehouse: Query) -> None:
    calls = [
        {
            "activity_id": str(n),
            "type": "call",
            "rep_id": "caller",
            "occurred_at": f"2024-03-0{1 + n % 5} 10:00Z",
            "is_done": True,
        }
        for n in range(50)
    ]
    put("a", reps=[REP, {"rep_id": "caller", "name": "Cal", "modified_at": "2023-01-01Z"}, {"rep_id": "idle", "name": "Ida"}],
        pipeline_stages=STAGES, opportunities=[still_open("o", 1)], activities=calls)  # fmt: skip
    materialize(clean, '+key:"dashboard/rep_activity_metrics"', "2024-03-05")
    assert warehouse("select rep_id, period, call_count from dashboard.rep_activity_metrics where period <> '7d' order by 1, 2") == [
        ("caller", "30d", 50), ("caller", "today", 10), ("r", "30d", 0), ("r", "today", 0),
    ]  # fmt: skip


@pytest.mark.parametrize("times", [("2024-01-05Z", "2024-02-10Z", "2024-03-10Z"), ("2024-01-05Z", "2024-02-10Z", None)])
def test_a_role_is_what_its_record_said_then(
    put: Put, clean: Settings, warehouse: Query, times: tuple[str, str, str | None]
) -> None:
    """A user at first, a champion since February, taken away in March (or with the load, long after)."""
    role = {"opportunity_contact_id": "x", "opportunity_id": "o", "contact_id": "c", "created_at": "2024-01-05Z"}
    for told, at in zip(
        ({"role": "User"}, {"role": "Champion"}, {"role": "Champion", "is_deleted": True}), times, strict=True
    ):
        put(
            "a",
            pipeline_stages=STAGES,
            opportunities=[still_open("o", 1)],
            opportunity_contacts=[role | told | {"modified_at": at}],
        )
    for day in ("2024-01-10", "2024-02-10", "2024-03-11"):
        materialize(clean, '+key:"enriched/deal_people"', day)
    champions = "select to_char(snapshot_date, 'MM-DD'), has_champion from staging.deal_days where snapshot_date = any(%s::date[]) order by 1"
    days = ["2024-01-10", "2024-02-10", "2024-03-11"]
    assert warehouse(champions, days) == [("01-10", False), ("02-10", True), ("03-11", times[2] is None)]
    held = warehouse("select role, d_from::text from staging.deal_contacts where role is not null order by d_from")
    assert held[:2] == [("User", "2024-01-05"), ("Champion", "2024-02-10")]


def test_a_label_that_another_stage_takes_over_keeps_its_past(put: Put, clean: Settings, warehouse: Query) -> None:
    """Stage s1 is called Offer, then Quote; a new stage s2 is called Offer since March."""
    stage = {"stage_id": "Offer", "record_id": "s1", "stage_order": 2, "modified_at": "2023-12-01Z"}
    put("a", pipeline_stages=[*STAGES, stage], opportunities=[deal("Offer", opportunity_id="d", created_at="2024-01-05Z")],
        opportunity_history=moves(("New", "Offer", "01-10"), deal="d"))  # fmt: skip
    put("a", pipeline_stages=[stage | {"stage_id": "Quote", "modified_at": "2024-03-01Z"},
                              {"stage_id": "Offer", "record_id": "s2", "stage_order": 3, "modified_at": "2024-03-02Z"}],
        opportunity_history=moves(("New", "Offer", "01-10"), ("Quote", "Offer", "03-05"), deal="d"))  # fmt: skip
    materialize(clean, '+key:"staging/deal_days"', "2024-03-06")
    visits = "select stage_id, entered_at::date::text from staging.stage_visits order by visit_number"
    assert warehouse(visits) == [("New", "2024-01-05"), ("s1", "2024-01-10"), ("s2", "2024-03-05")]


def test_close_dates_that_move_in_the_versions_are_pushes(put: Put, clean: Settings, warehouse: Query) -> None:
    for modified, close in (
        ("2024-01-05Z", "2024-03-01"),
        ("2024-02-05Z", "2024-04-01"),
        ("2024-02-10Z", "2024-05-01"),
        ("2024-02-12Z", "2024-04-15"),
    ):
        put("a", opportunities=[still_open("o", 1, close_date=close, modified_at=modified)])
    materialize(clean, '+key:"staging/deal_days"', "2024-02-04", "2024-02-13")
    pushes = warehouse(
        "select array_agg(pushes_count order by snapshot_date) from staging.deal_days where snapshot_date >= '2024-02-04'"
    )
    assert pushes == [([0, 1, 1, 1, 1, 1, 2, 2, 2, 2],)]


@pytest.mark.parametrize(
    ("name", "lines", "said"),
    [
        ("thresholds", "*,,stall_factor,9\n", r"thresholds\.csv line \d+: \*, -infinity, stall_factor stands in line \d+ already"),
        ("stage_benchmarks", "a,,Demo,1,2,0.5,false\na,,Demo,3,4,0.5,false\n", r"stage_benchmarks\.csv line \d+: a, -infinity, Demo stands in line"),
        ("health_bands", "*,,velocity,0.5,7\n", r"health_bands\.csv line \d+: \*, -infinity, velocity, 0\.5 stands in line 2 already"),
    ],
)  # fmt: skip
def test_a_second_line_of_the_same_key_is_named(
    put: Put, clean: Settings, rules: Callable[[str, str], None], name: str, lines: str, said: str
) -> None:
    put("a", pipeline_stages=STAGES, opportunities=[still_open("o", 1)])
    rules(name, lines)
    with pytest.raises(RevopsError, match=said):
        materialize(clean, '+key:"staging/deal_days"', "2024-02-04")


def test_what_nobody_knows_is_null_not_nothing(put: Put, clean: Settings, warehouse: Query) -> None:
    """No meeting, a meeting before the deal, no amount, a single day: greatest() and least() would make a 0 of them."""
    meeting = {"type": "meeting", "rep_id": "r", "is_done": True, "contact_id": "c"}
    put(
        "a",
        reps=[REP],
        pipeline_stages=STAGES,
        opportunities=[
            closed("without", "03-05", "won", None), closed("early", "03-05", "won", None),
            closed("late", "03-05", "won", None), still_open("o", None),
        ],
        quotas=[{"quota_id": "q", "period_start": "2024-01-01", "period_end": "2024-03-31", "amount": 100}],
        activities=[
            meeting | {"activity_id": "1", "opportunity_id": "early", "occurred_at": "2023-12-20 10:00Z"},
            meeting | {"activity_id": "2", "opportunity_id": "late", "occurred_at": "2024-01-12 10:00Z"},
        ],
    )  # fmt: skip
    materialize(clean, "+group:dashboard", "2024-03-07")
    assert warehouse("select opportunity_id, days_to_first_meeting::int from staging.closing_facts order by 1") == [
        ("early", 0), ("late", 10), ("without", None),
    ]  # fmt: skip
    assert warehouse(
        "select weighted_amount, shortfall_pct, risk_level from analytics.forecast_confidence where snapshot_date = '2024-03-07'"
        " and quarter = 'Q1 2024' and team_id = 'All' and segment = 'All' and region = 'All' and line = 'TOTAL FORECAST'"
    ) == [(None, None, None)]
    periods = dict(
        warehouse("select period, activity_consistency_score from dashboard.rep_activity_metrics where rep_id = 'r'")
    )
    assert periods["today"] is None and periods["30d"] is None  # nothing was done in any of them


def test_a_crm_whose_clock_is_ahead_stops_no_build(put: Put, clean: Settings, warehouse: Query) -> None:
    """What is dated later than the load, on the day that still runs, has lasted no time; not less."""
    today = datetime.now(UTC).date()
    later, before = f"{today} 23:59:59Z", f"{today - timedelta(days=9)}Z"
    stages = [*STAGES, {"stage_id": "Demo", "stage_order": 2, "name": "Demo"}]
    put(
        "a",
        reps=[REP],
        pipeline_stages=stages,
        opportunities=[
            still_open("moved", 30, created_at=before, stage_id="Demo", modified_at=later),
            still_open("made", 40, created_at=later, modified_at=later),
        ],
        opportunity_history=[
            {
                "history_id": "h",
                "opportunity_id": "moved",
                "field": "stage_id",
                "old_value": "New",
                "new_value": "Demo",
                "changed_at": later,
            }
        ],
        activities=[
            {"activity_id": "call", "opportunity_id": "moved", "rep_id": "r", "type": "call", "occurred_at": later}
        ],
    )
    materialize(clean, "+(group:analytics or group:dashboard or group:ai)", str(today))
    lasted = "select opportunity_id, days_in_stage from staging.deal_days where snapshot_date = %s order by 1"
    assert warehouse(lasted, today) == [("made", 0), ("moved", 0)]
