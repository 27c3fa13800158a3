"""What dashboards show: contracts kept or refused, formatters, exact rows by hand, the story of the generated company."""

from __future__ import annotations

import re
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa

from revops_assets.assets.checks import offending_rows
from revops_assets.assets.spec import asset_key
from revops_assets.contracts import CONTRACTS
from revops_assets.contracts.guard import keep_contract
from revops_assets.datasets.checks import all_checks
from revops_assets.datasets.window import Window
from revops_assets.definitions import defs
from revops_assets.diagnostics.consistency import topics
from revops_assets.errors import RevopsError
from revops_assets.loading.load import load_directory
from revops_assets.loading.mapping_file import read_mapping
from revops_assets.scenario import salesforce
from revops_assets.scenario.calendar import day_end
from revops_assets.scenario.model import Plan
from revops_assets.settings import PROJECT_ROOT, Settings
from revops_assets.warehouse import databases
from revops_assets.warehouse.sql_files import dataset_files
from revops_assets.warehouse.tables import full_name
from revops_assets_tests.building import materialize
from revops_assets_tests.conftest import Put, Query, query
from revops_assets_tests.test_deal_days import activity
from revops_assets_tests.test_forecast import quota
from revops_assets_tests.test_reps import STAGES, closed
from revops_assets_tests.test_stage_visits import deal, moves

PUBLISHED = PROJECT_ROOT.parent / "shared" / "spec" / "dashboard_contracts.md"
GRAPH = "group:reference or group:staging or group:enriched or group:analytics or group:dashboard or group:ai"
ALL = "team_filter = 'All' and segment = 'All' and region = 'All'"


# --------------------------------------------------------------------------------------------- contracts


@pytest.mark.parametrize("dataset", sorted(CONTRACTS))
def test_a_contract_is_the_same_in_file_table_and_dagster(dataset: str, warehouse: Query) -> None:
    columns = CONTRACTS[dataset].all_columns
    stored = warehouse("select attname, format_type(atttypid, atttypmod), not attnotnull from pg_attribute where attrelid = %s::regclass and attnum > 0", dataset)  # fmt: skip
    shown = defs.resolve_asset_graph().get(asset_key(dataset)).metadata["dagster/column_schema"].columns
    for name, type_name, is_nullable in stored:
        column = columns[name]
        assert (full_name(column.type), column.is_nullable) == (type_name, is_nullable)
        assert column.meaning
    assert [(c.name, c.type, c.constraints.nullable, c.constraints.other) for c in shown] == [
        (c.name, c.type, c.is_nullable, [c.allowed] if c.allowed else []) for c in columns.values()
    ]
    assert len(stored) == len(columns)


WEEKDAYS = " · ".join(f"{day}_avg" for day in ("monday", "tuesday", "wednesday", "thursday", "friday"))


def published() -> dict[str, dict[str, str]]:
    """Columns of each contract in the published page, with the enumeration that follows, if any."""
    found: dict[str, dict[str, str]] = {}
    for section in re.split(r"^### ", PUBLISHED.read_text(), flags=re.MULTILINE)[1:]:
        name, text = section.split(" ", 1)
        text = re.split(r"^## |\n\n", text.split("\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]
        text = re.sub(r"\(([^()]|\([^()]*\))*\)", "", text).replace("monday_avg … friday_avg", WEEKDAYS)
        bands = re.search(r"for each band in (.*?):\s*([^·]*)", text)
        if bands:
            wanted = [
                part.replace("{band}", band)
                for band in re.findall(r"\w+", bands[1])
                for part in re.findall(r"\{band\}\w+", bands[2])
            ]
            text = text.replace(bands[0], " · ".join(wanted) + " ")
        text = re.sub(r"\[≤3\] \{[^{}]*\}", "", text)
        names: dict[str, str] = {}
        for part in re.split(r" ·\s+|·\s*\n", text.replace("\n", " ")):
            match = re.match(r"\s*([a-z][a-z0-9_]+)(?:[\s.]+(.*))?$", part)
            if match:
                names[match[1]] = match[2] or ""
        found[name] = names
    return found


@pytest.mark.skipif(not PUBLISHED.exists(), reason="the published contracts are not beside this checkout")
def test_every_published_column_is_there_with_its_enumeration() -> None:
    told = published()
    seen = 0
    for dataset, file in CONTRACTS.items():
        columns = file.all_columns
        for name, rest in told.get(file.name, {}).items():
            assert name in columns, f"{dataset} lacks {name}"
            seen += 1
            if " | " in rest:
                assert list(columns[name].values) == re.findall(r'"([^"]+)"', rest), (dataset, name)
    assert seen > 150


BREAKS: list[tuple[str, str, str]] = [
    ("dashboard.dashboard_kpis", "risk_level = 'Bad'", "risk_level 'Bad' is none of 'Low', 'Medium', 'High', 'Critical'"),
    ("dashboard.dashboard_kpis", "ai_forecast_confidence = 1.5", "ai_forecast_confidence '1.5000' is not between 0 and 1"),
    ("dashboard.dashboard_kpis", "gap_to_target = 1", "gap_to_target '1.00' is not forecast less target"),
    ("dashboard.forecast_history", "cumulative_closed = 5", "cumulative_closed '5.00' tells of a week to come"),
    ("dashboard.stage_velocity", "trend_display = '▲ +9d'", "trend_display '▲ +9d' does not say duration_change_days"),
    ("dashboard.stuck_deals_view", "amount_display = '$1'", "amount_display '$1' does not say amount"),
    ("dashboard.stuck_deals_view", "risk_flags = '{NOT_A_FLAG}'", "risk_flags '{NOT_A_FLAG}' is none of"),
    ("dashboard.health_distribution", "healthy_count = 900", "deals_count"),
    ("dashboard.health_distribution", "healthy_pct = 0.5", "and the others do not add up to 1"),
    ("dashboard.rep_performance_view", "overall_rank = overall_rank + 1", "ranks with gaps or ties"),
    ("dashboard.rep_driver_comparison", "gap_to_top = 99", "gap_to_top '99' is not how far the rep is behind"),
    ("dashboard.rep_activity_metrics", "call_count = -1", "call_count '-1' is below 0"),
    ("dashboard.next_best_actions", "urgency = 'now'", "urgency 'now' is none of 'today', 'this_week', 'soon'"),
    ("dashboard.next_best_actions", "priority_rank = 7", "ranks with gaps"),
]  # fmt: skip


@pytest.fixture
def company(put: Put, clean: Settings) -> None:
    """Two reps, a won, a lost and three open deals; as of 10 April."""
    won, changes = closed("w", "Won", "01-05", "04-02", "ann", 1000)
    lost, lost_changes = closed("l", "Lost", "01-05", "03-20", "bob", 500)
    put(
        "a",
        pipeline_stages=[*STAGES, {"stage_id": "Proposal", "stage_order": 4}],
        reps=[{"rep_id": "ann", "name": "Ann", "manager_id": "m", "segment": "SMB", "region": "West"}, {"rep_id": "bob", "name": "Bob", "manager_id": "m"},
              {"rep_id": "m", "name": "Mia"}],
        quotas=[quota("1", "ann", "2024-01-01", "2024-12-31", 3660), quota("2", "bob", "2024-01-01", "2024-12-31", 3660)],
        accounts=[{"account_id": "acc", "name": "Acme"}], contacts=[{"contact_id": "c1", "name": "Cleo"}, {"contact_id": "c2", "name": "Chas"}],
        opportunities=[won, lost,
                       deal("Proposal", "d1", "2024-03-01Z", amount=2_100_000, close_date="2024-04-20", owner_id="ann", account_id="acc", name="Big", forecast_category="Commit"),
                       deal("Proposal", "d2", "2024-04-05Z", amount=700, close_date="2024-06-30", owner_id="bob", name="Small"),
                       deal("Proposal", "d3", "2024-04-09Z", owner_id="ann")],
        opportunity_history=[*changes, *lost_changes],
        opportunity_contacts=[{"opportunity_contact_id": "x", "opportunity_id": "d1", "contact_id": "c2", "role": "Champion", "created_at": "2024-03-02Z"}],
        activities=[activity(f"a{n}", f"04-0{n} 14:30:00", "call", "c2", is_answered=True, rep_id="ann") for n in range(1, 7)]
        + [activity("b1", "04-09 09:15:00", "email", "c1", rep_id="bob", opportunity_id="d2")],
    )  # fmt: skip
    materialize(clean, GRAPH, "2024-04-03", "2024-04-10")


def a_row_that_breaks_its_contract_is_named(clean: Settings) -> None:
    window = Window("snapshot_date", date(2024, 4, 10), date(2024, 4, 11))
    for dataset, change, message in BREAKS:
        with databases.engine(clean, "warehouse").connect() as connection:
            keep_contract(connection, dataset_files()[dataset], window)
            where = f"ctid = (select max(ctid) from {dataset} where snapshot_date = '2024-04-10'"
            where += " and as_of_date is null)" if "closed = 5" in change else " and quarter_target is not null)" if "gap_to" in change and "kpis" in dataset else " and deals_count > 0)" if "pct" in change else ")"  # fmt: skip
            connection.execute(sa.text(f"update {dataset} set {change} where {where}"))
            with pytest.raises(RevopsError, match=re.escape(message)) as caught:
                keep_contract(connection, dataset_files()[dataset], window)
            assert str(caught.value).startswith(
                f"{dataset} breaks its contract, nothing was written: tenant_id a, snapshot_date 2024-04-10"
            )
            connection.rollback()


def a_refused_write_leaves_the_partition_as_it_was(clean: Settings, warehouse: Query) -> None:
    """A rule file that names a flag which the contract does not know: the write is refused, the rows before it stay."""
    before = warehouse("select * from dashboard.stuck_deals_view order by 1, 2, 3")
    assert before
    query(clean, "warehouse", "update analytics.deals_stuck_in_process set risk_flags = '{SURPRISE}'")
    with pytest.raises(
        RevopsError,
        match=r"tenant a: dashboard\.stuck_deals_view keeps its earlier rows on 2024-04-10: tenant_id a, .* risk_flags",
    ):
        materialize(clean, 'key:"dashboard/stuck_deals_view"', "2024-04-10")
    assert warehouse("select * from dashboard.stuck_deals_view order by 1, 2, 3") == before


def a_row_says_when_its_day_was_first_built(clean: Settings, warehouse: Query) -> None:
    stamps = (
        "select distinct created_at, updated_at from dashboard.rep_performance_view where snapshot_date = '2024-04-10'"
    )
    [(created, updated)] = warehouse(stamps)
    materialize(clean, 'key:"dashboard/rep_performance_view"', "2024-04-10")
    [(again, later)] = warehouse(stamps)
    assert again == created
    assert later > updated


# -------------------------------------------------------------------------------------------- formatters


@pytest.mark.parametrize(
    ("call", "shown"),
    [
        ("currency(2100000)", "$2.1M"), ("currency(1000000)", "$1.0M"), ("currency(999999)", "$1000K"), ("currency(610400)", "$610K"),
        ("currency(0)", "$0K"), ("currency(-2150000)", "-$2.2M"), ("currency(null)", "—"), ("percent(0.784)", "78%"), ("percent(null)", "—"),
        ("percent_delta(0.04)", "+4%"), ("percent_delta(-0.035)", "-4%"), ("percent_delta(0)", "+0%"), ("percent_delta(null)", "—"), ("days(3)", "3d"),
        ("rank(4, 12)", "#4/12"), ("rank(null, 12)", "—"), ("trend(2.4)", "▲ +2d"), ("trend(-2)", "▼ −2d"), ("trend(0.49)", "✓"), ("trend(-0.5)", "▼ −1d"),
        ("trend(null)", "—"), ("flags(array['STUCK','NO_EB','GOING_DARK'], array['NO_EB','GOING_DARK','STUCK'], array['No EB','Going Dark','Stuck'])", "Stuck • No EB • Going Dark"),
        ("flags('{}', '{}', '{}')", "—"),
    ],
)  # fmt: skip
def test_how_numbers_are_shown(warehouse: Query, call: str, shown: str) -> None:
    assert warehouse(f"select dashboard.{call}") == [(shown,)]


# ------------------------------------------------------------------------------------------------ by hand


@pytest.mark.usefixtures("company")
def test_dashboards_by_hand(clean: Settings, warehouse: Query) -> None:
    """The whole graph is built once, and everything looked at; then what must be refused, and what must trip."""
    for look in (
        the_quarter_in_one_line,
        history_says_what_the_forecast_said_then,
        a_stuck_deal_and_what_to_do,
        next_best_actions_by_hand,
        what_reps_did,
        a_rep_s_standing_in_words,
        bands_hold_every_open_deal_once,
    ):
        look(warehouse)
    a_row_that_breaks_its_contract_is_named(clean)
    every_check_trips(clean)
    what_is_said_twice_is_compared(clean, warehouse)
    a_row_says_when_its_day_was_first_built(clean, warehouse)
    a_refused_write_leaves_the_partition_as_it_was(clean, warehouse)


def the_quarter_in_one_line(warehouse: Query) -> None:
    """Of 1,820 for the second quarter (91 of 366 days of both quotas) 1,000 are won; d1 has been 41 days in Proposal."""
    columns = (
        "quarter_target, closed_won_amount, commit_amount, commit_confidence, ai_forecast, gap_to_target, gap_pct, coverage_ratio, risk_level,"
        " forecast_change_1w, commit_change_1w, open_deals_count"
    )
    assert warehouse(f"select {columns} from dashboard.dashboard_kpis where snapshot_date = '2024-04-10' and quarter = 'Q2 2024' and {ALL}") == [
        # Both are unhealthy: half of d1 (Commit) and a tenth of d2 (Pipeline) count; d2 was not there a week before.
        (1820, 1000, 2101000, Decimal("0.5002"), 1051070, 1049250, 0, Decimal("2561.8293"), "Low", 70, 0, 2)
    ]  # fmt: skip


def history_says_what_the_forecast_said_then(warehouse: Query) -> None:
    rows = warehouse(
        "select h.week_number, h.as_of_date::text, h.cumulative_forecast, f.ai_forecast from dashboard.forecast_history as h"
        " left join analytics.forecast_confidence as f on f.tenant_id = h.tenant_id and f.snapshot_date = h.as_of_date and f.quarter = h.quarter"
        " and f.team_id = h.team_id and f.segment = h.segment and f.region = h.region and f.line = 'TOTAL FORECAST'"
        f" where h.snapshot_date = '2024-04-10' and h.quarter = 'Q2 2024' and h.{ALL.replace(' and ', ' and h.')} order by 1"
    )
    assert [row[:2] for row in rows] == [(1, "2024-04-07"), (2, "2024-04-10"), *((week, None) for week in range(3, 14))]
    assert all(row[2] == row[3] for row in rows)
    [(on_kpis,)] = warehouse(
        f"select ai_forecast from dashboard.dashboard_kpis where snapshot_date = '2024-04-10' and quarter = 'Q2 2024' and {ALL}"
    )
    assert rows[1][2] == on_kpis
    [(then,)] = warehouse(
        f"select ai_forecast from dashboard.dashboard_kpis where snapshot_date = '2024-04-07' and quarter = 'Q2 2024' and {ALL}"
    )
    assert rows[0][2] == then  # the KPIs of the week's last day said the same
    targets = "select week_number, cumulative_target from dashboard.forecast_history where snapshot_date = '2024-04-10' and quarter = 'Q2 2024'"
    assert [row for row in warehouse(f"{targets} and {ALL} order by 1") if row[0] in (1, 13)] == [(1, 140), (13, 1820)]


def a_stuck_deal_and_what_to_do(warehouse: Query) -> None:
    columns = (
        "opportunity_name, account_name, owner_name, team_filter, amount_display, urgency, urgency_icon, risk_flags_display, days_until_close,"
        " slip_risk, primary_action, action_target, action_reason, quarter"
    )
    assert warehouse(f"select {columns} from dashboard.stuck_deals_view where snapshot_date = '2024-04-10'") == [
        ("Big", "Acme", "Ann", "Mia", "$2.1M", "CRITICAL", "🔴", "Stuck • No EB • Single-Threaded", 10, "HIGH", "escalate", "Mia",
         "Escalate to Mia: stuck 41 days in Proposal (expected 10); no economic buyer engaged in Proposal; only one contact engaged; due in 10 days",
         "Q2 2024")
    ]  # fmt: skip


def next_best_actions_by_hand(warehouse: Query) -> None:
    columns = (
        "rep_id, priority_rank, opportunity_id, health_factor, silence_factor, amount_factor, close_date_factor, risk_flags_factor, priority_score,"
        " urgency, action_type, contact_name, contact_role, action_reason, time_display, best_time_basis, best_time_samples, risk_if_delayed"
    )
    rows = warehouse(
        f"select {columns} from dashboard.next_best_actions where snapshot_date = '2024-04-10' order by 1, 2"
    )
    health = dict(
        warehouse(
            "select opportunity_id, health_score from enriched.deal_health_scores where snapshot_date = '2024-04-10'"
        )
    )
    first = rows[0]
    # 4 days of silence, worth more than all others, 10 days to the close date, three flags.
    expected = 15 * (100 - health["d1"]) / 100 + 10 * 4 / 21 + 35 + 30 * (1 - 10 / 90) + 10 * 3 / 4
    assert first[:3] == ("ann", 1, "d1")
    assert float(first[8]) == pytest.approx(expected, abs=0.01)
    # The manager is to help, who is no contact; six calls cannot tell hours apart, no quarter how such deals fare.
    assert first[9:] == ("today", "task", None, None,
                         "Escalate to Mia: stuck 41 days in Proposal (expected 10); no economic buyer engaged in Proposal;"
                         " only one contact engaged; due in 10 days", "any time", None, None, None)  # fmt: skip
    # d3 has no amount and no close date: what is left weighs 0.35.
    third = next(row for row in rows if row[2] == "d3")
    assert third[5:7] == (None, None)
    left = (15 * (100 - health["d3"]) / 100 + 10 * 1 / 21 + 10 * float(third[7])) / 0.35
    assert float(third[8]) == pytest.approx(left, abs=0.01)
    assert third[10:14] == (
        "task",
        None,
        None,
        "Find a contact, nobody has a role on the deal: no economic buyer engaged in Proposal; no champion",
    )
    bob = next(row for row in rows if row[0] == "bob")
    assert bob[14:17] == ("—", None, None)  # one email without a reply is no history


def test_no_more_for_one_day_than_the_rep_does_in_one(put: Put, clean: Settings, warehouse: Query) -> None:
    """Six deals press; the rep does nothing on most days: three are for today, the rest for this week."""
    put(
        "a",
        pipeline_stages=[{"stage_id": "Proposal", "stage_order": 4}],
        reps=[{"rep_id": "r", "name": "Ann"}],
        opportunities=[
            deal("Proposal", f"d{n}", "2024-01-01Z", amount=100 + n, close_date="2024-04-12", owner_id="r")
            for n in range(6)
        ],
        activities=[activity("1", "01-02")],
    )
    materialize(clean, GRAPH, "2024-04-10")
    rows = warehouse(
        "select priority_rank, opportunity_id, urgency from dashboard.next_best_actions where snapshot_date = '2024-04-10' order by 1"
    )
    assert [row[2] for row in rows] == ["today"] * 3 + ["this_week"] * 3
    assert [row[0] for row in rows] == [1, 2, 3, 4, 5, 6]


def what_reps_did(warehouse: Query) -> None:
    """2024-04-10 is a Wednesday. Ann called on Monday 1 to Saturday 6 April."""
    columns = "period, total_activities, call_count, avg_daily_activities, team_avg_daily, monday_avg, friday_avg, low_activity_days, working_days_count"
    rows = warehouse(
        f"select {columns} from dashboard.rep_activity_metrics where snapshot_date = '2024-04-10' and rep_id = 'ann' order by 1"
    )
    assert rows == [
        ("30d", 6, 6, Decimal("0.27"), Decimal("0.16"), Decimal("0.25"), Decimal("0.25"), [], 22),
        ("7d", 3, 3, Decimal("0.60"), Decimal("0.40"), 0, 1, [], 5),  # six calls say nothing of weekdays
        ("today", 0, 0, 0, 0, None, None, [], 1),
    ]


def test_what_a_delay_risks_goes_by_how_such_deals_fared(put: Put, clean: Settings, warehouse: Query) -> None:
    """On 31 December: in Early 20 with a competitor (none won by March's end), 40 without (10 won); in Late 2 of 5 and 4 of 5.

    Difference: ((0*40 - 10*20) / 60 + (2*5 - 4*5) / 10) / (20*40/60 + 5*5/10) = -0.2737. Expected of the 25: 20*10/60 + 5*6/10
    = 6.3333, won 2; variance 20*40*10*50 / (60*60*59) + 5*5*6*4 / (10*10*9) = 2.5499: -4.3333 / 1.5968 = -2.7137.
    """
    groups = (("Early", True, 20, 0), ("Early", False, 40, 10), ("Late", True, 5, 2), ("Late", False, 5, 4))
    found = [
        (stage, competed, n < won, f"{stage}{competed}{n}")
        for stage, competed, count, won in groups
        for n in range(count)
    ]
    now = {"owner_id": "r", "amount": 380000, "close_date": "2024-04-20"}
    put(
        "a",
        pipeline_stages=[{"stage_id": "Early", "stage_order": 1}, {"stage_id": "Late", "stage_order": 2},
                         {"stage_id": "Won", "stage_order": 3, "outcome": "won"}],
        reps=[{"rep_id": "r", "name": "Ann"}],
        opportunities=[
            *(deal("Won" if won else stage, key, "2023-12-01Z", close_date="2024-12-31", competitor="Rival" if competed else None)
              for stage, competed, won, key in found),
            deal("Early", "now", "2024-04-01Z", **now, competitor="Rival"), deal("Early", "calm", "2024-04-01Z", **now),
            deal("Early", "tiny", "2024-04-01Z", **now | {"amount": 1800}, competitor="Rival"),  # $492 is nothing to say
        ],
        opportunity_history=[row for stage, _, won, key in found if won for row in moves((stage, "Won", "02-10"), deal=key)],
    )  # fmt: skip
    materialize(clean, '+key:"dashboard/next_best_actions"', "2024-04-10")
    fared = (
        "select deals_count, won_count, others_count, others_won_count, win_rate_difference, standard_errors from analytics.flag_outcomes"
        " where flag = 'COMPETITIVE'"
    )
    assert warehouse(fared) == [(25, 2, 45, 14, Decimal("-0.2737"), Decimal("-2.7137"))]
    told = "select risk_basis, risk_amount, risk_if_delayed from dashboard.next_best_actions where opportunity_id = %s"
    said = "Deals with a competitor were won 27 points less often than others in the same stage: $104K of $380K"
    assert warehouse(told, "now") == [("COMPETITIVE", 104006, said)]
    assert warehouse(told, "calm") == warehouse(told, "tiny") == [(None, None, None)]
    # As known since, one of them was won before the quarter's end: of the days built, those after it are stale.
    put("a", opportunities=[deal("Won", "EarlyTrue0", "2023-12-01Z", close_date="2024-12-31", competitor="Rival")],
        opportunity_history=moves(("Early", "Won", "03-20"), deal="EarlyTrue0"))  # fmt: skip
    materialize(clean, 'tag:"revops/built"="full_refresh"')
    asked = "select snapshot_date::text from ops.stale_partitions where dataset = 'analytics.flag_outcomes'"
    assert warehouse(asked) == [("2024-04-10",)]
    materialize(clean, '+key:"dashboard/next_best_actions"', "2024-04-10")
    assert warehouse(fared.replace("deals_count, won_count", "won_count"))[0][0] == 3
    assert warehouse(told, "now") == [(None, None, None)]  # -2.2 standard errors might be chance


def test_when_a_rep_does_little_and_when_customers_answer(put: Put, clean: Settings, warehouse: Query) -> None:
    """Thirty days up to Sunday 31 March: ten calls on each Monday to Thursday, one on Fridays; tasks are activities, too.

    Of the calls at nine four of five are answered, of those at two one of five."""
    days = [date(2024, 3, 2) + timedelta(days=n) for n in range(30)]
    calls = [
        activity(f"{day}-{n}", f"{day:%m-%d} {9 if n % 2 else 14}:00", "call", rep_id="r", is_answered=n % 10 != (0 if n % 2 else 9) and bool(n % 2))
        for day in days if day.isoweekday() <= 5 for n in range(1 if day.isoweekday() == 5 else 10)
    ]  # fmt: skip
    put(
        "a",
        pipeline_stages=[{"stage_id": "Proposal", "stage_order": 4}],
        reps=[{"rep_id": "r", "name": "Ann"}],
        opportunities=[deal("Proposal", "d1", "2024-01-01Z", owner_id="r")],
        activities=[*calls, activity("task", "03-28", "task", None, rep_id="r")],
    )
    materialize(clean, GRAPH, "2024-03-31")
    columns = "total_activities, call_count, other_count, low_activity_days"
    assert warehouse(f"select {columns} from dashboard.rep_activity_metrics where period = '30d' and snapshot_date = '2024-03-31'") == [
        (len(calls) + 1, len(calls), 1, ["Friday"])
    ]  # fmt: skip
    best = "select time_display, best_time_basis, best_time_samples from dashboard.next_best_actions where snapshot_date = '2024-03-31'"
    assert warehouse(best) == [("8:00 AM – 10:00 AM", "rep", len(calls))]


def a_rep_s_standing_in_words(warehouse: Query) -> None:
    columns = "rep_name, manager_name, ytd_attainment, ytd_attainment_display, rank_display, win_rate_vs_team_display, performance_tier"
    assert warehouse(f"select {columns} from dashboard.rep_performance_view where snapshot_date = '2024-04-10' order by overall_rank") == [
        ("Ann", "Mia", Decimal("0.9901"), "99%", "#1/2", "+100%", "On Track"), ("Bob", "Mia", 0, "0%", "#2/2", "-100%", "At Risk"),
    ]  # fmt: skip


def bands_hold_every_open_deal_once(warehouse: Query) -> None:
    rows = warehouse(
        "select quarter, deals_count, healthy_count + monitor_count + at_risk_count + critical_count + unjudged_count from dashboard.health_distribution"
        f" where snapshot_date = '2024-04-10' and {ALL} order by 1"
    )
    assert rows == [("All", 3, 3), ("Q2 2024", 2, 2), ("Q3 2024", 0, 0)]
    [(whole, parts)] = warehouse(
        "select max(deals_count) filter (where team_filter = 'All'), sum(deals_count) filter (where team_filter <> 'All')"
        " from dashboard.health_distribution where snapshot_date = '2024-04-10' and quarter = 'All' and segment = 'All' and region = 'All'"
    )
    assert whole == parts == 3


def test_what_catching_up_might_be_worth(put: Put, clean: Settings, warehouse: Query) -> None:
    """Ann's 20 closed deals had a champion and 12 were won; Bob's 10 had none and 2 were won. Both have one open deal."""
    found = [closed(f"a{n:02d}", "Won" if n < 12 else "Lost", "01-05", "02-01", "ann", 100) for n in range(20)]
    found += [closed(f"b{n:02d}", "Won" if n < 2 else "Lost", "01-05", "02-01", "bob", 1) for n in range(10)]
    roles = [{"opportunity_contact_id": f"x{n}", "opportunity_id": key, "contact_id": "c", "role": "Champion", "created_at": "2024-01-06Z"}
             for n, key in enumerate([*(f"a{n:02d}" for n in range(20)), "oa"])]  # fmt: skip
    put(
        "a",
        pipeline_stages=STAGES,
        reps=[{"rep_id": "ann", "name": "Ann"}, {"rep_id": "bob", "name": "Bob"}],
        quotas=[quota(rep, rep, "2024-01-01", "2024-12-31", 366) for rep in ("ann", "bob")],
        opportunities=[*(row for row, _ in found), deal("Open", "oa", "2024-01-05Z", owner_id="ann"), deal("Open", "ob", "2024-01-05Z", owner_id="bob")],
        opportunity_history=[change for _, changes in found for change in changes],
        opportunity_contacts=roles,
    )  # fmt: skip
    materialize(clean, '+key:"dashboard/rep_driver_comparison"', "2024-02-10")
    columns = "rep_id, rep_value, top_performer_value, gap_to_top, gap_pct, gap_impact, bar_max, rep_bar_pct, top_bar_pct, closed_deals_count, closed_win_rate"
    where = "where snapshot_date = '2024-02-10' and metric_name = 'champion_identified_rate' order by 1"
    assert warehouse(f"select {columns} from dashboard.rep_driver_comparison {where}") == [
        ("ann", 1, 1, 0, 0, "0% win rate improvement potential", 1, 100, 100, 20, Decimal("0.6")),
        ("bob", 0, 1, 1, 1, "40% win rate improvement potential", 1, 0, 100, 20, Decimal("0.6")),
    ]


def test_deals_that_were_lost_early_say_nothing_of_habits(put: Put, clean: Settings, warehouse: Query) -> None:
    """Bob also lost 25 deals in the first stage, without a champion: they had no time for one. Of those that got as far as
    half of all did, champions won 12 of 20, Bob 2 of 10; all in all he won 2 of 35."""
    stages = [{"stage_id": "Early", "stage_order": 1}, {"stage_id": "Late", "stage_order": 2},
              {"stage_id": "Won", "stage_order": 8, "outcome": "won"}, {"stage_id": "Lost", "stage_order": 9, "outcome": "lost"}]  # fmt: skip
    ends = [
        *((f"a{n:02d}", "ann", "Won" if n < 12 else "Lost") for n in range(20)),
        *((f"b{n:02d}", "bob", "Won" if n < 2 else "Lost") for n in range(10)),
    ]
    late = [row for key, _, end in ends for row in moves(("Early", "Late", "01-10"), ("Late", end, "02-01"), deal=key)]
    early = [row for n in range(25) for row in moves(("Early", "Lost", "01-20"), deal=f"c{n:02d}")]
    put(
        "a",
        pipeline_stages=stages,
        reps=[{"rep_id": "ann", "name": "Ann"}, {"rep_id": "bob", "name": "Bob"}],
        quotas=[quota(rep, rep, "2024-01-01", "2024-12-31", 366) for rep in ("ann", "bob")],
        opportunities=[*(deal(end, key, "2024-01-05Z", owner_id=rep, amount=100, close_date="2024-02-01") for key, rep, end in ends),
                       *(deal("Lost", f"c{n:02d}", "2024-01-05Z", owner_id="bob") for n in range(25)),
                       deal("Early", "oa", "2024-01-05Z", owner_id="ann"), deal("Early", "ob", "2024-01-05Z", owner_id="bob")],
        opportunity_history=[*late, *early],
        opportunity_contacts=[{"opportunity_contact_id": key, "opportunity_id": key, "contact_id": "c", "role": "Champion", "created_at": "2024-01-06Z"}
                              for key in [*(key for key, rep, _ in ends if rep == "ann"), "oa"]],
    )  # fmt: skip
    materialize(clean, '+key:"dashboard/rep_driver_comparison"', "2024-02-10")
    columns = "rep_id, win_rate_potential, gap_impact, closed_deals_count, closed_win_rate"
    where = "where snapshot_date = '2024-02-10' and metric_name = 'champion_identified_rate' order by 1"
    assert warehouse(f"select {columns} from dashboard.rep_driver_comparison {where}") == [
        ("ann", 0, "0% win rate improvement potential", 20, Decimal("0.6")),
        ("bob", Decimal("0.4"), "40% win rate improvement potential", 20, Decimal("0.6")),
    ]


def test_the_share_at_risk_a_week_later(put: Put, clean: Settings, warehouse: Query) -> None:
    """Proposal should take 10 days: d1 goes from 9 days (Healthy) to 16 (At Risk), d2 is new, d3 gets better by moving on."""
    put(
        "a",
        pipeline_stages=[{"stage_id": "Proposal", "stage_order": 4}, {"stage_id": "Discovery", "stage_order": 2}],
        opportunities=[deal("Proposal", "d1", "2024-01-16Z", amount=10), deal("Proposal", "d2", "2024-01-29Z")],
    )
    put("b", pipeline_stages=[{"stage_id": "Proposal", "stage_order": 4}, {"stage_id": "Discovery", "stage_order": 2}],
        opportunities=[deal("Discovery", "d3", "2024-01-05Z")], opportunity_history=moves(("Proposal", "Discovery", "01-25"), deal="d3"))  # fmt: skip
    put(
        "c",
        pipeline_stages=[{"stage_id": "Proposal", "stage_order": 4}],
        opportunities=[deal("Proposal", f"d{n}", "2024-01-16Z") for n in range(12)],
    )
    materialize(clean, '+key:"dashboard/health_distribution"', "2024-01-31")
    columns = "tenant_id, healthy_count, at_risk_count, at_risk_amount, healthy_pct, at_risk_pct, at_risk_change_1w, trend_direction"
    assert warehouse(
        f"select {columns} from dashboard.health_distribution where quarter = 'All' and {ALL} order by 1"
    ) == [
        # One deal of two, or of one, is what chance gives; twelve of twelve are not.
        ("a", 1, 1, 10, Decimal("0.5"), Decimal("0.5"), Decimal("0.5"), "stable"),
        ("b", 1, 0, None, 1, 0, -1, "stable"),
        ("c", 0, 12, None, 0, 1, 1, "worsening"),
    ]


# ------------------------------------------------------------------------------------------------- checks

# What trips each check: SQL on the built company; the check must return rows then, and none before.
TRIPS: dict[tuple[str, str], str] = {
    ("staging.deal_intervals", "amounts_are_converted"): (
        "update staging.deal_intervals set amount = null, currency_amount = 5, currency = 'XXX'"
    ),
    (
        "dashboard.dashboard_kpis",
        "teams_add_up",
    ): "update dashboard.dashboard_kpis set closed_won_amount = 1 where team_id = 'm'",
    ("dashboard.dashboard_kpis", "fresh"): "",
    (
        "dashboard.forecast_history",
        "running_week_is_the_forecast",
    ): "update dashboard.forecast_history set cumulative_forecast = 1",
    (
        "dashboard.stage_velocity",
        "deals_add_up",
    ): "update dashboard.stage_velocity set deals_in_stage = 9 where team_id = 'All'",
    ("dashboard.stuck_deals_view", "is_over_its_benchmark"): "update dashboard.stuck_deals_view set days_in_stage = 1",
    ("dashboard.health_distribution", "teams_add_up"): "delete from dashboard.health_distribution where team_id = 'm'",
    (
        "dashboard.rep_performance_view",
        "attainment_is_won_by_quota",
    ): "update dashboard.rep_performance_view set quota_to_date = 1 where rep_id = 'ann'",
    (
        "dashboard.rep_driver_comparison",
        "bars_fit",
    ): "update dashboard.rep_driver_comparison set bar_max = bar_max / 2 where bar_max > 0",
    (
        "dashboard.rep_activity_metrics",
        "periods_nest",
    ): "update dashboard.rep_activity_metrics set total_activities = 99 where period = 'today'",
    (
        "dashboard.next_best_actions",
        "contacts_have_a_role",
    ): "update dashboard.next_best_actions set contact_id = 'nobody'",
    ("ai.rep_coaching_insights", "model_answered"): "update ai.rep_coaching_insights set fallback_reason = 'x'",
}


def every_check_trips(clean: Settings) -> None:
    checks = {
        (check.table, check.rule): check
        for check in all_checks()
        if check.table.split(".")[0] in ("staging", "dashboard", "ai")
    }
    assert checks.keys() == TRIPS.keys()
    for key, check in checks.items():
        is_old = key[1] == "fresh"  # the company's days lie in the past of its load
        with databases.engine(clean, "warehouse").connect() as connection:
            assert offending_rows(connection, check, 10**5 if is_old else 2).empty, key
            if TRIPS[key]:
                connection.execute(sa.text(TRIPS[key]))
            assert not offending_rows(connection, check, 2).empty, key
            connection.rollback()


# What makes one dataset of each topic disagree with another.
DISAGREE = {
    "activities": "update metrics.rep_daily_activity set total_activities = 77",
    "attainment": "update dashboard.rep_performance_view set ytd_attainment = 7",
    "created": "update metrics.rep_daily_pipeline set opportunities_created = 77",
    "open": "update dashboard.health_distribution set deals_count = 77",
    "stuck": "delete from dashboard.stuck_deals_view",
    "urgency": "update dashboard.next_best_actions set action_reason = 'another'",
    "won": "update metrics.rep_daily_pipeline set closed_won_opportunities = 77",
}


def what_is_said_twice_is_compared(clean: Settings, warehouse: Query) -> None:
    warehouse("select metrics.backfill_date_range(date '2024-04-01', date '2024-04-10')")
    with databases.engine(clean, "warehouse").connect() as connection:
        found = list(topics(connection))
        assert [(topic.name, topic.differing) for topic in found] == [(name, 0) for name in sorted(DISAGREE)]
        assert all(topic.compared for topic in found)
        for name, statement in DISAGREE.items():
            connection.execute(sa.text(statement))
            [topic] = [topic for topic in topics(connection) if topic.name == name]
            assert topic.differing > 0, name
            assert topic.first[0].tenant_id == "a" and topic.first[0].one != topic.first[0].other
            connection.rollback()


# -------------------------------------------------------------------------------------------------- story


def test_the_company_s_story_can_be_read_off(tmp_path: Path, clean: Settings, warehouse: Query) -> None:
    """docs/scenario.md, on day 45 of a quarter: what its sales leader should see."""
    plan = Plan(500, date(2024, 11, 14), 42, "UTC", quarters=4)
    salesforce.write(tmp_path / "company", plan, day_end(plan, plan.end_date))
    load_directory(clean, tmp_path / "company", read_mapping("salesforce"), "acme")
    materialize(clean, GRAPH, str(plan.end_date))
    day = str(plan.end_date)
    actions = "select rep_id, priority_rank, deal_amount from dashboard.next_best_actions where snapshot_date = %s and account_name = 'Northwind Global'"
    [(_, rank, amount)] = warehouse(actions, day)
    assert rank == 1 and amount > 1_000_000  # the committed deal whose champion went quiet
    stuck = "select urgency, risk_flags_display, days_in_stage from dashboard.stuck_deals_view where snapshot_date = %s and account_name = 'Halcyon Finance'"
    [(urgency, flags, days)] = warehouse(stuck, day)
    assert urgency in ("CRITICAL", "HIGH") and flags.startswith("Stuck") and days > 44
    reps = "select rep_name, is_top_performer, performance_tier from dashboard.rep_performance_view where snapshot_date = %s"
    assert ("Sofia Reyes", True, "Top Performer") in warehouse(reps, day)
    drivers = "select rep_id from dashboard.rep_driver_comparison where snapshot_date = %s and metric_name = 'stakeholders_engaged' order by rep_value desc limit 1"
    assert warehouse(drivers, day) == [("005R0001",)]
    assert warehouse(
        "select stage_name from analytics.process_bottlenecks where snapshot_date = %s and delay_rank = 1", day
    ) == [("Legal Review",)]
    focus = "select primary_focus_area, improvements::text from ai.rep_coaching_insights where snapshot_date = %s and rep_id = '005R0004'"
    [(area, improvements)] = warehouse(focus, day)
    assert area in improvements and ("engaged" in area or "Activities" in area)  # the single-threaded rep
    [(won, target)] = warehouse(
        f"select closed_won_amount, quarter_target from dashboard.dashboard_kpis where snapshot_date = %s and quarter = 'Q4 2024' and {ALL}",
        day,
    )
    assert target == 13_000_000 and Decimal("0.5") < won / target < Decimal("0.75")
