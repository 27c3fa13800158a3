"""Sensors, the schedule, alerts: what they ask for, and when they keep still."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from revops_assets.catalogue import DAILY_DATASETS, VIEWS
from revops_assets.definitions import defs
from revops_assets.errors import RevopsError
from revops_assets.loading.manifest import NAME, write_manifest
from revops_assets.orchestration.alerts import Alert, raise_alerts
from revops_assets.orchestration.jobs import load_export_job
from revops_assets.orchestration.runs import planned, run_planned
from revops_assets.orchestration.schedules import due_days, schedules
from revops_assets.orchestration.sensors import WORK_TAG, exports_due, next_attempt, sensors, tables_due
from revops_assets.settings import Settings
from revops_assets.warehouse import databases, resource
from revops_assets_tests.building import materialize
from revops_assets_tests.conftest import Export, Put, Query
from revops_assets_tests.test_reruns import WHOLE
from revops_assets_tests.test_stage_visits import deal, moves

FILES = ("activity", "activity_types", "deal_changes", "fields", "stages", "users")


@pytest.fixture
def landing(clean: Settings) -> Iterator[Path]:
    shutil.rmtree(clean.landing, ignore_errors=True)  # what another test generated there
    clean.landing.mkdir(parents=True)
    yield clean.landing
    shutil.rmtree(clean.landing)


def sealed(folder: Path, tenant: str = "t") -> Path:
    """An export with its manifest."""
    write_manifest(folder, tenant, "pipedrive", {f"{name}.csv": 1 for name in FILES})
    return folder


def requests_of(settings: Settings, name: str, instance: dg.DagsterInstance) -> list[dg.RunRequest]:
    [sensor] = [found for found in sensors(settings) if found.name == name]
    context = dg.build_sensor_context(instance=instance, definitions=defs)
    return list(sensor.evaluate_tick(context).run_requests or [])


def run_load(request: dg.RunRequest, instance: dg.DagsterInstance) -> bool:
    return load_export_job.execute_in_process(
        run_config=request.run_config, instance=instance, raise_on_error=False, tags=request.tags
    ).success


# ------------------------------------------------------------------------------------------ landing zone


def test_an_export_is_loaded_once_wherever_it_is_copied(
    clean: Settings, landing: Path, export: Export, source: Query
) -> None:
    shutil.copytree(sealed(export(deal_changes=["10,2024-01-31 23:59:59,stage_id,1"])), landing / "a" / "one")
    with dg.DagsterInstance.ephemeral() as instance:
        [request] = requests_of(clean, "landing_zone", instance)
        assert run_load(request, instance)
        assert source("select tenant_id, source, status, rows_inserted > 0 from crm.loads") == [
            ("t", "pipedrive", "finished", True)
        ]
        shutil.copytree(landing / "a" / "one", landing / "again")
        path = landing / "again" / NAME
        path.write_text(json.dumps(json.loads(path.read_text()), indent=7))  # spelt differently: the same
        assert requests_of(clean, "landing_zone", instance) == []
        assert run_load(request, instance)  # a second run of it, as after a lost cursor
    assert source("select count(*) from crm.loads") == [(1,)]
    assert source("select tenant_id, status, load_id from crm.exports") == [("t", "loaded", 1)]


def test_what_revops_load_has_loaded_is_not_loaded_again(
    clean: Settings, landing: Path, export: Export, load: Any
) -> None:
    folder = shutil.copytree(sealed(export()), landing / "one")
    assert list(exports_due(clean)[0].values()) == [folder]
    load(folder, "t")
    assert exports_due(clean) == ({}, [])


def test_an_incomplete_export_waits(clean: Settings, landing: Path, export: Export) -> None:
    folder = sealed(export())
    target = landing / "one"
    target.mkdir()
    shutil.copy(folder / NAME, target)
    for name in FILES:
        due, [waiting] = exports_due(clean)
        assert due == {} and f"{name}.csv" in waiting
        whole = (folder / f"{name}.csv").read_bytes()
        (target / f"{name}.csv").write_bytes(whole[:-1])
        assert exports_due(clean)[0] == {}
        (target / f"{name}.csv").write_bytes(whole)
    assert list(exports_due(clean)[0].values()) == [target]


@pytest.mark.parametrize("fault", ["another file", "records", "no such mapping", "no manifest at all"])
def test_a_broken_export_is_quarantined_and_reported_once(
    clean: Settings, landing: Path, export: Export, source: Query, fault: str
) -> None:
    folder = sealed(export(deal_changes=["10,2024-01-31 23:59:59,stage_id,1"]))
    if fault == "another file":
        path = folder / "stages.csv"
        path.write_bytes(path.read_bytes()[::-1])
    elif fault == "records":
        folder = sealed(export(deal_changes=["10,yesterday,stage_id,1"] * 3))
    elif fault == "no such mapping":
        path = folder / NAME
        path.write_text(path.read_text().replace('"pipedrive"', '"nobody"'))
    else:
        (folder / NAME).write_text("{")
    target = shutil.copytree(folder, landing / "one")
    with dg.DagsterInstance.ephemeral() as instance:
        if fault == "no manifest at all":
            assert requests_of(clean, "landing_zone", instance) == []  # it may still be written
            os.utime(target / NAME, (time.time() - 100, time.time() - 100))
        [request] = requests_of(clean, "landing_zone", instance)
        assert not run_load(request, instance)
        assert requests_of(clean, "landing_zone", instance) == []
        assert run_load(request, instance)  # nothing is tried a second time
    expected = {
        "another file": "sha256",
        "records": "cannot be loaded",
        "no such mapping": "nobody",
        "no manifest at all": NAME,
    }
    [(status, error)] = source("select status, error from crm.exports")
    assert status == "quarantined" and expected[fault] in error
    assert source("select count(*) from crm.loads where status = 'finished'") == [(0,)]


def test_a_run_is_not_started_twice_nor_soon_after_a_failure() -> None:
    job = load_export_job
    with dg.DagsterInstance.ephemeral() as instance:
        assert next_attempt(instance, "w") == "w:0"
        config = {"ops": {"load_landed_export": {"config": {"directory": "/x"}}}}
        run = instance.create_run_for_job(
            job, run_config=config, tags={WORK_TAG: "w"}, status=dg.DagsterRunStatus.STARTED
        )
        assert "under way" in str(next_attempt(instance, "w"))
        instance.report_run_failed(run)
        assert "the next in 6" in str(next_attempt(instance, "w")) or "the next in 5" in str(
            next_attempt(instance, "w")
        )
        assert next_attempt(instance, "other") == "other:0"


# ------------------------------------------------------------------------------------------ CRM loads


def test_a_load_is_followed_by_its_tenant_s_days_only(
    clean: Settings, put: Put, warehouse: Query, source: Query
) -> None:
    stage = [{"stage_id": "Proposal", "stage_order": 4}]
    for tenant in ("a", "b"):
        put(tenant, pipeline_stages=stage, opportunities=[deal("Proposal", amount=5)])
    with dg.DagsterInstance.ephemeral() as instance:
        [request] = requests_of(clean, "crm_loads", instance)
        assert (request.job_name, request.tags["revops/tenants"]) == ("refresh", "a,b")
        materialize(clean, WHOLE)
        materialize(clean, '+key:"staging/deal_days"', "2024-01-08", "2024-01-12")
        warehouse("delete from ops.stale_partitions")
        put("a", opportunity_history=moves(("5", "9", "01-09"), ("9", "5", "01-11"), field="amount"))
        [request] = requests_of(clean, "crm_loads", instance)
        assert (request.job_name, request.tags["revops/tenants"]) == ("refresh", "a")
        materialize(clean, WHOLE, tenants=["a"])
        assert warehouse(
            "select dataset, tenant_id, snapshot_date::text, reason from ops.stale_partitions order by 3"
        ) == [
            ("staging.deal_days", "a", day, "staging.deal_intervals has changed")
            for day in ("2024-01-09", "2024-01-10")
        ]
        requests = requests_of(clean, "crm_loads", instance)
        assert {request.tags["revops/tenants"] for request in requests} == {"a", "b"}
        [late] = [found for found in requests if found.tags["dagster/asset_partition_range_start"] == "2024-01-09"]
        assert late.tags["dagster/asset_partition_range_end"] == "2024-01-10"
        assert late.tags["revops/tenants"] == "a" and late.asset_selection == [dg.AssetKey(["staging", "deal_days"])]
        assert "deal_intervals has changed" in late.tags["revops/reason"]
        # The day of the load itself, which is still running, for every dataset.
        today = str(datetime.now(UTC).date())
        others = [found for found in requests if found is not late]
        assert {found.tags["dagster/asset_partition_range_end"] for found in others} == {today}
        assert all(len(found.asset_selection or []) == len(DAILY_DATASETS) for found in others)


def test_a_load_that_changed_nothing_asks_for_nothing(clean: Settings, put: Put, warehouse: Query) -> None:
    records: dict[str, Any] = {"pipeline_stages": [{"stage_id": "Proposal"}], "opportunities": [deal("Proposal")]}
    put("a", **records)
    materialize(clean, WHOLE)
    with databases.engine(clean, "warehouse").begin() as connection:
        assert tables_due(connection) is None
        put("a", **records)
        assert tables_due(connection) is None
    assert warehouse("select count(*) from ops.stale_partitions") == [(0,)]


def test_what_another_tool_writes_into_crm_itself_is_seen(
    clean: Settings, put: Put, source: Query, warehouse: Query
) -> None:
    put("a", pipeline_stages=[{"stage_id": "Proposal"}], opportunities=[deal("Proposal", amount=5)])
    materialize(clean, WHOLE)
    materialize(clean, '+key:"staging/deal_days"', "2024-01-08", "2024-01-10")
    source(
        "do $$ declare v_load bigint := crm.start_load('a', 'a script'); v_seq bigint; begin v_seq := crm.take_load_seq(v_load);"
        " insert into crm.opportunity_history_versions (tenant_id, history_id, opportunity_id, field, old_value, new_value, changed_at, load_id, known_from)"
        " values ('a', 'h', 'd1', 'amount', '5', '7', '2024-01-09Z', v_load, v_seq);"
        " update crm.loads set status = 'finished', load_seq = v_seq, finished_at = now() where load_id = v_load; end $$"
    )
    with databases.engine(clean, "warehouse").begin() as connection:
        assert (tables_due(connection) or (0, ()))[1] == ("a",)
    materialize(clean, WHOLE)
    asked = "select snapshot_date::text from ops.stale_partitions where dataset = 'staging.deal_days' order by 1"
    assert [day for (day,) in warehouse(asked)] == ["2024-01-09", "2024-01-10"]


# ------------------------------------------------------------------------------------------ the schedule


@pytest.mark.parametrize(
    ("complete", "expected"),
    [
        ([], "2024-03-30"),  # nothing was ever built: no more than yesterday
        (["2024-03-29"], "2024-03-30"),
        (["2024-03-26"], "2024-03-27"),  # three days of downtime
        (["2024-03-26", "2024-03-30"], "2024-03-27"),  # yesterday is built again, with what was missed before it
    ],
)
def test_days_that_were_missed_are_caught_up(
    clean: Settings, warehouse: Query, complete: list[str], expected: str
) -> None:
    for day in complete:
        for dataset in DAILY_DATASETS:
            warehouse(
                "insert into ops.partition_ledger (dataset, tenant_id, snapshot_date, known_as_of) values (%s, 'a', %s, 1)",
                dataset,
                day,
            )
    warehouse(
        "insert into ops.partition_ledger (dataset, tenant_id, snapshot_date, known_as_of) values ('staging.deal_days', 'a', '2024-03-28', 1)"
    )
    with databases.engine(clean, "warehouse").begin() as connection:
        assert due_days(connection, date(2024, 3, 30), date(2024, 1, 1)) == (
            date.fromisoformat(expected),
            date(2024, 3, 30),
        )


@pytest.mark.parametrize(
    ("at", "day"),
    [("2024-03-31T04:00Z", "2024-03-30"), ("2024-10-27T05:00Z", "2024-10-26"), ("2024-03-01T05:00Z", "2024-02-29")],
)
def test_the_daily_run_is_yesterday_s_in_the_business_zone(clean: Settings, at: str, day: str) -> None:
    settings = clean.model_copy(update={"timezone": "Europe/Berlin"})
    [daily] = [found for found in schedules(settings) if found.name == "daily"]
    assert daily.execution_timezone == "Europe/Berlin"
    context = dg.build_schedule_context(scheduled_execution_time=datetime.fromisoformat(at))
    [request] = daily.evaluate_tick(context).run_requests or []
    assert (
        request.tags["dagster/asset_partition_range_start"] == request.tags["dagster/asset_partition_range_end"] == day
    )


# ------------------------------------------------------------------------------------------ alerts


class Mailbox(BaseHTTPRequestHandler):
    """Takes what Apprise sends as JSON."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.letters.append(json.loads(body))  # type: ignore[attr-defined]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


def test_alerts_are_written_once_and_sent_when_somebody_answers(clean: Settings, warehouse: Query) -> None:
    server = HTTPServer(("127.0.0.1", 0), Mailbox)
    server.letters = []  # type: ignore[attr-defined]
    port = server.server_port
    alerts = [
        Alert("r1", "daily", "run failed", "step x: it broke"),
        Alert("r1", "dashboard.k: fresh", "check failed", "3 offending rows"),
    ]
    assert raise_alerts(clean, alerts) == 2
    assert raise_alerts(clean, alerts) == 0
    told = clean.model_copy(update={"alert_urls": SecretStr(f"json://127.0.0.1:{port}/")})
    server.server_close()  # nobody answers
    with pytest.raises(RevopsError, match="could not be sent"):
        raise_alerts(told, [])
    assert warehouse("select count(*) from ops.alerts where notified_at is null") == [(2,)]
    server = HTTPServer(("127.0.0.1", port), Mailbox)
    server.letters = []  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    assert raise_alerts(told, []) == 0
    server.shutdown()
    server.server_close()
    assert [letter["title"] for letter in server.letters] == [  # type: ignore[attr-defined]
        "revops-assets (dev): run failed: daily", "revops-assets (dev): check failed: dashboard.k: fresh"
    ]  # fmt: skip
    assert warehouse("select count(*) from ops.alerts where notified_at is null") == [(0,)]
    with pytest.raises(RevopsError, match="not an address"):
        raise_alerts(clean.model_copy(update={"alert_urls": SecretStr("nonsense")}), [])


def test_failed_runs_and_failed_checks_become_alerts(clean: Settings, warehouse: Query) -> None:
    @dg.asset
    def good() -> None: ...

    @dg.asset_check(asset=good, name="bad")  # type: ignore[arg-type]
    def bad() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=False, metadata={"offending_rows": 2})

    @dg.asset_check(asset=good, name="only_a_warning")  # type: ignore[arg-type]
    def only_a_warning() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity.WARN)

    @dg.op
    def breaks() -> None:
        raise dg.Failure("no such\n table")

    @dg.job
    def failing() -> None:
        breaks()

    by_name = {sensor.name: sensor for sensor in sensors(clean)}
    with dg.DagsterInstance.ephemeral() as instance:
        done = dg.materialize([good, bad, only_a_warning], instance=instance)
        broken = failing.execute_in_process(instance=instance, raise_on_error=False)
        for name, result, kind in (
            ("failed_checks", done, dg.DagsterEventType.RUN_SUCCESS), ("failed_runs", broken, dg.DagsterEventType.RUN_FAILURE),
        ):  # fmt: skip
            [event] = [found for found in result.all_events if found.event_type is kind]
            context = dg.build_run_status_sensor_context(name, event, instance, result.dagster_run)
            by_name[name](context.for_run_failure() if name == "failed_runs" else context)
    assert warehouse("select subject, severity, message from ops.alerts order by 1") == [
        ("failing", "run failed", "step breaks: no such table"),
        ("good: bad", "check failed", "2 offending rows; the check's page shows them"),
    ]


def test_every_asset_that_writes_the_warehouse_is_in_its_pool() -> None:
    graph = defs.resolve_asset_graph()
    written = [
        key
        for key in graph.get_all_asset_keys()
        if key.path[0] not in ("scenario", "crm", "pipedrive_raw") and ".".join(key.path) not in VIEWS
    ]
    assert len(written) > 60
    for key in written:
        assert graph.get(key).pools == {"warehouse"}, key


def test_a_step_whose_connection_is_lost_is_tried_again(clean: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server ends the connection in the middle; the second attempt writes, once. Other errors fail at once."""
    monkeypatch.setattr(resource, "DATABASE_RETRIES", dg.RetryPolicy(max_retries=2, delay=0.1))
    attempts = []

    @dg.asset
    def written(warehouse: resource.Warehouse) -> None:
        with warehouse.transaction() as connection:
            connection.execute(
                sa.text(
                    "insert into ops.alerts (run_id, subject, severity, message) values ('r', 's', 'run failed', 'm')"
                )
            )
            attempts.append(len(attempts))
            if len(attempts) == 1:
                connection.execute(sa.text("select pg_terminate_backend(pg_backend_pid())"))

    @dg.asset
    def wrong(warehouse: resource.Warehouse) -> None:
        with warehouse.transaction() as connection:
            attempts.append(len(attempts))
            connection.execute(sa.text("select 1 / 0"))

    given = {"warehouse": resource.Warehouse()}
    with dg.DagsterInstance.ephemeral() as instance:
        assert dg.materialize([written], resources=given, instance=instance).success
        with databases.engine(clean, "warehouse").begin() as connection:
            assert (len(attempts), connection.scalar(sa.text("select count(*) from ops.alerts"))) == (2, 1)
        assert not dg.materialize([wrong], resources=given, instance=instance, raise_on_error=False).success
        assert len(attempts) == 3


def test_a_run_waits_for_another_that_writes_the_same_warehouse(clean: Settings) -> None:
    """Whatever started them: the second begins when the first has ended, not between its steps."""
    order: list[str] = []
    begun = threading.Event()

    def run(name: str, pause: float) -> None:
        @dg.asset(name=f"{name}_first")
        def first(warehouse: resource.Warehouse) -> None:
            order.append(f"{name} 1")
            begun.set()
            time.sleep(pause)

        @dg.asset(name=f"{name}_second", deps=[first])
        def second(warehouse: resource.Warehouse) -> None:
            order.append(f"{name} 2")

        with dg.DagsterInstance.ephemeral() as instance:
            dg.materialize([first, second], resources={"warehouse": resource.Warehouse()}, instance=instance)

    one = threading.Thread(target=run, args=("one", 1.0))
    one.start()
    begun.wait(20)
    run("two", 0)
    one.join()
    assert order == ["one 1", "one 2", "two 1", "two 2"]


def test_what_writes_has_the_lock_of_runs(clean: Settings) -> None:
    """In its own session: where the server loses the lock, what would be written without it is lost, too."""
    own = "select count(*) from pg_locks where locktype = 'advisory' and granted and pid = pg_backend_pid()"
    warehouse = resource.Warehouse()
    for _ in range(2):
        for _ in range(2):
            with warehouse.transaction() as connection:
                assert connection.scalar(sa.text(own)) == 1
        warehouse.release()
        with databases.engine(clean, "warehouse").begin() as other:
            assert other.scalar(sa.text(own)) == 0


def test_days_before_a_history_that_begins_later_are_forgotten(clean: Settings, put: Put, warehouse: Query) -> None:
    """The first deal is deleted: its days have no rows any more, and nothing is stale for ever."""
    first = deal("Proposal", key="first", created="2024-01-01Z", amount=5)
    put(
        "a",
        pipeline_stages=[{"stage_id": "Proposal"}],
        opportunities=[first, deal("Proposal", created="2024-01-10Z", amount=7)],
    )
    materialize(clean, '+key:"staging/deal_days"', "2024-01-08", "2024-01-11")
    put("a", opportunities=[first | {"is_deleted": True, "modified_at": "2024-01-01T00:00:01Z"}])
    materialize(clean, WHOLE)
    while runs := planned(clean):
        with dg.DagsterInstance.ephemeral() as instance:
            run_planned(clean, runs[0], instance)
    for table in ("staging.deal_days", "ops.partition_ledger"):
        rows = warehouse(f"select distinct snapshot_date::text from {table} where tenant_id = 'a' order by 1")
        assert [day for (day,) in rows] == ["2024-01-10", "2024-01-11"]
