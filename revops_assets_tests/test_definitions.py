"""Assembly: definitions load without a database, quickly found faults, and assets say what they should."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import date
from decimal import Decimal
from typing import Any

import dagster as dg
import pytest

from revops_assets.definitions import defs
from revops_assets.orchestration.jobs import SOURCES, funnel_job, stage_visits_job
from revops_assets.settings import PROJECT_ROOT, Settings
from revops_assets.warehouse.dagster_storage import dagster_home
from revops_assets_tests.building import FUNNEL, STAGE_VISITS
from revops_assets_tests.conftest import Export, Query
from revops_assets_tests.snapshot import SNAPSHOT, resolved

FORBID = """
import socket
def refuse(*args, **kwargs):
    raise AssertionError("importing the definitions touched the outside world")
socket.socket.connect = refuse
import psycopg2
psycopg2.connect = refuse
from revops_assets.warehouse import embedded
embedded.ensure_running = refuse
from revops_assets.definitions import defs
defs.resolve_asset_graph()
"""


def test_importing_the_package_touches_no_database() -> None:
    environment = os.environ | {"REVOPS_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}
    done = subprocess.run(
        [sys.executable, "-c", FORBID], env=environment, capture_output=True, text=True, cwd=PROJECT_ROOT
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def test_definitions_are_loadable() -> None:
    dg.Definitions.validate_loadable(defs)


def test_dagster_definitions_validate(settings: Settings) -> None:
    command = [sys.executable, "-m", "dagster", "definitions", "validate"]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd=PROJECT_ROOT,
        env={**os.environ, "DAGSTER_HOME": str(dagster_home(settings))},
    )
    assert done.returncode == 0, done.stderr
    assert "All code locations passed validation" in done.stdout + done.stderr


@pytest.mark.parametrize("spec", [spec for asset in defs.assets or () if isinstance(asset, dg.AssetsDefinition) for spec in asset.specs],
                         ids=lambda spec: spec.key.to_user_string())  # fmt: skip
def test_every_asset_says_what_it_is(spec: dg.AssetSpec) -> None:
    assert spec.description
    assert spec.owners == ["team:revops"]
    assert spec.group_name == spec.key.path[0]
    if spec.group_name != "scenario":
        assert {"postgres"} < spec.kinds
        assert spec.metadata["dagster/table_name"] == ".".join(spec.key.path)


@pytest.mark.parametrize(("job", "selection"), [(funnel_job, FUNNEL), (stage_visits_job, STAGE_VISITS)])
def test_what_tests_build_without_dagster_is_what_the_jobs_build(job: Any, selection: str) -> None:
    graph = defs.resolve_asset_graph()
    built = (dg.AssetSelection.from_string(selection) - SOURCES).resolve(graph)
    assert job.selection.resolve(graph) == built


def test_a_materialisation_shows_rows_columns_and_a_preview(clean: Settings, export: Export, load: object) -> None:
    load(export(deal_changes=["10,2024-01-31 23:59:59,stage_id,1"]))  # type: ignore[operator]
    from revops_assets.orchestration.runs import dagster_instance, run_job

    with dagster_instance(clean) as instance:  # where the UI reads it
        run_job(clean, "funnel", "dev", instance)
        event = instance.get_latest_materialization_event(dg.AssetKey(["pipedrive", "rep_sales_funnel_monthly"]))
    assert event is not None
    assert event.asset_materialization is not None
    metadata = event.asset_materialization.metadata
    assert metadata["dagster/row_count"].value == 1
    assert metadata["known_as_of"].value >= 1
    columns = metadata["dagster/column_schema"].value.columns  # type: ignore[union-attr]
    assert [(c.name, c.type, c.constraints.nullable) for c in columns[:5]] == [
        ("tenant_id", "text", False), ("month", "date", False), ("kpi_name", "text", False),
        ("funnel_step", "numeric", False), ("deals_count", "bigint", False),
    ]  # fmt: skip
    assert columns[1].description == "first day of the month"
    assert "| default     | 2024-01-01 | Step 1: Lead Generation |" in str(metadata["preview"].value)


def test_schedules_and_sensors_run_by_themselves_where_automation_is_on(settings: Settings) -> None:
    from revops_assets.orchestration.schedules import schedules
    from revops_assets.orchestration.sensors import sensors

    on = settings.model_copy(update={"automation": True})
    for given, status in ((settings, "STOPPED"), (on, "RUNNING")):
        assert {found.default_status.value for found in [*schedules(given), *sensors(given)]} == {status}


def test_the_scenario_starts_the_graph_and_can_be_left_out(settings: Settings) -> None:
    nodes = defs.resolve_asset_graph()
    assert nodes.get(dg.AssetKey(["crm", "opportunities"])).parent_keys >= {dg.AssetKey(["scenario", "opportunities"])}
    assert nodes.get(dg.AssetKey(["crm", "opportunity_history"])).parent_keys >= {
        dg.AssetKey(["scenario", "process_events"])
    }
    listing = "from revops_assets.definitions import defs; print(sorted(a.key.to_user_string() for a in defs.resolve_asset_graph().asset_nodes))"
    done = subprocess.run(
        [sys.executable, "-c", listing],
        env=os.environ | {"REVOPS_SCENARIO": "off"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "crm/opportunities" in done.stdout
    assert "scenario/" not in done.stdout


def test_the_scenario_job_writes_exports_and_loads_them(clean: Settings, source: Query) -> None:
    config = {"ops": {"scenario_exports": {"config": {"deals": 40, "seed": 2, "end_date": "2024-02-29"}}}}
    with dg.DagsterInstance.ephemeral() as instance:
        run = defs.resolve_job_def("scenario").execute_in_process(instance=instance, run_config=config)
        assert run.success
        event = instance.get_latest_materialization_event(dg.AssetKey(["crm", "opportunities"]))
        loads = instance.get_latest_materialization_event(dg.AssetKey(["crm", "loads"]))
    assert loads is not None
    assert loads.asset_materialization is not None
    totals = loads.asset_materialization.metadata
    assert source("select sum(rows_read), sum(rows_inserted), sum(rows_rejected) from crm.loads") == [
        (totals["rows_read"].value, totals["rows_inserted"].value, totals["rows_rejected"].value)
    ]
    assert event is not None
    assert event.asset_materialization is not None
    metadata = event.asset_materialization.metadata
    assert source("select count(*) from crm.opportunities") == [(metadata["rows_inserted"].value,)]
    assert {(e.check_name, e.passed) for e in run.get_asset_check_evaluations()} == {
        ("versions_do_not_overlap", True), ("history_agrees", True), ("references_resolve", True),
        ("fresh", True),
    }  # fmt: skip
    assert source("select tenant_id, max(changed_at) < '2024-03-01Z' from crm.opportunity_history group by 1 order by 1") == [
        ("acme", True), ("pipeco", True),
    ]  # fmt: skip


def test_the_resolved_definitions_are_those_of_the_snapshot() -> None:
    told = json.loads(SNAPSHOT.read_text(encoding="utf-8"))
    found = json.loads(json.dumps(resolved()))
    for section, parts in told.items():
        assert found[section] == parts, f"{section}: if that was intended, python -m revops_assets_tests.snapshot"
    assert found.keys() == told.keys()


def test_every_preview_runs_and_is_for_people(settings: Settings) -> None:
    """In the order that headers name, of a day; numbers with their thousands apart, nothing in scientific notation."""
    from revops_assets.assets.metadata import look
    from revops_assets.catalogue import CATALOGUE
    from revops_assets.datasets.shown import shown
    from revops_assets.warehouse import databases

    with databases.engine(settings, "warehouse").connect() as connection:
        for dataset in CATALOGUE.values():
            if dataset.made_by == "select" and dataset.built != "view":
                assert "preview" in look(
                    connection, dataset.file, date(2024, 3, 1) if dataset.built == "daily" else None
                )
    told = [None, True, 5984260, Decimal("5984260.5"), 0.25, date(2024, 2, 29), "a|b", []]
    assert [shown(value) for value in told] == [
        "—",
        "yes",
        "5,984,260",
        "5,984,260.50",
        "0.25",
        "2024-02-29",
        "a|b",
        "—",
    ]
