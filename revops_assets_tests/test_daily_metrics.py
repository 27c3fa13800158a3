"""Daily metrics: given these leads, deals and activities, exactly these rows, by psql's own calls."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import psycopg2
import pytest
import sqlalchemy as sa

from revops_assets.assets.metrics import LEADS, OPPORTUNITIES, READ
from revops_assets.checks import all_checks, offending_rows
from revops_assets.errors import RevopsError
from revops_assets.loading.load import load_directory
from revops_assets.loading.mapping import read_mapping
from revops_assets.runs import planned, run_planned
from revops_assets.scenario import salesforce
from revops_assets.scenario.calendar import day_end
from revops_assets.scenario.model import Plan
from revops_assets.settings import SQL_DIR, Settings
from revops_assets.sql_file import table_functions
from revops_assets.warehouse import databases
from revops_assets_tests.conftest import Put, Query, materialize, query
from revops_assets_tests.test_cli import revops

FUNCTIONS = SQL_DIR / "metrics" / "functions"
TABLES = ("daily_lead_funnel", "lead_stage_snapshot", "rep_daily_activity", "rep_daily_pipeline")
Rows = list[tuple[Any, ...]]


@pytest.fixture
def rows(warehouse: Query) -> Callable[..., Rows]:
    """What a table says of tenant a: month and day, then its own columns."""
    columns = {
        "daily_lead_funnel": "lead_source, total_leads, new_leads, sqls, opportunities_created",
        "lead_stage_snapshot": "lead_status, leads_in_status, avg_lead_age_days::float",
        "rep_daily_activity": "rep_id, rep_name, calls, emails, meetings, total_activities",
        "rep_daily_pipeline": "rep_id, opportunities_created, pipeline_amount_created::float, closed_won_opportunities,"
        " revenue_won::float, created_without_amount, won_without_amount",
        "run_log": "rows_written, known_as_of",
    }
    return lambda table, tenant="a": warehouse(
        f"select to_char(metric_date, 'MM-DD'), {columns[table]} from metrics.{table} where tenant_id = %s order by 1, 2",
        tenant,
    )


def everything(settings: Settings, where: str = "true") -> dict[str, Rows]:
    """Every row of the four tables, without what names the run."""
    return {
        table: query(settings, "warehouse", f"select m.* from metrics.{table} as m where {where} order by 1, 2, 3")
        for table in TABLES
    }


# ---------------------------------------------------------------------------------------------- leads


def change(
    record: str, at: str, old: str | None, new: str | None, field: str = "status", **more: Any
) -> dict[str, Any]:
    return {"history_id": f"{record}/{field}/{at}", "lead_id": record, "field": field, "old_value": old, "new_value": new,
            "changed_at": at} | more  # fmt: skip


def test_leads_by_source_and_by_status(put: Put, warehouse: Query, rows: Callable[..., Rows]) -> None:
    put(
        "a",
        leads=[
            # works its way through its statuses; qualified on the 12th
            {
                "lead_id": "L1",
                "source": "Web",
                "status": "Qualified",
                "created_at": "2024-03-10 12:00Z",
                "qualified_at": "2024-03-12 08:00Z",
            },
            # nobody said from where, nor what it is
            {"lead_id": "L2", "created_at": "2024-03-11 00:00Z"},
            # a blank source; created in the last moment of the 11th; deleted on the 13th at noon
            {"lead_id": "L3", "source": " ", "status": "New", "created_at": "2024-03-11 23:59:59.999Z"},
            # worked on before its own date of creation: it is there, and 0 days old
            {"lead_id": "L4", "source": "Web", "status": "Working", "created_at": "2024-03-13 18:00Z"},
            # changed only after the days asked for: until then it was what the change says it had been
            {"lead_id": "L5", "source": "Event", "status": "Lost", "created_at": "2024-03-10 00:00Z"},
            # without a date it has always been there, of no age
            {"lead_id": "L6", "source": "Event", "status": "New"},
        ],
        lead_history=[
            change("L1", "2024-03-11 12:00Z", "New", "Working"),
            change("L1", "2024-03-12 08:00Z", "Working", "Qualified"),
            change("L4", "2024-03-12 12:00Z", "New", "Working"),
            change("L5", "2024-03-20 12:00Z", "New", "Lost"),
        ],
    )
    put("a", leads=[{"lead_id": "L3", "source": " ", "status": "New", "created_at": "2024-03-11 23:59:59.999Z",
                     "is_deleted": True, "modified_at": "2024-03-13 12:00Z"}])  # fmt: skip
    warehouse("select metrics.backfill_date_range(date '2024-03-09', date '2024-03-13')")
    assert rows("daily_lead_funnel") == [
        ("03-09", "Event", 1, 0, 0, 0),
        ("03-10", "Event", 2, 1, 0, 0), ("03-10", "Web", 1, 1, 0, 0),
        ("03-11", "Event", 2, 0, 0, 0), ("03-11", "Unknown", 2, 2, 0, 0), ("03-11", "Web", 1, 0, 0, 0),
        ("03-12", "Event", 2, 0, 0, 0), ("03-12", "Unknown", 2, 0, 0, 0), ("03-12", "Web", 2, 0, 1, 0),
        ("03-13", "Event", 2, 0, 0, 0), ("03-13", "Unknown", 1, 0, 0, 0), ("03-13", "Web", 2, 1, 0, 0),
    ]  # fmt: skip
    # Ages at midnight: L1 half a day more than days, L5 whole days; of L5 and L6 together only L5 has one.
    assert rows("lead_stage_snapshot") == [
        ("03-09", "New", 1, None),
        ("03-10", "New", 3, 0.75),  # L1 0.5, L5 1, L6 none
        ("03-11", "New", 3, 1.0), ("03-11", "Unknown", 1, 1.0), ("03-11", "Working", 1, 1.5),  # New: L3 0, L5 2, L6
        ("03-12", "New", 3, 2.0), ("03-12", "Qualified", 1, 2.5), ("03-12", "Unknown", 1, 2.0), ("03-12", "Working", 1, 0.0),
        ("03-13", "New", 2, 4.0), ("03-13", "Qualified", 1, 3.5), ("03-13", "Unknown", 1, 3.0), ("03-13", "Working", 1, 0.25),
    ]  # fmt: skip
    assert rows("run_log") == [(f"03-{n:02d}", count, 2) for n, count in ((9, 2), (10, 3), (11, 6), (12, 7), (13, 7))]


def test_a_lead_is_what_its_versions_say_where_no_change_is_logged(
    put: Put, warehouse: Query, rows: Callable[..., Rows]
) -> None:
    lead = {"lead_id": "L1", "created_at": "2024-03-10Z"}
    put("a", leads=[lead | {"source": "Web", "status": "New", "modified_at": "2024-03-10Z"}])
    put("a", leads=[lead | {"source": "Event", "status": "Working", "modified_at": "2024-03-12 12:00Z",
                            "qualified_at": "2024-03-12 12:00Z"}])  # fmt: skip
    # Qualified again, later: the first time counts. Another has it from its log only.
    put(
        "a",
        leads=[lead | {"source": "Event", "status": "Working", "modified_at": "2024-03-13 12:00Z", "qualified_at": "2024-03-13 12:00Z"},
               {"lead_id": "L2", "source": "Fair", "status": "qualified", "created_at": "2024-03-11Z"}],
        lead_history=[change("L2", "2024-03-13 10:00Z", "New", "qualified"), change("L2", "2024-03-12 10:00Z", "Old fair", "Fair", "source")],
    )  # fmt: skip
    warehouse("select metrics.backfill_date_range(date '2024-03-11', date '2024-03-13')")
    assert rows("daily_lead_funnel") == [
        ("03-11", "Old fair", 1, 1, 0, 0), ("03-11", "Web", 1, 0, 0, 0),
        ("03-12", "Event", 1, 0, 1, 0), ("03-12", "Fair", 1, 0, 0, 0),
        ("03-13", "Event", 1, 0, 0, 0), ("03-13", "Fair", 1, 0, 1, 0),
    ]  # fmt: skip
    assert [row[:3] for row in rows("lead_stage_snapshot")] == [
        ("03-11", "New", 2), ("03-12", "New", 1), ("03-12", "Working", 1), ("03-13", "Working", 1), ("03-13", "qualified", 1),
    ]  # fmt: skip


# ---------------------------------------------------------------------------------------------- deals

STAGES = [
    {"stage_id": "Open", "stage_order": 1},
    {"stage_id": "Won", "stage_order": 2, "outcome": "won"},
    {"stage_id": "Lost", "stage_order": 3, "outcome": "lost"},
]


def deal(name: str, created: str, **more: Any) -> dict[str, Any]:
    return {"opportunity_id": name, "created_at": created, "stage_id": "Open"} | more


def moved(name: str, at: str, old: Any, new: Any, field: str = "stage_id") -> dict[str, Any]:
    return {"history_id": f"{name}/{field}/{at}/{new}", "opportunity_id": name, "field": field, "old_value": old,
            "new_value": new, "changed_at": at}  # fmt: skip


def test_deals_created_and_won_by_rep(put: Put, warehouse: Query, rows: Callable[..., Rows]) -> None:
    put(
        "a",
        pipeline_stages=STAGES,
        opportunities=[
            # first and last instant of the 10th; the first instant of the 11th is the 11th's
            deal("first", "2024-03-10 00:00Z", owner_id="ann", amount=10),
            deal("last", "2024-03-10 23:59:59.999Z", owner_id="ann", amount=20),
            deal("next", "2024-03-11 00:00Z", owner_id="ann", amount=40),
            # no owner, no amount, no close date: all there, visibly
            deal("bare", "2024-03-10 12:00Z"),
            # given to bob and made dearer on the 12th: the 10th is ann's, at the amount of then
            deal("passed", "2024-03-10 12:00Z", owner_id="bob", amount=900),
            # won on the 11th, opened again on the 12th, won again on the 13th by another
            deal("again", "2024-03-01Z", owner_id="bob", amount=70, stage_id="Won"),
            # won and opened again on one day: not won on it
            deal("undone", "2024-03-01Z", owner_id="ann", amount=5),
            # given away within the day on which it was won: to whoever had it at the day's end
            deal("late", "2024-03-01Z", owner_id="bob", stage_id="Won"),
            # no move is logged: closed by its record
            deal("record", "2024-03-01Z", owner_id="ann", amount=3, stage_id="Won", is_closed=True, is_won=True,
                 closed_at="2024-03-11 10:00Z"),
            # lost is not won; made in the won stage is won at once
            deal("lost", "2024-03-01Z", owner_id="ann", amount=99, stage_id="Lost"),
            deal("at once", "2024-03-11 09:00Z", owner_id="ann", amount=6, stage_id="Lost"),
            # gone by the end of its first day
            deal("gone", "2024-03-11 09:00Z", owner_id="ann", amount=1000),
        ],
        opportunity_history=[
            moved("passed", "2024-03-12 08:00Z", "ann", "bob", "owner_id"),
            moved("passed", "2024-03-12 08:00Z", "100", "900", "amount"),
            moved("again", "2024-03-11 08:00Z", "Open", "Won"),
            moved("again", "2024-03-12 08:00Z", "Won", "Open"),
            moved("again", "2024-03-13 08:00Z", "ann", "bob", "owner_id"),
            moved("again", "2024-03-13 08:00Z", "50", "70", "amount"),
            moved("again", "2024-03-13 09:00Z", "Open", "Won"),
            moved("undone", "2024-03-12 08:00Z", "Open", "Won"),
            moved("undone", "2024-03-12 09:00Z", "Won", "Open"),
            moved("late", "2024-03-11 08:00Z", "Open", "Won"),
            moved("late", "2024-03-11 20:00Z", "ann", "bob", "owner_id"),
            moved("lost", "2024-03-12 08:00Z", "Open", "Lost"),
            moved("at once", "2024-03-13 08:00Z", "Won", "Lost"),
        ],
    )  # fmt: skip
    put("a", opportunities=[deal("gone", "2024-03-11 09:00Z", is_deleted=True, modified_at="2024-03-11 18:00Z")])
    warehouse("select metrics.backfill_date_range(date '2024-03-09', date '2024-03-14')")
    assert rows("rep_daily_pipeline") == [
        ("03-10", "-1", 1, 0.0, 0, 0.0, 1, 0),
        ("03-10", "ann", 3, 130.0, 0, 0.0, 0, 0),  # first, last, passed
        ("03-11", "ann", 2, 46.0, 3, 59.0, 0, 0),  # next, at once; won: again 50, record 3, at once 6
        ("03-11", "bob", 0, 0.0, 1, 0.0, 0, 1),  # late
        ("03-13", "bob", 0, 0.0, 1, 70.0, 0, 0),  # again
    ]
    assert [row for row in rows("daily_lead_funnel") if row[5]] == [
        ("03-10", "Unknown", 0, 0, 0, 4), ("03-11", "Unknown", 0, 0, 0, 2),
    ]  # fmt: skip
    assert rows("run_log")[0] == ("03-09", 0, 2)  # a day without anything ran as well
    assert warehouse("select distinct rep_name from metrics.rep_daily_pipeline where rep_id in ('-1', 'ann') order by 1") == [
        ("Unassigned",), ("ann",),
    ]  # fmt: skip


def test_a_deal_s_source_is_its_own_else_that_of_the_lead_that_became_it(
    put: Put, warehouse: Query, rows: Callable[..., Rows]
) -> None:
    put(
        "a",
        opportunities=[
            deal("own", "2024-03-10 12:00Z", lead_source="Partner"),
            deal("lead's", "2024-03-10 12:00Z", lead_source=""),
            deal("later", "2024-03-10 12:00Z"),  # its lead was converted on the next day only
        ],
        leads=[
            {"lead_id": f"of {name}", "source": source, "created_at": "2024-03-01Z", "converted_at": at,
             "converted_opportunity_id": name}
            for name, source, at in (("own", "Web", "2024-03-10 12:00Z"), ("lead's", "Fair", "2024-03-10 12:00Z"),
                                     ("later", "Fair", "2024-03-11 12:00Z"))
        ],
    )  # fmt: skip
    warehouse("select metrics.run_daily_metrics(date '2024-03-10')")
    assert rows("daily_lead_funnel") == [
        ("03-10", "Fair", 2, 0, 0, 1), ("03-10", "Partner", 0, 0, 0, 1), ("03-10", "Unknown", 0, 0, 0, 1), ("03-10", "Web", 1, 0, 0, 0),
    ]  # fmt: skip


def test_sources_of_other_shapes(put: Put, warehouse: Query, rows: Callable[..., Rows]) -> None:
    """Closed by a status, by a loss reason, by the versions that successive loads left; in stages that nobody lists."""
    put(
        "log",
        opportunities=[deal("d1", "2024-03-01Z"), deal("d2", "2024-03-01Z"), deal("d3", "2024-03-01Z")],
        opportunity_history=[
            moved("d1", "2024-03-10 08:00Z", None, "won", "status"),
            moved("d1", "2024-03-12 08:00Z", None, "too dear", "loss_reason"),
            moved("d2", "2024-03-10 08:00Z", None, "won", "status") | {"line_no": 8},
            moved("d2", "2024-03-10 08:00Z", "Open", "Other")
            | {"line_no": 9},  # the same instant, later in the file: open again
            moved("d3", "2024-03-11 08:00Z", None, "won", "status"),
            moved("d3", "2024-03-12 08:00Z", None, "won", "status"),  # it was: nothing happened
        ],
    )
    for at, outcome in (("03-01", {}), ("03-10", {"is_closed": True, "is_won": True}), ("03-11", {}),
                        ("03-14", {"is_closed": True, "is_won": True, "closed_at": "2024-03-13 22:00Z"})):  # fmt: skip
        put("state", opportunities=[deal("s", "2024-03-01Z", modified_at=f"2024-{at} 09:00Z", amount=5, **outcome)])
    put("labels", opportunities=[deal("l", "2024-03-01Z", stage_id="Signed", is_closed=True, is_won=True, amount=8)],
        opportunity_history=[moved("l", "2024-03-10 08:00Z", "Open", "Signed")])  # fmt: skip
    warehouse("select metrics.backfill_date_range(date '2024-03-09', date '2024-03-15')")
    won = {tenant: [(row[0], row[4], row[5]) for row in rows("rep_daily_pipeline", tenant) if row[4]]
           for tenant in ("log", "state", "labels")}  # fmt: skip
    assert won == {
        "log": [("03-10", 1, 0.0), ("03-11", 1, 0.0)],
        "state": [("03-10", 1, 5.0), ("03-13", 1, 5.0)],
        "labels": [("03-10", 1, 8.0)],
    }


# ---------------------------------------------------------------------------------------------- what sources do

LEAD = {"lead_id": "L", "source": "Web", "status": "New", "created_at": "2024-03-01Z"}


def both_ways(settings: Settings, warehouse: Query, first: str, last: str) -> dict[str, Rows]:
    """The rows of a range, which must be those of its days one by one."""
    warehouse("select metrics.backfill_date_range(%s, %s)", first, last)
    at_once = everything(settings)
    for n in range((date.fromisoformat(last) - date.fromisoformat(first)).days + 1):
        warehouse("select metrics.run_daily_metrics(%s::date + %s)", first, n)
    assert everything(settings) == at_once
    return at_once


def test_changes_of_nothing_and_of_nobody_say_nothing(
    clean: Settings, put: Put, warehouse: Query, rows: Callable[..., Rows]
) -> None:
    """Without an instant, without a record, of a record that there is none of: a tool may write all of these."""
    put(
        "a",
        pipeline_stages=STAGES,
        leads=[LEAD],
        lead_history=[
            change("L", "2024-03-02Z", "New", "Working") | {"changed_at": None},
            change("L", "2024-03-02Z", "New", "Working") | {"history_id": "nobody's", "lead_id": None},
            change("GHOST", "2024-03-02Z", "New", "Working"),
        ],
        opportunities=[deal("d", "2024-03-02Z")],
        opportunity_history=[
            moved("d", "2024-03-03Z", "Open", "Won") | {"changed_at": None},
            moved("d", "2024-03-03Z", "Open", "Won") | {"history_id": "nobody's", "opportunity_id": None},
            moved("GHOST", "2024-03-03Z", "Open", "Won"),
        ],
    )
    both_ways(clean, warehouse, "2024-03-01", "2024-03-04")
    assert rows("lead_stage_snapshot") == [(f"03-0{n}", "New", 1, float(n)) for n in range(1, 5)]
    assert [row[:5] for row in rows("rep_daily_pipeline")] == [("03-02", "-1", 1, 0.0, 0)]


def test_a_lead_qualified_and_converted_before_its_own_creation(
    clean: Settings, put: Put, warehouse: Query, rows: Callable[..., Rows]
) -> None:
    put(
        "a",
        leads=[{"lead_id": "L", "source": "Web", "created_at": "2024-03-04Z", "qualified_at": "2024-03-02 10:00Z"},
               {"lead_id": "C", "source": "Fair", "created_at": "2024-03-04Z", "converted_at": "2024-03-02Z",
                "converted_opportunity_id": "d"}],
        opportunities=[deal("d", "2024-03-02 12:00Z")],
    )  # fmt: skip
    both_ways(clean, warehouse, "2024-03-02", "2024-03-05")
    assert rows("daily_lead_funnel") == [
        ("03-02", "Unknown", 0, 0, 0, 1), ("03-04", "Fair", 1, 1, 0, 0), ("03-04", "Web", 1, 1, 1, 0),
        ("03-05", "Fair", 1, 0, 0, 0), ("03-05", "Web", 1, 0, 0, 0),
    ]  # fmt: skip


def test_what_was_deleted_was_there_before_and_may_come_back(
    clean: Settings, put: Put, warehouse: Query, rows: Callable[..., Rows]
) -> None:
    """A later version of a record does not change on which days it was deleted, nor where a deal had come from."""
    gone = {"is_deleted": True}
    source_of_deal = {"lead_id": "C", "source": "Fair", "created_at": "2024-03-01Z", "converted_at": "2024-03-04 12:00Z",
                      "converted_opportunity_id": "d"}  # fmt: skip
    put("a", leads=[LEAD | {"modified_at": "2024-03-01Z"}, LEAD | {"lead_id": "M", "modified_at": "2024-03-01Z"}, source_of_deal],
        opportunities=[deal("d", "2024-03-04 12:00Z")])  # fmt: skip
    put(
        "a",
        leads=[
            LEAD | gone | {"modified_at": "2024-03-02 12:00Z"},
            LEAD | gone | {"lead_id": "M", "modified_at": "2024-03-02 12:00Z"},
        ],
    )
    both_ways(clean, warehouse, "2024-03-01", "2024-03-04")
    before = everything(clean)["daily_lead_funnel"]
    assert [row[2:6] for row in before if row[2] == "Web"] == [("Web", 2, 2, 0)]
    assert [row for row in rows("daily_lead_funnel") if row[5]] == [("03-04", "Fair", 1, 0, 0, 1)]
    put("a", leads=[LEAD | {"modified_at": "2024-03-05Z"}, {"lead_id": "M", "modified_at": "2024-03-05Z"} | gone,
                    source_of_deal | gone | {"merged_into_id": "X", "modified_at": "2024-03-06Z"}])  # fmt: skip
    assert warehouse("select metrics.request_stale_days()") == [(0,)]
    both_ways(clean, warehouse, "2024-03-01", "2024-03-06")
    found = everything(clean)["daily_lead_funnel"]
    assert [row[:6] for row in found if row[1] <= date(2024, 3, 4)] == [row[:6] for row in before]
    assert [row for row in rows("daily_lead_funnel") if row[0] >= "03-05"] == [
        ("03-05", "Fair", 1, 0, 0, 0), ("03-05", "Web", 1, 0, 0, 0), ("03-06", "Web", 1, 0, 0, 0),
    ]  # fmt: skip


def test_an_older_version_that_comes_late_does_not_move_a_creation(
    put: Put, warehouse: Query, rows: Callable[..., Rows]
) -> None:
    put("a", leads=[LEAD | {"created_at": "2024-03-03Z", "modified_at": "2024-03-04Z"}])
    put("a", leads=[LEAD | {"created_at": "2024-03-02Z", "modified_at": "2024-03-02Z"}])
    warehouse("select metrics.backfill_date_range('2024-03-02', '2024-03-03')")
    assert rows("daily_lead_funnel") == [("03-03", "Web", 1, 1, 0, 0)]


def test_qualified_by_log_or_by_versions_the_first_time_counts(
    put: Put, warehouse: Query, rows: Callable[..., Rows]
) -> None:
    put("a", leads=[LEAD | {"status": "Qualified", "qualified_at": "2024-03-04 09:00Z"},
                    {"lead_id": "V", "source": "Fair", "status": "New", "created_at": "2024-03-01Z", "modified_at": "2024-03-01Z"},
                    {"lead_id": "B", "source": "Born", "status": "Lost", "created_at": "2024-03-02Z"}],
        lead_history=[change("L", "2024-03-02 09:00Z", "New", "Qualified"), change("L", "2024-03-03 09:00Z", "Qualified", "Working"),
                      change("L", "2024-03-04 09:00Z", "Working", "Qualified"), change("B", "2024-03-03Z", "Qualified", "Lost")])  # fmt: skip
    put(
        "a",
        leads=[
            {
                "lead_id": "V",
                "source": "Fair",
                "status": "Qualified",
                "created_at": "2024-03-01Z",
                "modified_at": "2024-03-03 12:00Z",
            }
        ],
    )
    warehouse("select metrics.backfill_date_range('2024-03-01', '2024-03-05')")
    assert [row for row in rows("daily_lead_funnel") if row[4]] == [
        ("03-02", "Born", 1, 1, 1, 0), ("03-02", "Web", 1, 0, 1, 0), ("03-03", "Fair", 1, 0, 1, 0),
    ]  # fmt: skip


def test_a_record_that_is_opened_again_keeps_the_day_of_its_win(
    put: Put, warehouse: Query, rows: Callable[..., Rows]
) -> None:
    closing = {"closed_at": "2024-03-03 10:00Z", "amount": 7}
    put("a", opportunities=[deal("d", "2024-03-01Z", modified_at="2024-03-01Z", amount=7)])
    put(
        "a",
        opportunities=[
            deal("d", "2024-03-01Z", modified_at="2024-03-03 11:00Z", is_closed=True, is_won=True, **closing)
        ],
    )
    put("a", opportunities=[deal("d", "2024-03-01Z", modified_at="2024-03-05Z", **closing)])
    warehouse("select metrics.backfill_date_range('2024-03-02', '2024-03-06')")
    assert [(row[0], row[4], row[5]) for row in rows("rep_daily_pipeline")] == [("03-03", 1, 7.0)]


def test_names_of_blanks_and_amounts_that_are_no_number(put: Put, warehouse: Query, rows: Callable[..., Rows]) -> None:
    put("a", leads=[LEAD | {"lead_id": str(n), "source": name} for n, name in enumerate(["\t", "\u00a0 ", "Web\n", " Web", ""])],
        opportunities=[deal("d", "2024-03-01Z", amount="NaN", owner_id="\n")])  # fmt: skip
    warehouse("select metrics.run_daily_metrics(date '2024-03-01')")
    assert [row[1:4] for row in rows("daily_lead_funnel")] == [("Unknown", 3, 3), ("Web", 2, 2)]
    assert [row[1:4] + row[6:7] for row in rows("rep_daily_pipeline")] == [("-1", 1, 0.0, 1)]


# ---------------------------------------------------------------------------------------------- activities


def test_activities_by_rep_on_the_day_that_the_clocks_change(
    put: Put, warehouse: Query, rows: Callable[..., Rows], business_zone: Callable[[str], None]
) -> None:
    """31 March 2024 in Berlin begins at 23:00 UTC of the 30th and has 23 hours; a leap day has 24 like any other."""
    business_zone("Europe/Berlin")

    def did(at: str, kind: str = "call", rep: str | None = "ann", **more: Any) -> dict[str, Any]:
        return {
            "activity_id": f"{at}/{kind}/{rep}",
            "type": kind,
            "rep_id": rep,
            "occurred_at": at,
            "is_done": True,
        } | more

    put(
        "a",
        reps=[{"rep_id": "ann", "name": "Ann", "modified_at": "2024-01-01Z"}],
        activities=[
            did("2024-03-30 22:59:59.999Z"),
            did("2024-03-30 23:00Z"), did("2024-03-31 10:00Z", "email"), did("2024-03-31 21:59:59.999Z", "meeting"),
            did("2024-03-31 22:00Z"),
            did("2024-03-31 10:00Z", "demo"), did("2024-03-31 11:00Z", "task", is_done=None),
            did("2024-03-31 12:00Z", rep=None), did("2024-03-31 12:00Z", "email", " "), did("2024-03-31 13:00Z", rep="ghost"),
            did("2024-03-31 14:00Z", "meeting", is_done=False),  # planned, not done
            did("2024-02-28 23:00Z"), did("2024-02-29 22:59Z"),
            did("2024-03-31 15:00Z", "call", "bob"), did("2024-03-31 16:00Z", "call", "bob"),
        ],
    )  # fmt: skip
    put(
        "a",
        reps=[{"rep_id": "ann", "name": "Ann Lee", "modified_at": "2024-03-31 22:30Z"}],  # renamed on the 1st of April
        activities=[
            did(
                "2024-03-31 15:00Z", "call", "bob", is_deleted=True, modified_at="2024-03-31 16:00Z"
            ),  # undone that day
            did(
                "2024-03-31 16:00Z", "call", "bob", is_deleted=True, modified_at="2024-04-02Z"
            ),  # later: it had happened
        ],
    )
    warehouse("select metrics.refresh_rep_daily_activity(date '2024-02-29')")
    warehouse("select metrics.refresh_rep_daily_activity(date '2024-03-30', date '2024-04-01')")
    assert rows("rep_daily_activity") == [
        ("02-29", "ann", "Ann", 2, 0, 0, 2),
        ("03-30", "ann", "Ann", 1, 0, 0, 1),
        ("03-31", "-1", "Unassigned", 1, 1, 0, 2),
        ("03-31", "ann", "Ann", 1, 1, 1, 5),
        ("03-31", "bob", "bob", 1, 0, 0, 1),
        ("03-31", "ghost", "ghost", 1, 0, 0, 1),
        ("04-01", "ann", "Ann Lee", 1, 0, 0, 1),
    ]
    assert rows("run_log") == []  # a refresh of one table writes none


# ---------------------------------------------------------------------------------------------- functions


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ("run_daily_metrics(null)", "two days are needed, not null and null"),
        ("refresh_lead_stage_snapshot('infinity')", "two days are needed, not infinity and infinity"),
        ("backfill_date_range('2024-03-02', '2024-03-01')", "the range runs backwards: from 2024-03-02 to 2024-03-01"),
        ("refresh_daily_lead_funnel(date '2024-03-02', date '2024-03-01')", "the range runs backwards: from 2024-03-02 to"),
        ("refresh_rep_daily_activity((now() at time zone 'UTC')::date + 1)", "is in the future: today is"),
        ("backfill_date_range('2024-03-02', (now() at time zone 'UTC')::date + 1)", "is in the future: today is"),
        ("backfill_date_range('1900-01-01', '2024-03-01')", "a range of 45351 days is more than a hundred years"),
        ("backfill_last_n_days(0)", "a number of days of at least 1 is needed, not 0"),
        ("backfill_last_n_days(null)", "a number of days of at least 1 is needed, not null"),
        ("refresh_rep_daily_pipeline('2024-03-02', 'nobody')", "there is no tenant 'nobody'; there are: a"),
    ],
)  # fmt: skip
def test_what_is_no_range_is_refused(put: Put, warehouse: Query, call: str, error: str) -> None:
    put("a", opportunities=[deal("d", "2024-03-01Z")])
    with pytest.raises(psycopg2.errors.InvalidParameterValue, match=error):
        warehouse(f"select metrics.{call}")
    assert warehouse("select count(*) from ops.days_written") == [(0,)]


def test_nothing_loaded_is_nothing_to_do(warehouse: Query) -> None:
    assert warehouse("select metrics.run_daily_metrics(date '2024-03-01')") == [(0,)]
    assert warehouse("select count(*) from metrics.run_log") == [(0,)]


def test_the_last_days_end_yesterday(put: Put, warehouse: Query) -> None:
    put("a", opportunities=[deal("d", "2024-03-01Z")])
    warehouse("select metrics.backfill_last_n_days(3)")
    today = "(now() at time zone 'UTC')::date"
    assert warehouse(f"select metric_date - {today} from metrics.run_log order by 1") == [(-3,), (-2,), (-1,)]


def test_today_is_seen_as_of_the_newest_load_that_changed_something(put: Put, warehouse: Query, source: Query) -> None:
    put(
        "a",
        activities=[
            {"activity_id": str(n), "type": "call", "rep_id": "ann", "occurred_at": at, "is_done": True}
            for n, at in enumerate(warehouse("select now() - interval '1 ms', now() + interval '1 hour'")[0])
        ],
        leads=[{"lead_id": str(n), "status": "New", "created_at": at} for n, at in enumerate(
            warehouse("select now() - interval '1 ms', now() + interval '1 hour'")[0])],
    )  # fmt: skip
    [(load, day)] = source("select finished_at, (finished_at at time zone 'UTC')::date from crm.loads")
    warehouse("select metrics.run_daily_metrics(%s)", day)
    assert warehouse("select calls from metrics.rep_daily_activity") == [(1,)]
    assert warehouse("select total_leads, new_leads from metrics.daily_lead_funnel") == [(1, 1)]
    assert warehouse("select distinct cut_at from ops.days_written") == [(load,)]


def test_a_failing_refresh_leaves_the_rows_of_before(
    clean: Settings, put: Put, warehouse: Query, rows: Callable[..., Rows]
) -> None:
    put(
        "a",
        leads=[{"lead_id": "L", "status": "New", "created_at": "2024-03-01Z"}],
        opportunities=[deal("d", "2024-03-01Z", amount=5)],
    )
    warehouse("select metrics.run_daily_metrics(date '2024-03-01')")
    log = "select * from metrics.run_log"
    before, logged = everything(clean), warehouse(log)
    put(
        "a",
        leads=[{"lead_id": "M", "status": "New", "created_at": "2024-03-01Z"}],
        opportunities=[deal("e", "2024-03-01Z", amount=-1)],
    )
    warehouse(
        "alter table metrics.rep_daily_pipeline add constraint no_debts check (pipeline_amount_created = 5) not valid"
    )
    try:
        for call in ("run_daily_metrics(date '2024-03-01')", "backfill_date_range('2024-02-28', '2024-03-02')"):
            with pytest.raises(psycopg2.errors.CheckViolation):
                warehouse(f"select metrics.{call}")
            assert everything(clean) == before
            assert warehouse(log) == logged
    finally:
        warehouse("alter table metrics.rep_daily_pipeline drop constraint no_debts")
    warehouse("select metrics.run_daily_metrics(date '2024-03-01')")
    assert rows("daily_lead_funnel") == [("03-01", "Unknown", 2, 2, 0, 2)]
    assert [row[1] for row in rows("run_log")] == [3]


def test_a_session_may_read_as_known_earlier(
    put: Put, warehouse: Query, rows: Callable[..., Rows], clean: Settings
) -> None:
    put("a", leads=[{"lead_id": "L", "source": "Web", "created_at": "2024-03-01Z"}])
    put("a", leads=[{"lead_id": "M", "source": "Web", "created_at": "2024-03-01Z"}])
    put("b", leads=[{"lead_id": "L", "source": "Web", "created_at": "2024-03-01Z"}])
    call = "select metrics.run_daily_metrics(date '2024-03-01')"
    warehouse(call)
    assert rows("daily_lead_funnel") == [("03-01", "Web", 2, 2, 0, 0)]
    assert len(rows("run_log", "b")) == 1
    with databases.connect(clean, "warehouse") as connection, connection.cursor() as cursor:
        cursor.execute("set local revops.known_as_of = 1")
        cursor.execute(call)
        cursor.execute("select current_setting('revops.known_as_of')")
        assert cursor.fetchall() == [("1",)]
    assert rows("daily_lead_funnel") == [("03-01", "Web", 1, 1, 0, 0)]
    assert rows("run_log") == [("03-01", 2, 1)]
    assert rows("run_log", "b") == rows("daily_lead_funnel", "b") == []  # not known yet by then
    assert warehouse("select distinct tenant_id, known_as_of from ops.days_written") == [("a", 1)]
    assert warehouse("select * from metrics.stale_days order by 1")[1][:3] == (
        "b", date(2024, 3, 1), "removed: its company was not known then",
    )  # fmt: skip
    warehouse(call)
    assert rows("daily_lead_funnel") == [("03-01", "Web", 2, 2, 0, 0)] and len(rows("run_log", "b")) == 1
    assert warehouse("select * from metrics.stale_days") == []


def test_a_transaction_that_saw_the_source_before_others_did_writes_nothing(
    put: Put, warehouse: Query, rows: Callable[..., Rows], clean: Settings
) -> None:
    put("a", leads=[LEAD])
    call = "select metrics.run_daily_metrics(date '2024-03-05')"
    warehouse(call)
    with databases.connect(clean, "warehouse") as early, early.cursor() as cursor:
        cursor.execute("select count(*) from crm_remote.loads")  # from here on it sees the source as of now
        put("a", leads=[LEAD | {"lead_id": "M"}])
        assert warehouse("select metrics.request_stale_days()") == [(1,)]
        with pytest.raises(
            psycopg2.errors.SerializationFailure, match="sees the source as of load 1, others have seen more"
        ):
            cursor.execute(call)
        early.rollback()
    assert len(warehouse("select * from metrics.stale_days")) == 1
    warehouse(call)
    assert (
        rows("daily_lead_funnel") == [("03-05", "Web", 2, 0, 0, 0)]
        and warehouse("select * from metrics.stale_days") == []
    )


def test_days_that_a_late_load_changed_are_asked_for_and_no_others(
    put: Put, warehouse: Query, rows: Callable[..., Rows]
) -> None:
    lead = {"lead_id": "L", "status": "Lost", "source": "Web", "created_at": "2024-03-01Z"}
    put("a", leads=[lead], lead_history=[change("L", "2024-03-08Z", "New", "Lost")])
    put("b", leads=[lead])
    warehouse("select metrics.backfill_date_range(date '2024-03-01', date '2024-03-10')")
    stale = "select tenant_id, to_char(metric_date, 'MM-DD'), reason from metrics.stale_days order by 1, 2"
    assert warehouse("select metrics.request_stale_days()") == [(0,)]
    put("a", activities=[{"activity_id": "x", "type": "call", "occurred_at": "2024-03-02 12:00Z", "is_done": True},
                         {"activity_id": "y", "type": "call", "occurred_at": "2024-04-02 12:00Z", "is_done": True}],
        lead_history=[change("L", "2024-03-05 12:00Z", "New", "Working"), change("L", "2024-03-06 12:00Z", "Working", "New")])  # fmt: skip
    assert warehouse("select metrics.request_stale_days('b'), metrics.request_stale_days('a')") == [(0, 2)]
    assert warehouse(stale) == [
        ("a", "03-02", "metrics.rep_daily_activity has changed"),
        ("a", "03-05", "metrics.lead_stage_snapshot has changed"),
    ]
    warehouse("select metrics.refresh_lead_stage_snapshot(date '2024-03-05')")  # one table is not the day
    warehouse("select metrics.run_daily_metrics(date '2024-03-02')")
    assert [row[1] for row in warehouse(stale)] == ["03-05"]
    assert ("03-05", "Working", 1) in [row[:3] for row in rows("lead_stage_snapshot")]
    warehouse("set revops.known_as_of = 1; select metrics.run_daily_metrics(date '2024-03-05', 'a')")
    assert warehouse(stale) == [("a", "03-05", "computed as known after load 1")]  # which does not settle it
    warehouse("select metrics.run_daily_metrics(date '2024-03-05')")
    assert warehouse(stale) == [] == warehouse("select * from ops.rerun_requests")


# ---------------------------------------------------------------------------------------------- a whole company

PLAN = Plan(120, date(2024, 4, 20), 7, "Europe/Berlin")
FIRST, LAST = date(2024, 2, 20), date(2024, 4, 19)  # 60 days: a leap day, the end of a quarter, the clocks' change


@pytest.fixture
def company(tmp_path: Path, clean: Settings, business_zone: Callable[[str], None]) -> Settings:
    """A generated company and one that is known by its first months only, in Berlin's time."""
    business_zone(PLAN.timezone)
    for tenant, until in (("a", PLAN.end_date), ("b", date(2024, 3, 10))):
        salesforce.write(tmp_path / tenant, PLAN, day_end(PLAN, until))
        load_directory(clean, tmp_path / tenant, read_mapping("salesforce"), tenant)
    return clean


def test_a_range_its_days_and_its_tenants_give_the_same_rows(company: Settings, warehouse: Query) -> None:
    warehouse("select metrics.backfill_date_range(%s, %s)", FIRST, LAST)
    at_once = everything(company)
    assert all(at_once.values())
    warehouse("select metrics.backfill_date_range(%s, %s)", FIRST, LAST)
    assert everything(company) == at_once
    # One by one, in their order and against it: the end of a quarter, the day of 23 hours.
    some = [date(2024, 3, 28) + timedelta(days=n) for n in range(6)]
    truncate = f"truncate {', '.join(f'metrics.{table}' for table in (*TABLES, 'run_log'))}"
    warehouse(truncate)
    expected = {table: [row for row in found if some[0] <= row[1] <= some[-1]] for table, found in at_once.items()}
    for days in (some, reversed(some)):
        for day in days:
            warehouse("select metrics.run_daily_metrics(%s)", day)
        assert everything(company) == expected
        warehouse(truncate)
    for table in TABLES:
        warehouse(f"select metrics.refresh_{table}(%s, %s, 'b')", FIRST, LAST)
    alone = everything(company)
    assert alone == {table: [row for row in found if row[0] == "b"] for table, found in at_once.items()}
    warehouse("select metrics.backfill_date_range(%s, %s, 'a')", FIRST, LAST)
    assert everything(company) == at_once


def test_python_counts_the_same(company: Settings, warehouse: Query, source: Query) -> None:
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


# ---------------------------------------------------------------------------------------------- Dagster, command line


REFRESH = '+key:"staging/evidence" or key:"metrics/stale_days"'


def test_the_assets_call_the_functions(put: Put, source: Query, rows: Callable[..., Rows], clean: Settings) -> None:
    put("a", leads=[{"lead_id": "L", "source": "Web", "status": "New", "created_at": "2024-03-01Z"}])
    put("b", leads=[{"lead_id": "L", "source": "Web", "status": "New", "created_at": "2024-03-01Z"}])
    everything_of_the_wing = 'group:metrics and not key:"metrics/stale_days"'
    done = materialize(clean, everything_of_the_wing, "2024-02-28", "2024-03-02", tenants=["a"])
    assert {name: made["dagster/row_count"] for name, made in done.assets.items()} == {
        "metrics.daily_lead_funnel": 2, "metrics.lead_stage_snapshot": 2, "metrics.rep_daily_activity": 0,
        "metrics.rep_daily_pipeline": 0, "metrics.run_log": 4,
    }  # fmt: skip
    [(known,)] = source("select max(load_seq) from crm.loads")  # the files of sql/reference are loads, too
    assert rows("run_log") == [("02-28", 0, known), ("02-29", 0, known), ("03-01", 2, known), ("03-02", 2, known)]
    assert rows("run_log", "b") == []
    assert done.failed_checks == [] and len(done.checks) == len(TRIPS)
    # Some of the tables: no log. The log alone is no run.
    materialize(clean, 'key:"metrics/daily_lead_funnel" or key:"metrics/lead_stage_snapshot"', "2024-03-03")
    assert rows("lead_stage_snapshot", "b") == [("03-03", "New", 1, 3.0)] and len(rows("run_log")) == 4
    put("b", activities=[{"activity_id": "y", "type": "call", "occurred_at": "2024-04-29 12:00Z", "is_done": True}])
    again = materialize(clean, 'key:"metrics/lead_stage_snapshot"', "2024-03-01")  # of another known time than the rest
    assert again.checks and not again.failed_checks
    with pytest.raises(
        RevopsError, match=r"metrics.run_log tells of days that were run as a whole: select metrics.daily_lead"
    ):
        materialize(clean, 'key:"metrics/run_log"', "2024-03-03")
    # As known earlier, and after a late load the days that it changed.
    put("a", activities=[{"activity_id": "x", "type": "call", "occurred_at": "2024-02-29 12:00Z", "is_done": True}])
    materialize(clean, REFRESH)
    [run] = planned(clean)
    assert (run.first, run.last, run.tenants) == (date(2024, 2, 29), date(2024, 2, 29), ("a",))
    assert run.datasets == {f"metrics.{table}" for table in (*TABLES, "run_log")}
    assert run.reasons == ("metrics.rep_daily_activity has changed",)
    with dg.DagsterInstance.ephemeral() as instance:
        run_planned(clean, run, instance)
    assert rows("rep_daily_activity") == [("02-29", "-1", "Unassigned", 1, 0, 0, 1)] and planned(clean) == []
    materialize(clean, everything_of_the_wing, "2024-02-29", known_as_of=1, tenants=["a"])
    assert rows("rep_daily_activity") == [] and rows("run_log")[1] == ("02-29", 0, 1)


def test_days_before_the_first_partition_ride_with_a_run(put: Put, warehouse: Query, clean: Settings) -> None:
    """psql computes any day; one before REVOPS_FIRST_DAY is rerun as well."""
    put("a", leads=[{"lead_id": "L", "created_at": "2023-03-01Z"}])
    warehouse("select metrics.run_daily_metrics(date '2023-05-01')")
    put("a", leads=[{"lead_id": "M", "created_at": "2023-04-01Z"}])
    materialize(clean, REFRESH)
    [run] = planned(clean)
    assert run.also == (date(2023, 5, 1),) and run.first == clean.first_day
    with dg.DagsterInstance.ephemeral() as instance:
        run_planned(clean, run, instance)
    assert warehouse("select total_leads from metrics.daily_lead_funnel where metric_date = '2023-05-01'") == [(2,)]
    assert planned(clean) == []


def test_declared_dependencies_are_the_foreign_tables_that_the_functions_name() -> None:
    texts = {path.stem: path.read_text() for path in FUNCTIONS.glob("*.sql")}
    named = set(re.findall(r"crm_remote\.(\w+)", "".join(texts.values()))) - {"finished_loads"}
    named |= {f"{kind}_log" for kind in re.findall(r"metrics\.read_log\(\s*'(\w+)'", "".join(texts.values()))}
    assert named == {"activities_versions", "reps_versions", "lead_log", "opportunity_log"}
    assert {dep for deps in READ.values() for dep in deps} == {
        "crm.activities", "crm.reps", *LEADS, *OPPORTUNITIES,
    }  # fmt: skip
    reads = {"read_leads": set(LEADS), "read_opportunities": set(OPPORTUNITIES), "read_reps": {"crm.reps"}}
    asked = re.findall(r"p_tables && '\{([\w,]+)\}' then\s+perform metrics\.(\w+)\(\)", texts["refresh"])
    assert {reader for _, reader in asked} == reads.keys()
    for table, deps in READ.items():
        own = {"crm.activities"} if "activities_versions" in texts[table.removeprefix("metrics.")] else set()
        read = own.union(
            *(reads[reader] for tables, reader in asked if table.removeprefix("metrics.") in tables.split(","))
        )
        assert set(deps) == read, table


def test_only_what_guards_and_logs_looks_at_the_clock() -> None:
    clock = re.compile(r"\b(now\(\)|current_date|current_timestamp|clock_timestamp\(\))")
    lookers = {path.stem for path in FUNCTIONS.glob("*.sql") if clock.search(path.read_text())}
    assert lookers == {"begin_refresh", "refresh", "run_daily_metrics", "run_log", "request_stale_days", "note_days"}


@pytest.mark.parametrize("table", [*TABLES, "run_log"])
def test_the_header_of_a_function_tells_the_columns_of_its_table(warehouse: Query, table: str) -> None:
    file = table_functions()[f"metrics.{table}"]
    columns = warehouse(
        "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 order by attnum", file.table
    )
    assert [name for (name,) in columns] == [*file.columns, "known_as_of", "data_freshness"]
    assert None not in dict(warehouse("select attname, col_description(attrelid, attnum) from pg_attribute"
                                      " where attrelid = %s::regclass and attnum > 0", file.table)).values()  # fmt: skip
    assert warehouse("select obj_description(%s::regclass)", file.table) == [(file.description,)]


def test_the_command(put: Put, warehouse: Query, rows: Callable[..., Rows]) -> None:
    put("a", leads=[{"lead_id": "L", "source": "Web", "status": "New", "created_at": "2024-03-01Z"}])
    put("b", opportunities=[deal("d", "2024-03-01Z")])
    said = json.loads(revops("daily-metrics", "backfill", "--from", "2024-02-29", "--to", "2024-03-02", "--json"))
    assert [(row["tenant_id"], row["first_day"], row["last_day"], row["days"], row["rows_written"]) for row in said] == [
        ("a", "2024-02-29", "2024-03-02", 3, 4), ("b", "2024-02-29", "2024-03-02", 3, 2),
    ]  # fmt: skip
    assert rows("daily_lead_funnel") == [("03-01", "Web", 1, 1, 0, 0), ("03-02", "Web", 1, 0, 0, 0)]
    revops("daily-metrics", "run", "--tenant", "a")
    yesterday = "(now() at time zone 'UTC')::date - 1"
    assert warehouse(f"select tenant_id from metrics.run_log where metric_date = {yesterday}") == [("a",)]
    # And psql alone: yesterday, a month.
    calls = "select metrics.run_daily_metrics((now() at time zone 'UTC')::date - 1) > 0, metrics.backfill_last_n_days(30) > 0"
    assert revops("psql", "--", "-At", "-c", calls) == "t|t\n"
    assert warehouse("select tenant_id, count(*) from metrics.run_log where metric_date > '2024-06-01' group by 1 order by 1") == [
        ("a", 30), ("b", 30),
    ]  # fmt: skip
    for args, error in (
        (("backfill",), "give --days N, or both --from A and --to B"),
        (("run", "--date", "2024-02-30"), "--date 2024-02-30: a day is of the form YYYY-MM-DD"),
        (("run", "--date", ""), "--date : a day is of the form YYYY-MM-DD"),
        (("run", "--tenant", "nobody"), "there is no tenant 'nobody'; there are: a, b"),
    ):
        assert revops("daily-metrics", *args, status=1) == f"revops: {error}\n"


# Of each foreign table, what a run may fetch at most: as counted in the source.
NEEDED = {
    "finished_loads": "select count(*) from crm.loads",
    "loads": "select count(*) from crm.loads",
    "reps_versions": "select count(*) from crm.reps_versions",
    "pipeline_stages_versions": "select count(*) from crm.pipeline_stages_versions",
    # of companies whose source lists no stages: what they mean is learned from the deals
    "opportunities_versions": "select count(*) from crm.opportunities where tenant_id not in (select tenant_id from crm.pipeline_stages)",
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


def test_each_foreign_table_is_read_once_and_gives_only_what_is_needed(company: Settings) -> None:
    """A day, thirty days, and tables alone: by the plans of every statement of every function."""
    last, zone = date(2024, 4, 9), ZoneInfo(PLAN.timezone)
    for first in (last, last - timedelta(days=29)):
        bounds = {"start": datetime.combine(first, datetime.min.time(), zone),
                  "end": datetime.combine(last + timedelta(days=1), datetime.min.time(), zone)}  # fmt: skip
        scans = foreign_scans(company, f"select metrics.backfill_date_range('{first}', '{last}')")
        assert Counter(name for _, names in scans for name in names) == Counter(NEEDED.keys())
        for scan, names in scans:
            needed = max(query(company, "source", NEEDED[name].format(**bounds))[0][0] for name in names)
            assert scan["Actual Rows"] * scan["Actual Loops"] <= needed, (names, needed, scan)
            if names[0] in ("lead_log", "opportunity_log", "activities_versions"):
                assert f"< '{BOUND}'" in scan["Remote SQL"]
                assert "tenant_id = ANY" in scan["Remote SQL"] and "known_from <= " in scan["Remote SQL"]
    for table, read in (("rep_daily_activity", {"finished_loads", "activities_versions", "reps_versions"}),
                        ("lead_stage_snapshot", {"finished_loads", "lead_log"})):  # fmt: skip
        scans = foreign_scans(company, f"select metrics.refresh_{table}(date '2024-04-09')")
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


def test_every_check_passes_and_trips(company: Settings, warehouse: Query) -> None:
    warehouse("select metrics.backfill_date_range(%s, %s)", FIRST, LAST)
    warehouse("select metrics.run_daily_metrics((now() at time zone 'UTC')::date - 1)")
    materialize(company, '+key:"staging/deal_intervals" or key:"metrics/stale_days"')
    checks = {(check.table, check.rule): check for check in all_checks() if check.table.startswith("metrics.")}
    assert checks.keys() == TRIPS.keys()
    for key, check in checks.items():
        with databases.engine(company, "warehouse").connect() as connection:
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
