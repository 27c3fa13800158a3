"""Daily metrics run: by psql's calls, by Dagster, by the command; what is refused, and what a failure leaves."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import date

import dagster as dg
import psycopg2
import pytest

from revops_assets.catalogue.metrics import LEADS, OPPORTUNITIES, READ
from revops_assets.errors import RevopsError
from revops_assets.orchestration.runs import planned, run_planned
from revops_assets.settings import Settings
from revops_assets.warehouse import databases
from revops_assets.warehouse.sql_files import table_functions
from revops_assets_tests.conftest import Put, Query
from revops_assets_tests.conftest import materialize_in_dagster as materialize
from revops_assets_tests.daily_metrics import FUNCTIONS, LEAD, TABLES, Rows, change, deal, everything
from revops_assets_tests.test_cli import revops
from revops_assets_tests.test_daily_metrics_company import TRIPS

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
    assert warehouse("select count(*) from ops.partition_ledger") == [(0,)]


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
    assert warehouse("select distinct cut_at from ops.partition_ledger") == [(load,)]


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
    assert warehouse("select distinct tenant_id, known_as_of from ops.partition_ledger") == [("a", 1)]
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
    assert warehouse(stale) == [] == warehouse("select * from ops.stale_partitions")


# ---------------------------------------------------------------------------------------------- Dagster, command line


REFRESH = '+key:"staging/source_coverage" or key:"metrics/stale_days"'


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
    assert done.failed_checks == [] and len(done.checks) == len(TRIPS) + len(done.assets)  # every_tenant_written
    # Some of the tables: no log. The log alone is no run.
    materialize(clean, 'key:"metrics/daily_lead_funnel" or key:"metrics/lead_stage_snapshot"', "2024-03-03")
    assert rows("lead_stage_snapshot", "b") == [("03-03", "New", 1, 3.0)] and len(rows("run_log")) == 4
    put("b", activities=[{"activity_id": "y", "type": "call", "occurred_at": "2024-04-29 12:00Z", "is_done": True}])
    again = materialize(
        clean, 'key:"metrics/lead_stage_snapshot"', "2024-03-01"
    )  # of another transaction time than the rest
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
    assert named == {
        "activities_versions",
        "reps_versions",
        "opportunity_splits_versions",
        "lead_log",
        "opportunity_log",
    }
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
