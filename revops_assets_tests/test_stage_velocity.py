"""The stage velocity report: exact figures from tiny histories, the faults of its published design, and pandas."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import psycopg2
import pytest

from revops_assets.errors import RevopsError
from revops_assets.reports.stage_velocity import (
    Report,
    find_pipeline,
    find_stage,
    find_tenant,
    read_report,
    run_stage_velocity_report,
)
from revops_assets.settings import Settings
from revops_assets.warehouse import databases
from revops_assets_tests.building import STAGE_VISITS, materialize
from revops_assets_tests.conftest import REAL_EXPORT, Put, Query, build, query
from revops_assets_tests.test_cli import revops
from revops_assets_tests.test_stage_visits import STAGES, deal, moves

NAMESPACE = uuid.UUID("6f1c2a84-d0b9-4e7f-9a53-c1e07b26d418")
AS_OF = datetime(2024, 3, 1, tzinfo=UTC)
Run = Callable[..., Report]


def uid(*parts: str) -> uuid.UUID:
    return uuid.uuid3(NAMESPACE, json.dumps(parts, separators=(",", ":"), ensure_ascii=False))


@pytest.fixture
def run(clean: Settings) -> Run:
    """Run the report for tenant a's pipeline 'sales' and read it back."""

    def go(tenant: str = "a", pipeline: str = "sales", stage: str | None = None, **options: Any) -> Report:
        with databases.connect(clean, "warehouse") as connection:
            run_id = run_stage_velocity_report(
                connection, uid("tenant", tenant), uid("pipeline", tenant, pipeline),
                stage_id=uid("stage", tenant, stage) if stage else None, **{"as_of": AS_OF, **options},
            )  # fmt: skip
            return read_report(connection, run_id)

    return go


def figures(report: Report, *columns: str) -> dict[str, tuple[Any, ...]]:
    return {row["stage_name"]: tuple(row[column] for column in columns) for row in report.rows}


def test_completed_and_present_stays_are_counted_apart(put: Put, clean: Settings, run: Run) -> None:
    """Three completed and two present visits in one stage: joined in one GROUP BY they would be six and six."""
    put(
        "a",
        pipeline_stages=STAGES,
        opportunities=[deal("B", "d1"), deal("B", "d2"), deal("C", "d3"), deal("A", "d4"), deal("A", "d5")],
        opportunity_history=[
            *moves(("A", "B", "01-03"), deal="d1"),  # 2 days in A
            *moves(("A", "B", "01-05"), deal="d2"),  # 4
            *moves(("A", "B", "01-13"), ("B", "C", "01-14 12:00"), deal="d3"),  # 12 in A, 1.5 in B
        ],
    )
    materialize(clean, STAGE_VISITS)
    report = run()
    assert [row["stage_name"] for row in report.rows] == ["A", "B", "C"]
    assert figures(report, "completed_count", "avg_duration_days", "median_duration_days", "p90_duration_days") == {
        "A": (3, Decimal("6.0000"), Decimal("4.0000"), Decimal("10.4000")),
        "B": (1, Decimal("1.5000"), Decimal("1.5000"), Decimal("1.5000")),
        "C": (0, None, None, None),
    }
    # As of 1 March (leap year): 60 days after 1 January.
    assert figures(
        report, "current_count", "avg_current_age_days", "median_current_age_days", "p90_current_age_days"
    ) == {
        "A": (2, Decimal("60.0000"), Decimal("60.0000"), Decimal("60.0000")),
        "B": (2, Decimal("57.0000"), Decimal("57.0000"), Decimal("57.8000")),
        "C": (1, Decimal("46.5000"), Decimal("46.5000"), Decimal("46.5000")),
    }
    sums = {row["stage_name"]: (row["completed_count"] or 0) * (row["avg_duration_days"] or 0) for row in report.rows}
    assert sums == {"A": 18, "B": Decimal("1.5"), "C": 0}
    parameters = report.header["parameters"]
    assert parameters.pop("known_as_of") >= 1
    assert parameters == {"pipeline_id": str(uid("pipeline", "a", "sales")), "stage_id": None,
                          "as_of": "2024-03-01T00:00:00+00:00"}  # fmt: skip


@pytest.fixture
def history(put: Put, clean: Settings) -> None:
    put(
        "a",
        pipeline_stages=STAGES,
        opportunities=[deal("B"), deal("Lost", "d2", "2024-02-10Z"), deal("A", "d3", is_deleted=True, modified_at="2024-02-20Z"),
                       deal("A", "d4", merged_into_id="d1", modified_at="2024-02-25Z")],
        opportunity_history=[*moves(("A", "B", "02-01")), *moves(("A", "Lost", "02-15"), deal="d2")],
    )  # fmt: skip
    materialize(clean, STAGE_VISITS)


@pytest.mark.usefixtures("history")
def test_as_of_only_what_happened_strictly_before(run: Run) -> None:
    counts = ("completed_count", "current_count")
    for at, a, b in (
        (datetime(2024, 1, 1, tzinfo=UTC), (0, 0), (0, 0)),  # created at that instant
        (datetime(2024, 2, 1, tzinfo=UTC), (0, 3), (0, 0)),  # moved at that instant
        (datetime(2024, 2, 2, tzinfo=UTC), (1, 2), (0, 1)),
        (datetime(2024, 2, 20, tzinfo=UTC), (2, 2), (0, 1)),  # deleted at that instant
        (datetime(2024, 2, 21, tzinfo=UTC), (2, 1), (0, 1)),
        (datetime(2024, 3, 1, tzinfo=UTC), (2, 0), (0, 1)),
    ):
        assert figures(run(as_of=at), *counts) == {"A": a, "B": b, "C": (0, 0)}, at
    assert run().excluded == {"outside_period": 0, "deal_deleted": 1, "deal_merged": 1, "stage_removed": 0}


@pytest.mark.usefixtures("history")
def test_a_period_is_half_open_on_when_a_stay_began(run: Run) -> None:
    start, end = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 2, 10, tzinfo=UTC)
    inside = run(period_start=start, period_end=end)
    assert figures(inside, "completed_count", "current_count") == {"A": (1, 0), "B": (0, 1), "C": (0, 0)}
    assert inside.excluded == {"outside_period": 1, "deal_deleted": 1, "deal_merged": 1, "stage_removed": 0}
    assert figures(run(period_start=end), "completed_count", "current_count") == {"A": (1, 0), "B": (0, 0), "C": (0, 0)}
    assert inside.header["period_start"] == start


@pytest.mark.usefixtures("history")
def test_a_single_stage(run: Run) -> None:
    report = run(stage="B")
    assert figures(report, "current_count") == {"B": (1,)}
    assert report.header["parameters"]["stage_id"] == str(uid("stage", "a", "B"))


def test_stages_are_those_of_the_instant(put: Put, clean: Settings, run: Run) -> None:
    """Removed and reordered on 1 February: earlier reports still show it as it was."""
    dated = [{**stage, "modified_at": "2024-01-01Z"} for stage in STAGES]
    put(
        "a",
        pipeline_stages=dated,
        opportunities=[deal("A"), deal("B", "d2")],
        opportunity_history=moves(("A", "B", "01-05"), deal="d2"),
    )
    put("a", pipeline_stages=[{**dated[0], "modified_at": "2024-02-01Z", "is_deleted": True},
                              {**dated[1], "modified_at": "2024-02-01Z", "stage_order": 8, "name": "Bee"}])  # fmt: skip
    materialize(clean, STAGE_VISITS)
    assert [row["stage_name"] for row in run(as_of=datetime(2024, 1, 20, tzinfo=UTC)).rows] == ["A", "B", "C"]
    later = run()
    assert [row["stage_name"] for row in later.rows] == ["C", "Bee"]
    assert later.excluded["stage_removed"] == 2


def test_two_tenants_with_the_same_names_and_ids_stay_apart(
    put: Put, clean: Settings, run: Run, warehouse: Query
) -> None:
    for tenant, entered in (("a", "01-05"), ("b", "01-11")):
        put(tenant, pipelines=[{"pipeline_id": "sales", "name": "Sales"}], pipeline_stages=STAGES, opportunities=[deal("B")],
            opportunity_history=moves(("A", "B", entered)))  # fmt: skip
    materialize(clean, STAGE_VISITS)
    assert figures(run("a"), "completed_count", "avg_duration_days")["A"] == (1, 4)
    assert figures(run("b"), "completed_count", "avg_duration_days")["A"] == (1, 10)
    a, b = uid("tenant", "a"), uid("tenant", "b")
    with databases.connect(clean, "warehouse") as connection:
        assert find_pipeline(connection, a, "Sales") == uid("pipeline", "a", "sales")
        assert find_stage(connection, b, find_pipeline(connection, b, "Sales"), "A") == uid("stage", "b", "A")
        with pytest.raises(RevopsError, match="there is no pipeline"):
            find_pipeline(connection, a, str(uid("pipeline", "b", "sales")))
        before = query(clean, "warehouse", "select count(*) from dyno_crm.report_run")
        for tenant, pipeline, stage, error in (
            (
                a,
                uid("pipeline", "b", "sales"),
                None,
                f"pipeline {uid('pipeline', 'b', 'sales')} does not exist for tenant {a}",
            ),
            (a, uid("pipeline", "a", "sales"), uid("stage", "b", "A"), "does not exist in pipeline"),
            (uuid.UUID(int=7), uid("pipeline", "a", "sales"), None, "there is no tenant"),
        ):
            with pytest.raises(RevopsError, match=error):
                run_stage_velocity_report(connection, tenant, pipeline, stage_id=stage)
        assert find_tenant(connection, str(b)) == b  # the transaction is still usable
    assert query(clean, "warehouse", "select count(*) from dyno_crm.report_run") == before
    rows = warehouse("select distinct f.tenant_id, s.source_tenant_id from dyno_crm.report_stage_velocity_fact as f"
                     " inner join dyno_crm.pipeline_stage as s on s.id = f.stage_id order by 2")  # fmt: skip
    assert rows == [(a, "a"), (b, "b")]


@pytest.mark.usefixtures("history")
def test_bad_input_leaves_no_run(run: Run, warehouse: Query) -> None:
    naive, march = datetime(2024, 3, 1), datetime(2024, 3, 1, tzinfo=UTC)
    with pytest.raises(RevopsError, match="as_of 2024-03-01T00:00:00 has no time zone"):
        run(as_of=naive)
    with pytest.raises(RevopsError, match="period_start 2024-03-01T00:00:00 has no time zone"):
        run(period_start=naive)
    with pytest.raises(RevopsError, match="the period ends"):
        run(period_start=march, period_end=march.replace(month=2))
    assert warehouse("select count(*) from dyno_crm.report_run") == [(0,)]


@pytest.mark.usefixtures("history")
def test_a_run_and_its_facts_belong_together(run: Run, clean: Settings, warehouse: Query) -> None:
    report = run()
    other = str(uid("tenant", "b"))
    insert = ("insert into dyno_crm.report_stage_velocity_fact (run_id, tenant_id, pipeline_id, stage_id, completed_count, current_count)"
              " select run_id, %s, pipeline_id, gen_random_uuid(), 0, 0 from dyno_crm.report_stage_velocity_fact limit 1")  # fmt: skip
    with pytest.raises(psycopg2.errors.ForeignKeyViolation):
        query(clean, "warehouse", insert, other)
    for table in ("fact", "detail"):
        assert warehouse(f"select count(*) from dyno_crm.report_stage_velocity_{table}") == [(3,)]
    query(clean, "warehouse", "delete from dyno_crm.report_run where id = %s", str(report.header["id"]))
    for table in ("fact", "detail"):
        assert warehouse(f"select count(*) from dyno_crm.report_stage_velocity_{table}") == [(0,)]


def test_a_stored_run_stays_as_it_was_issued(put: Put, clean: Settings, run: Run) -> None:
    put("a", pipeline_stages=STAGES, opportunities=[deal("B")], opportunity_history=moves(("A", "B", "01-11")))
    materialize(clean, STAGE_VISITS)
    issued = run()
    put("a", opportunity_history=[{**moves(("A", "B", "01-11"))[0], "changed_at": "2024-01-05Z"}])
    materialize(clean, STAGE_VISITS)
    assert figures(run(), "avg_duration_days")["A"] == (4,)
    with databases.connect(clean, "warehouse") as connection:
        again = read_report(connection, issued.header["id"])
    assert again == issued
    assert figures(again, "avg_duration_days")["A"] == (10,)


def test_published_relations_carry_uuids_derived_from_tenant_and_id(
    put: Put, clean: Settings, warehouse: Query
) -> None:
    put("a", pipeline_stages=STAGES, opportunities=[deal("A", 'd"ö/1')])
    materialize(clean, STAGE_VISITS)
    [row] = warehouse(
        "select tenant_id, deal_id, pipeline_id, pipeline_stage_id, is_current from dyno_crm.deal_pipeline_stage_state"
    )
    assert row == (
        uid("tenant", "a"),
        uid("deal", "a", 'd"ö/1'),
        uid("pipeline", "a", "sales"),
        uid("stage", "a", "A"),
        True,
    )
    assert warehouse("select id, name, stage_order::int from dyno_crm.pipeline_stage order by 3") == [
        (uid("stage", "a", name), name, order) for order, name in enumerate("ABC", 1)
    ]


@pytest.mark.usefixtures("history")
def test_the_daily_run_is_made_once_per_day_and_load(put: Put, clean: Settings, warehouse: Query) -> None:
    put("b", pipeline_stages=STAGES, opportunities=[deal("A")])
    for _ in range(2):
        build(clean, job="stage_velocity")
    runs = warehouse("select id, (parameters ->> 'as_of')::timestamptz, run_key from dyno_crm.report_run")
    assert len(runs) == 2  # a's and b's pipeline
    today = datetime.now(UTC).date()
    assert {at for _, at, _ in runs} == {datetime(today.year, today.month, today.day, tzinfo=UTC)}
    put("b", opportunities=[deal("B")])
    build(clean, job="stage_velocity")
    assert len(warehouse("select 1 from dyno_crm.report_run")) == 4


def test_the_asset_takes_typed_configuration(put: Put, clean: Settings, warehouse: Query) -> None:
    from revops_assets.definitions import defs

    put("a", pipeline_stages=STAGES, opportunities=[deal("A")])
    job = defs.resolve_job_def("stage_velocity")

    def configured(**config: str) -> dg.ExecuteInProcessResult:
        ops = {"dyno_crm__stage_velocity": {"config": config}}
        with dg.DagsterInstance.ephemeral() as instance:
            return job.execute_in_process({"ops": ops}, instance=instance, raise_on_error=False)

    result = configured(tenant="a", pipeline="sales", stage="A", as_of="2024-03-01T00:00Z")
    assert result.success
    [made] = [
        event
        for event in result.get_asset_materialization_events()
        if event.asset_key.path[-1] == "report_stage_velocity_fact"
    ]
    metadata = made.step_materialization_data.materialization.metadata
    assert "| A | 0 |  |  |  | 1 | 60.0000 | 60.0000 | 60.0000 |" in str(metadata["a: sales"].value)
    assert str(metadata["a: sales, chart"].value).startswith("![chart](data:image/svg+xml;base64,")
    for config in ({"tenant": "nobody"}, {"pipeline": "sales"}, {"as_of": "2024-03-01"}, {"as_of": "soon"}):
        assert not configured(**config).success
    assert len(warehouse("select 1 from dyno_crm.report_run")) == 1


def test_the_command_builds_what_it_reads_and_shows_stored_runs(put: Put, clean: Settings) -> None:
    put("a", pipeline_stages=STAGES, opportunities=[deal("B")], opportunity_history=moves(("A", "B", "01-11")))
    arguments = ("--tenant", "a", "--pipeline", "sales", "--as-of", "2024-03-01T00:00Z")
    report = json.loads(revops("stage-velocity", "run", *arguments, "--json"))
    assert [(row["stage_name"], row["completed_count"], row["current_count"]) for row in report["stages"]] == [
        ("A", 1, 0), ("B", 0, 1), ("C", 0, 0),
    ]  # fmt: skip
    shown = revops("stage-velocity", "show", report["run"]["id"])
    assert ["A", "1", "10.00", "10.00", "10.00", "0", "—", "—", "—"] in [line.split() for line in shown.splitlines()]
    assert revops("stage-velocity", "run", "--tenant", "a", "--pipeline", "x", status=1) == (
        "revops: there is no pipeline 'x'; there are: sales\n"
    )
    assert "has no time zone" in revops("stage-velocity", "run", *arguments[:4], "--as-of", "2024-03-01", status=1)
    assert "is not a UUID" in revops("stage-velocity", "show", "7", status=1)


@pytest.mark.skipif(not REAL_EXPORT.is_dir(), reason="the real export is not here")
@pytest.mark.parametrize("at", ["2025-01-01", "2024-07-01"])
def test_the_real_export_equals_pandas(load: Any, clean: Settings, run: Run, at: str) -> None:
    load(REAL_EXPORT, tenant="a")
    materialize(clean, STAGE_VISITS)
    report = run(pipeline="default", as_of=datetime.fromisoformat(at).replace(tzinfo=UTC))

    changes = pd.read_csv(REAL_EXPORT / "deal_changes.csv", dtype=str).reset_index(names="line")
    changes["at"] = pd.to_datetime(changes.change_time)
    known = changes[(changes["at"] < at) & changes.changed_field_key.isin(["stage_id", "lost_reason"])]
    known = known.sort_values(["deal_id", "at", "line"])
    known["place"] = known.new_value.where(known.changed_field_key == "stage_id", "lost")
    known = known[known.place != known.groupby("deal_id").place.shift()]
    known["left_at"] = known.groupby("deal_id")["at"].shift(-1)
    stays = known[known.place != "lost"]
    days = (stays.left_at.fillna(pd.Timestamp(at)) - stays["at"]).dt.total_seconds() / 86400
    expected = {}
    for row in pd.read_csv(REAL_EXPORT / "stages.csv", dtype=str).itertuples():
        here = stays.place == row.stage_id
        done, now = days[here & stays.left_at.notna()], days[here & stays.left_at.isna()]
        expected[row.stage_name] = [
            len(done),
            done.mean(),
            done.median(),
            done.quantile(0.9),
            len(now),
            now.mean(),
            now.median(),
            now.quantile(0.9),
        ]
    assert len(report.rows) == 9
    assert sum(row["completed_count"] for row in report.rows) > 2000
    for row in report.rows:
        found = [
            float("nan") if value is None else float(value)
            for name, value in row.items()
            if name not in ("stage_name", "stage_id")
        ]
        np.testing.assert_allclose(
            found, np.array(expected[row["stage_name"]], dtype=float), atol=5.1e-5, err_msg=row["stage_name"]
        )
