"""Daily metrics of a generated company: ranges, another computation of the same, the plans, the checks."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from revops_assets.assets.checks import offending_rows
from revops_assets.datasets.checks import all_checks
from revops_assets.loading.load import load_directory
from revops_assets.loading.mapping_file import read_mapping
from revops_assets.scenario import salesforce
from revops_assets.scenario.calendar import day_end
from revops_assets.scenario.model import Plan
from revops_assets.settings import Settings
from revops_assets.warehouse import databases
from revops_assets_tests.building import materialize
from revops_assets_tests.company import copies
from revops_assets_tests.conftest import Query, query, set_business_zone
from revops_assets_tests.daily_metrics import TABLES, everything

PLAN = Plan(120, date(2024, 4, 20), 7, "Europe/Berlin")
FIRST, LAST = date(2024, 2, 20), date(2024, 4, 19)  # 60 days: a leap day, the end of a quarter, the clocks' change


@pytest.fixture
def counted(tmp_path: Path, clean: Settings) -> Iterator[Settings]:
    """A generated company and one that is known by its first months only, in Berlin's time."""

    def make() -> None:
        set_business_zone(clean, PLAN.timezone)
        for tenant, until in (("a", PLAN.end_date), ("b", date(2024, 3, 10))):
            salesforce.write(tmp_path / tenant, PLAN, day_end(PLAN, until))
            load_directory(clean, tmp_path / tenant, read_mapping("salesforce"), tenant)

    with copies(clean, "counted", make):
        yield clean


def test_a_range_its_days_and_its_tenants_give_the_same_rows(counted: Settings, warehouse: Query) -> None:
    warehouse("select metrics.backfill_date_range(%s, %s)", FIRST, LAST)
    at_once = everything(counted)
    assert all(at_once.values())
    warehouse("select metrics.backfill_date_range(%s, %s)", FIRST, LAST)
    assert everything(counted) == at_once
    # One by one, in their order and against it: the end of a quarter, the day of 23 hours.
    some = [date(2024, 3, 28) + timedelta(days=n) for n in range(6)]
    truncate = f"truncate {', '.join(f'metrics.{table}' for table in (*TABLES, 'run_log'))}"
    warehouse(truncate)
    expected = {table: [row for row in found if some[0] <= row[1] <= some[-1]] for table, found in at_once.items()}
    for days in (some, reversed(some)):
        for day in days:
            warehouse("select metrics.run_daily_metrics(%s)", day)
        assert everything(counted) == expected
        warehouse(truncate)
    for table in TABLES:
        warehouse(f"select metrics.refresh_{table}(%s, %s, 'b')", FIRST, LAST)
    alone = everything(counted)
    assert alone == {table: [row for row in found if row[0] == "b"] for table, found in at_once.items()}
    warehouse("select metrics.backfill_date_range(%s, %s, 'a')", FIRST, LAST)
    assert everything(counted) == at_once


def test_python_counts_the_same(counted: Settings, warehouse: Query, source: Query) -> None:
    """Sixty days recomputed from the loaded records, day by day and record by record."""
    warehouse("select metrics.backfill_date_range(%s, %s, 'a')", FIRST, LAST)
    expected = recomputed(source)
    found = {
        "funnel": {row[:2]: row[2:] for row in warehouse("select metric_date, lead_source, total_leads, new_leads, sqls, opportunities_created from metrics.daily_lead_funnel")},
        "status": {row[:2]: row[2:] for row in warehouse("select metric_date, lead_status, leads_in_status, avg_lead_age_days from metrics.lead_stage_snapshot")},
        "activity": {row[:2]: row[2:] for row in warehouse("select metric_date, rep_id, calls, emails, meetings, total_activities from metrics.rep_daily_activity")},
        "pipeline": {row[:2]: row[2:] for row in warehouse("select metric_date, rep_id, opportunities_created, pipeline_amount_created, closed_won_opportunities, revenue_won from metrics.rep_daily_pipeline")},
    }  # fmt: skip
    assert found.keys() == expected.keys()
    for table, rows in expected.items():
        assert found[table] == rows, table


def recomputed(source: Query) -> dict[str, dict[tuple[date, str], tuple[Any, ...]]]:
    """The four tables of tenant a, in plain Python."""
    zone = ZoneInfo(PLAN.timezone)
    leads = source(
        "select lead_id, source, status, created_at, qualified_at, converted_at, converted_opportunity_id from crm.leads where tenant_id = 'a'"
    )
    deals = source(
        "select opportunity_id, owner_id, amount, lead_source, created_at from crm.opportunities where tenant_id = 'a'"
    )
    activities = source(
        "select rep_id, type, occurred_at from crm.activities where tenant_id = 'a' and is_done is not false"
    )
    logs: dict[tuple[str, str], list[tuple[datetime, str | None, str | None]]] = defaultdict(list)
    for table, key in (("lead_history", "lead_id"), ("opportunity_history", "opportunity_id")):
        for record, field, at, old, new in source(
            f"select {key}, field, changed_at, old_value, new_value from crm.{table} where tenant_id = 'a' order by changed_at, known_from, line_no"
        ):
            logs[record, field].append((at, old, new))

    def at_end(record: str, field: str, now: Any, end: datetime) -> Any:
        """The value just before `end`."""
        log = logs[record, field]
        earlier = [new for at, _, new in log if at < end]
        return earlier[-1] if earlier else log[0][1] if log else now

    found: dict[str, dict[tuple[date, str], tuple[Any, ...]]] = {
        "funnel": {},
        "status": {},
        "activity": {},
        "pipeline": {},
    }
    for n in range((LAST - FIRST).days + 1):
        day = FIRST + timedelta(days=n)
        start, end = (datetime.combine(day + timedelta(days=k), datetime.min.time(), zone) for k in (0, 1))
        total, new, sqls, created, status, ages = (
            Counter(),
            Counter(),
            Counter(),
            Counter(),
            Counter(),
            defaultdict(list),
        )  # type: ignore[var-annotated]
        became = {}
        for lead, origin, state, at, qualified, converted, opportunity in leads:
            if at >= end:
                continue
            origin = at_end(lead, "source", origin, end) or "Unknown"
            state = at_end(lead, "status", state, end) or "Unknown"
            total[origin] += 1
            new[origin] += at >= start
            sqls[origin] += bool(qualified and start <= qualified < end)
            status[state] += 1
            ages[state].append(Decimal((end - at) / timedelta(microseconds=1)) / 86_400_000_000)
            if opportunity and converted < end:
                became[opportunity] = origin
        reps: dict[str, list[Any]] = defaultdict(lambda: [0, 0, 0, 0])
        for opportunity, owner, amount, origin, at in deals:
            moves = [(when, new) for when, _, new in logs[opportunity, "stage_id"] if when < end]
            won_at = moves[-1][0] if moves and moves[-1][1] == "Closed Won" else None
            owner = at_end(opportunity, "owner_id", owner, end) or "-1"
            worth = Decimal(at_end(opportunity, "amount", amount, end) or 0)
            if start <= at < end:
                created[origin or became.get(opportunity, "Unknown")] += 1
                reps[owner][0] += 1
                reps[owner][1] += worth
            if won_at and start <= won_at:
                reps[owner][2] += 1
                reps[owner][3] += worth
        done: dict[str, Counter[str]] = defaultdict(Counter)
        for rep, kind, at in activities:
            if start <= at < end:
                done[rep or "-1"].update([kind, "all"])
        for origin in total.keys() | created.keys():
            found["funnel"][day, origin] = (total[origin], new[origin], sqls[origin], created[origin])
        for state, count in status.items():
            mean = sum(ages[state], Decimal()) / count
            found["status"][day, state] = (count, mean.quantize(Decimal("0.0001"), "ROUND_HALF_UP"))
        for rep, counts in done.items():
            found["activity"][day, rep] = (counts["call"], counts["email"], counts["meeting"], counts["all"])
        for rep, sums in reps.items():
            found["pipeline"][day, rep] = tuple(sums)
    return found


# Of each foreign table, what a run may fetch at most: as counted in the source.
NEEDED = {
    "finished_loads": "select count(*) from crm.loads",
    "loads": "select count(*) from crm.loads",
    "reps_versions": "select count(*) from crm.reps_versions",
    "pipeline_stages_versions": "select count(*) from crm.pipeline_stages_versions",
    # stages that no record tells the meaning of: it is learned from the deals; and the currencies of each company's deals
    "opportunities_versions": "select count(distinct (tenant_id, stage_id)) + (select count(distinct (tenant_id, currency)) from crm.opportunities)"
    " from crm.opportunities where (tenant_id, stage_id) not in (select tenant_id, stage_id from crm.pipeline_stages where outcome is not null)",
    "closes_by_status": "select 1",  # aggregated over there
    "exchange_rates_versions": "select count(*) from crm.exchange_rates",
    "opportunity_splits_versions": "select count(*) from crm.opportunity_splits",
    # leads that exist by the end
    "lead_log": "select count(*) from crm.leads where created_at < '{end}'",
    # deals that were created, moved or closed within the days
    "opportunity_log": "select count(*) from (select tenant_id, opportunity_id from crm.opportunities"
    " where created_at >= '{start}' and created_at < '{end}' or closed_at >= '{start}' and closed_at < '{end}'"
    " union select tenant_id, opportunity_id from crm.opportunity_history"
    " where field = 'stage_id' and changed_at >= '{start}' and changed_at < '{end}') as deals",
    "activities_versions": "select count(*) from crm.activities where occurred_at >= '{start}' and occurred_at < '{end}'",
}
BOUND = "2024-04-09 22:00:00+00"  # the end of the 9th in Berlin, as the remote query says it


def test_each_foreign_table_is_read_once_and_gives_only_what_is_needed(counted: Settings) -> None:
    """A day, thirty days, and tables alone: by the plans of every statement of every function."""
    last, zone = date(2024, 4, 9), ZoneInfo(PLAN.timezone)
    is_old_server = query(counted, "source", "select current_setting('server_version_num')::int < 180000")[0][0]
    for first in (last, last - timedelta(days=29)):
        bounds = {"start": datetime.combine(first, datetime.min.time(), zone),
                  "end": datetime.combine(last + timedelta(days=1), datetime.min.time(), zone)}  # fmt: skip
        scans = foreign_scans(counted, f"select metrics.backfill_date_range('{first}', '{last}')")
        assert Counter(name for _, names in scans for name in names) == Counter([*NEEDED, "opportunities_versions"])
        for scan, names in scans:
            needed = max(query(counted, "source", NEEDED[name].format(**bounds))[0][0] for name in names)
            if names == ["opportunities_versions"] and is_old_server:  # which may group the deals over here: each once
                needed = query(counted, "source", "select count(*) from crm.opportunities_current")[0][0]
            assert scan["Actual Rows"] * scan["Actual Loops"] <= needed, (names, needed, scan)
            if names[0] in ("lead_log", "opportunity_log", "activities_versions"):
                assert f"< '{BOUND}'" in scan["Remote SQL"]
                assert "tenant_id = ANY" in scan["Remote SQL"] and "known_from <= " in scan["Remote SQL"]
    for table, read in (("rep_daily_activity", {"finished_loads", "activities_versions", "reps_versions"}),
                        ("lead_stage_snapshot", {"finished_loads", "lead_log"})):  # fmt: skip
        scans = foreign_scans(counted, f"select metrics.refresh_{table}(date '2024-04-09')")
        assert Counter(name for _, names in scans for name in names) == Counter(read)


def foreign_scans(settings: Settings, call: str) -> list[tuple[dict[str, Any], list[str]]]:
    """Every foreign scan that a call makes, in all statements of all its functions; and the tables of the source it reads."""
    with databases.connect(settings, "warehouse") as connection, connection.cursor() as cursor:
        connection.notices = deque()  # of a list psycopg2 keeps the last fifty
        # So that what auto_explain says passes; undone with the rest.
        cursor.execute("alter function metrics.refresh(text[], date, date, text, boolean) reset client_min_messages")
        cursor.execute(
            "load 'auto_explain'; set local auto_explain.log_min_duration = 0; set local auto_explain.log_nested_statements = on;"
            " set local auto_explain.log_analyze = on; set local auto_explain.log_verbose = on; set local auto_explain.log_timing = off;"
            " set local auto_explain.log_format = 'json'; set local client_min_messages = log"
        )
        cursor.execute(call)
        told = list(connection.notices)
        connection.rollback()

    def scans(node: dict[str, Any]) -> list[dict[str, Any]]:
        below = [scan for child in node.get("Plans", []) for scan in scans(child)]
        return [node, *below] if node["Node Type"] == "Foreign Scan" else below

    plans = [json.loads(text[text.index("{") :]) for text in told if "plan:" in text]
    assert plans
    found = [scan for plan in plans for scan in scans(plan["Plan"])]
    return [(scan, re.findall(r"crm\.(\w+)", scan["Remote SQL"])) for scan in found]


def test_every_check_passes_and_trips(counted: Settings, warehouse: Query) -> None:
    warehouse("select metrics.backfill_date_range(%s, %s)", FIRST, LAST)
    warehouse("select metrics.run_daily_metrics((now() at time zone 'UTC')::date - 1)")
    materialize(counted, '+key:"staging/deal_intervals" or key:"metrics/stale_days"')
    checks = {(check.table, check.rule): check for check in all_checks() if check.table.startswith("metrics.")}
    assert checks.keys() == TRIPS.keys()
    for key, check in checks.items():
        with databases.engine(counted, "warehouse").connect() as connection:
            assert offending_rows(connection, check, 2).empty, key
            for statement in TRIPS[key].split(";"):
                connection.execute(sa.text(statement))
            assert len(offending_rows(connection, check, 2)) == 1, key
            connection.rollback()


ONE = "tenant_id = 'a' and metric_date = '2024-03-28'"
CREATED = (
    "ctid = (select min(ctid) from metrics.rep_daily_pipeline where tenant_id = 'a' and opportunities_created > 0)"
)
# What breaks each rule, once.
TRIPS = {
    ("metrics.daily_lead_funnel", "conserves_new_leads"): f"update metrics.daily_lead_funnel set new_leads = new_leads + 1 where {ONE} and lead_source = 'Web'",
    ("metrics.daily_lead_funnel", "agrees_with_reps"): f"update metrics.daily_lead_funnel set opportunities_created = 77 where {ONE} and lead_source = 'Web'",
    ("metrics.rep_daily_pipeline", "conserves_created_deals"): f"update metrics.rep_daily_pipeline set opportunities_created = 77 where {CREATED}",
    ("metrics.rep_daily_pipeline", "agrees_with_dashboards"): "update staging.deal_intervals set amount = amount + 1 where ctid = (select min(ctid) from staging.deal_intervals"
    " where tenant_id = 'a' and status = 'won' and closed_at between '2024-03-01' and '2024-04-10' and amount > 0 and d_from = (closed_at at time zone 'Europe/Berlin')::date)",
    ("metrics.rep_daily_activity", "conserves_activities"): f"delete from metrics.rep_daily_activity where {ONE} and rep_id = (select max(rep_id) from metrics.rep_daily_activity where {ONE})",
    ("metrics.lead_stage_snapshot", "conserves_leads"): f"delete from metrics.lead_stage_snapshot where {ONE} and lead_status = 'New'",
    ("metrics.lead_stage_snapshot", "no_negative_age"): f"update metrics.lead_stage_snapshot set avg_lead_age_days = -0.5 where {ONE} and lead_status = 'New'",
    ("metrics.daily_lead_funnel", "no_blank_keys"): f"update metrics.daily_lead_funnel set lead_source = ' ' where {ONE} and lead_source = 'Web'",
    ("metrics.lead_stage_snapshot", "no_blank_keys"): f"update metrics.lead_stage_snapshot set lead_status = '' where {ONE} and lead_status = 'New'",
    ("metrics.rep_daily_activity", "no_blank_keys"): f"update metrics.rep_daily_activity set rep_id = '' where {ONE} and rep_id = (select max(rep_id) from metrics.rep_daily_activity where {ONE})",
    ("metrics.rep_daily_pipeline", "no_blank_keys"): f"update metrics.rep_daily_pipeline set rep_id = '' where {CREATED}",
    ("metrics.run_log", "fresh"): "delete from metrics.run_log where tenant_id = 'a' and metric_date > '2024-06-01'",
}  # fmt: skip
