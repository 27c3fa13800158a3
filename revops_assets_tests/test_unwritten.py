"""What a tenant's rows break stays that tenant's: the others are written, it keeps its earlier rows and is named."""

from __future__ import annotations

import random
import re
import string
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.definitions.reconstruct import ReconstructableRepository

from revops_assets.assets.checks import WRITTEN
from revops_assets.datasets.ledger import prepare_days
from revops_assets.datasets.partitions import checked_range
from revops_assets.datasets.replace import NAMED, reading_alone
from revops_assets.datasets.window import Window, read_at
from revops_assets.definitions import defs
from revops_assets.errors import RevopsError
from revops_assets.insights.answers import ANSWERS
from revops_assets.learning import health_weights, logistic
from revops_assets.orchestration.runs import dagster_instance, run_assets
from revops_assets.orchestration.sensors import sensors
from revops_assets.registry.values import LAY_OUT
from revops_assets.settings import Settings
from revops_assets.warehouse import databases
from revops_assets.warehouse.sql_files import dataset_files
from revops_assets_tests.building import build_again
from revops_assets_tests.building import materialize as build
from revops_assets_tests.conftest import Put, Query
from revops_assets_tests.conftest import materialize_in_dagster as materialize
from revops_assets_tests.test_odd_records import REP, STAGES, closed, still_open
from revops_assets_tests.test_reruns import WHOLE as BUILT_AS_A_WHOLE
from revops_assets_tests.test_sensors import requests_of
from revops_assets_tests.test_stage_visits import moves

DAY = "2024-03-07"
BUILT = "+group:dashboard or group:metrics"
STAGING = "group:staging"
SCHEMAS = ("staging", "enriched", "analytics", "dashboard", "metrics")
RECORDS = {
    "reps": [REP],
    "pipeline_stages": STAGES,
    "opportunities": [closed("w", "03-05", "won", 70), still_open("o", 30)],
    "activities": [
        {"activity_id": "1", "type": "call", "rep_id": "r", "occurred_at": "2024-03-05 10:00Z", "is_done": True}
    ],
}
LATER: dict[str, list[dict[str, Any]]] = {
    "reps": [REP | {"rep_id": "s", "name": "Sam"}],
    "pipeline_stages": [{"stage_id": "Next", "stage_order": 2, "name": "Next"}],
    "opportunities": [
        still_open("p", 11, owner_id="s", created_at="2023-12-20Z", modified_at="2024-03-06Z"),
        still_open("q", 12, created_at="2024-03-07Z", modified_at="2024-03-07Z"),
    ],
    "activities": [
        {"activity_id": "2", "type": "call", "rep_id": "s", "occurred_at": "2024-03-06 10:00Z", "is_done": True}
    ],
}


Rows = dict[str, dict[str, tuple[Decimal, Decimal]]]


@pytest.fixture
def rows(warehouse: Query) -> Callable[[], Rows]:
    """Of each tenant every dataset's rows, but for what says when they were written: a number of all, and of DAY's."""
    tables = warehouse(
        "select table_schema || '.' || table_name from information_schema.columns inner join information_schema.tables"
        " using (table_schema, table_name) where column_name = 'tenant_id' and table_type = 'BASE TABLE'"
        f" and table_schema in {SCHEMAS} and table_name not in ('stale_days', 'run_log') order by 1"
    )
    stamps = "{known_as_of,data_freshness,created_at,updated_at,generated_at}"

    def read() -> Rows:
        found: Rows = {tenant: {table: (Decimal(0), Decimal(0)) for (table,) in tables} for tenant in (*ODD, "plain")}
        for (table,) in tables:
            for tenant, whole, day in warehouse(
                "select tenant_id, sum(hashtextextended(told, 0)::numeric), coalesce(sum(hashtextextended(told, 0)::numeric)"
                f" filter (where told ~ '{DAY}'), 0) from (select tenant_id, (to_jsonb(t) - '{stamps}'::text[])::text as told"
                f" from {table} as t) as q group by 1"
            ):
                found[tenant][table] = (whole, day)
        return found

    return read


def again(settings: Settings, run_id: str) -> tuple[bool, list[str]]:
    """Execute a run again from failure, as the UI does; whether it went well, and the steps that it did."""
    job = ReconstructableRepository.for_module("revops_assets.definitions", "defs").get_reconstructable_job(
        "__ASSET_JOB"
    )
    with dagster_instance(settings) as instance, dg.execute_job(
        job, instance, run_config={"resources": {"warehouse": {"config": {"env": "dev"}}}},
        reexecution_options=dg.ReexecutionOptions.from_failure(run_id, instance),
    ) as result:  # fmt: skip
        steps = [event.step_key for event in result.all_events if event.event_type == dg.DagsterEventType.STEP_START]
        return result.success, [str(step) for step in steps]


# Of each kind one: a first table, one in the middle, one that others only look up; days at the start, in the middle, at
# the end, and those that functions write.
WHOLE = ("staging.pipeline_stages", "staging.deal_intervals", "staging.reps")
DAILY = (
    "staging.deal_days", "enriched.deal_health_scores", "dashboard.dashboard_kpis", "metrics.rep_daily_pipeline",
)  # fmt: skip


ODD = {f"odd{number}": table for number, table in enumerate([*WHOLE, *DAILY])}


def test_who_cannot_be_written_keeps_its_rows_and_stops_nobody(
    put: Put, clean: Settings, warehouse: Query, rows: Callable[[], Rows]
) -> None:
    """Of each odd company another dataset takes no rows; beside them stands a plain one."""
    for tenant in (*ODD, "plain"):
        put(tenant, **RECORDS)
    build(clean, BUILT, DAY)
    before = rows()
    for tenant in (*ODD, "plain"):
        put(tenant, **LATER)
    for tenant, table in ODD.items():
        warehouse(f"alter table {table} add constraint no_odd check (tenant_id <> '{tenant}') not valid")
    try:
        with pytest.raises(RevopsError) as told:
            build(clean, BUILT, DAY)
        [run_id] = re.findall(r"run ([0-9a-f-]{36})", str(told.value))
        build_again(clean, run_id, BUILT)
    finally:
        for table in ODD.values():
            warehouse(f"alter table {table} drop constraint no_odd")
    meanwhile = rows()
    assert warehouse("select count(*) from ops.unwritten where tenant_id = 'plain'") == [(0,)]
    failed = warehouse("select distinct tenant_id, dataset, record_key ->> 'tenant_id', column_name, value, run_id"
                       " from ops.unwritten where because_of is null order by tenant_id")  # fmt: skip
    assert failed == [(name, table, name, "tenant_id", name, run_id) for name, table in sorted(ODD.items())]
    for tenant, table in ODD.items():
        assert f"tenant {tenant}: {table} keeps its earlier rows" in str(told.value)
        kept = meanwhile[tenant]
        waiting = {
            name for (name,) in warehouse("select distinct dataset from ops.unwritten where tenant_id = %s", tenant)
        }
        for name in waiting & kept.keys():  # of days that were never built there may be others
            assert kept[name][1] == before[tenant][name][1]
    build_again(clean, run_id, BUILT)
    assert warehouse("select count(*) from ops.unwritten") == [(0,)]
    written = rows()
    assert written["plain"] == meanwhile["plain"]
    assert all(written[tenant][table] != before[tenant][table] for tenant, table in ODD.items())
    build(clean, BUILT, DAY)
    assert rows() == written


def test_a_run_from_its_failure_writes_just_what_was_left(put: Put, clean: Settings, warehouse: Query) -> None:
    for tenant in ("plain", "odd"):
        put(tenant, **RECORDS)
    warehouse("alter table staging.reps add constraint no_odd check (tenant_id <> 'odd') not valid")
    try:
        with (
            pytest.raises(RevopsError, match="step every_tenant_written: ") as told,
            dagster_instance(clean) as instance,
        ):
            run_assets(clean, STAGING, checked_range(DAY, DAY), instance)
        run_id = re.findall(r"run ([0-9a-f-]{36})", str(told.value))[0]
        assert again(clean, run_id) == (False, ["every_tenant_written"])
    finally:
        warehouse("alter table staging.reps drop constraint no_odd")
    left = "select distinct tenant_id, run_id from ops.unwritten where dataset = 'staging.reps'"
    assert warehouse(left) == [("odd", run_id)]
    assert again(clean, run_id) == (True, ["every_tenant_written"])
    assert warehouse("select count(*) from ops.unwritten") == [(0,)]
    assert warehouse("select tenant_id from staging.reps where rep_id = 'r' order by 1") == [("odd",), ("plain",)]


def test_each_dataset_can_be_read_of_one_tenant_alone(clean: Settings) -> None:
    """Every SELECT runs over its tenant's own rows, wherever they stand."""
    with databases.engine(clean, "warehouse").begin() as connection:
        window = Window("snapshot_date", DAY, DAY, ("a",))
        prepare_days(connection, "staging.deal_days", read_at(connection, 0), window)
        for statement in (ANSWERS, *LAY_OUT, logistic.LAY_OUT, health_weights.LAY_OUT):
            connection.execute(sa.text(statement))
        for file in dataset_files().values():
            if not file.is_select:
                continue
            with reading_alone(connection, file.select, ("a", "it's")) as select:
                connection.execute(
                    sa.text(f"explain select * from ({select}) as q"), window.params | {"timezone": "UTC"}
                )
                read = {f"{schema}.{name}" for schema, name in NAMED.findall(select)}
                assert read <= {"crm_remote.nothing"}, file.table
        assert connection.scalar(sa.text("select count(*) from pg_class where relname like 'alone\\_\\_%'")) == 0


def test_an_id_that_no_index_holds_stops_nobody(put: Put, clean: Settings, warehouse: Query, source: Query) -> None:
    """Its record is quarantined where it is loaded."""
    put("plain", **RECORDS)
    long = "".join(random.Random(1).choices(string.ascii_letters, k=12_000))
    put("odd", **RECORDS | {"opportunities": [still_open("o", 30, owner_id=long)]})
    assert source(
        "select l.tenant_id, count(*) from crm.load_rejects as r join crm.loads as l using (load_id) group by 1"
    ) == [("odd", 1)]
    materialize(clean, STAGING, DAY)
    assert warehouse("select distinct tenant_id, rep_id from staging.reps order by 1, 2") == [
        ("odd", "r"),
        ("plain", "r"),
    ]


def test_a_tenant_whose_tables_fail_is_named_and_the_others_days_are_built(
    put: Put, clean: Settings, warehouse: Query
) -> None:
    for tenant in ("plain", "odd"):
        put(tenant, pipeline_stages=STAGES, opportunities=[still_open("o", 30)])
    materialize(clean, BUILT_AS_A_WHOLE)
    materialize(clean, '+key:"staging/deal_days"', "2024-03-07", "2024-03-08")
    warehouse("delete from ops.stale_partitions")
    for tenant in ("plain", "odd"):
        put(tenant, opportunity_history=moves(("30", "9", "03-08"), field="amount", deal="o"))
    warehouse("alter table staging.deal_events add constraint no_odd check (tenant_id <> 'odd') not valid")
    failed_runs = next(found for found in sensors(clean) if found.name == "failed_runs")
    try:
        with dg.DagsterInstance.ephemeral() as instance:
            [request] = requests_of(clean, "crm_loads", instance)
            assert (request.job_name, request.tags["revops/tenants"]) == ("refresh", "odd,plain")
            refresh = defs.resolve_job_def("refresh").execute_in_process(
                instance=instance, tags=request.tags, raise_on_error=False
            )
            failed = [event.step_key for event in refresh.all_events if event.is_step_failure]
            assert failed == ["every_tenant_written"]
            [event] = [found for found in refresh.all_events if found.event_type is dg.DagsterEventType.RUN_FAILURE]
            failed_runs(
                dg.build_run_status_sensor_context(
                    "failed_runs", event, instance, refresh.dagster_run
                ).for_run_failure()
            )
            later = requests_of(clean, "crm_loads", instance)
    finally:
        warehouse("alter table staging.deal_events drop constraint no_odd")
    assert {request.job_name for request in later} == {"reruns"}
    assert {request.tags["revops/tenants"] for request in later} == {"plain"}
    assert "2024-03-08" in {request.tags.get("revops/also") for request in later}
    alerts = dict(warehouse("select subject, message from ops.alerts"))
    assert set(alerts) == {"refresh", "staging.deal_events: every_tenant_written"}
    told = "tenant odd: staging.deal_events keeps its earlier rows: tenant_id odd, opportunity_id o: tenant_id 'odd'"
    assert all(told in message for message in alerts.values())
    seen = (
        "select tenant_id, known_as_of < max(known_as_of) over () from ops.table_ledger where dataset = %s order by 1"
    )
    assert warehouse(seen, "staging.deal_events") == [("odd", True), ("plain", False)]


def test_what_an_earlier_run_left_is_told_by_every_later_one(put: Put, clean: Settings, warehouse: Query) -> None:
    """A run of another tenant goes well, and its check still warns; it is silent once the part is written."""
    for tenant in ("plain", "odd"):
        put(tenant, **RECORDS)
    warehouse("alter table staging.reps add constraint no_odd check (tenant_id <> 'odd') not valid")
    try:
        with pytest.raises(RevopsError, match=r"tenant odd: staging\.reps keeps its earlier rows"):
            materialize(clean, STAGING, DAY)
        later = materialize(clean, STAGING, DAY, tenants=["plain"])
    finally:
        warehouse("alter table staging.reps drop constraint no_odd")
    told = {
        check["asset"]: check["severity"] for check in later.checks if check["check"] == WRITTEN and not check["passed"]
    }
    waiting = {name for (name,) in warehouse("select distinct dataset from ops.unwritten where tenant_id = 'odd'")}
    assert set(told) == waiting >= {"staging.reps"}
    assert set(told.values()) == {"WARN"}
    mended = materialize(clean, STAGING, DAY)
    assert all(check["passed"] for check in mended.checks)
