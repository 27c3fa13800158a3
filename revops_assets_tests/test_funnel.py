"""The Pipedrive wing: tiny inputs and their exact rows, the real export, and an independent computation in pandas."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from revops_assets.invalidation.run_tags import KNOWN_AS_OF_TAG
from revops_assets.loading.result import LoadResult
from revops_assets.reports.funnel import compare
from revops_assets.scenario import pipedrive
from revops_assets.scenario.model import Plan
from revops_assets.settings import Settings
from revops_assets_tests.building import FUNNEL, materialize
from revops_assets_tests.conftest import REAL_EXPORT, Export, Query, build, query

Load = Callable[..., LoadResult]
REPORT = "select tenant_id, month, kpi_name, funnel_step, deals_count from pipedrive.rep_sales_funnel_monthly order by 1, 2, 4"

STEP_NAMES = {
    "1": "Lead Generation", "2": "Qualified Lead", "2.1": "Sales Call 1", "3": "Needs Assessment", "3.1": "Sales Call 2",
    "4": "Proposal/Quote Preparation", "5": "Negotiation", "6": "Closing", "7": "Implementation/Onboarding",
    "8": "Follow-up/Customer Success", "9": "Renewal/Expansion",
}  # fmt: skip


def line(month: str, step: str, deals: int, tenant: str = "default") -> tuple[Any, ...]:
    return tenant, date.fromisoformat(f"{month}-01"), f"Step {step}: {STEP_NAMES[step]}", Decimal(step), deals


def report_in_pandas(folder: Path, tenant: str = "default") -> list[tuple[Any, ...]]:
    """The report from the files themselves, without a database."""
    changes = pd.read_csv(folder / "deal_changes.csv", dtype=str)
    entries = changes[(changes.changed_field_key == "stage_id") & changes.new_value.notna()].copy()
    entries["month"] = pd.to_datetime(entries.change_time).dt.strftime("%Y-%m")
    first = entries.sort_values("change_time", kind="stable").drop_duplicates(["deal_id", "new_value"])
    counts = {(month, stage): len(group) for (month, stage), group in first.groupby(["month", "new_value"])}
    calls = pd.read_csv(folder / "activity.csv", dtype=str)
    calls = calls[(calls.done == "True") & calls.type.isin(["meeting", "sc_2"])].copy()
    calls["month"] = pd.to_datetime(calls.due_to).dt.strftime("%Y-%m")
    for (month, kind), group in calls.groupby(["month", "type"]):
        counts[month, {"meeting": "2.1", "sc_2": "3.1"}[kind]] = group.deal_id.nunique()
    lines = [line(month, step, count, tenant) for (month, step), count in counts.items()]
    return sorted(lines, key=lambda found: (found[1], found[3]))


def test_first_entries_and_done_calls_by_month(export: Export, load: Load, clean: Settings, warehouse: Query) -> None:
    load(export(
        deal_changes=[
            "10,2024-01-31 23:59:59,stage_id,1",
            "10,2024-02-01 00:00:00,stage_id,2",
            "10,2024-02-10 00:00:00,stage_id,1",  # back: no second entry
            "10,2024-03-01 00:00:00,stage_id,2",  # and again: no second entry
            "11,2024-02-29 23:59:59,stage_id,1",
            "11,2024-02-29 23:59:59,user_id,2",  # not a stage
            "12,2024-02-15 00:00:00,stage_id,1",
            "12,2024-02-16 00:00:00,lost_reason,1",
            "13,2024-02-15 00:00:00,stage_id,77",  # a stage that is no step
            "14,2024-02-15 00:00:00,stage_id,",
        ],
        activity=[
            "1,meeting,7,10,True,2024-02-29T23:59:59",
            "2,meeting,7,10,True,2024-02-01T00:00:00",  # the same deal twice in a month
            "1,meeting,7,99,True,2024-02-02T00:00:00",  # the same id again: another deal, unknown to the export
            "3,meeting,7,10,True,2024-03-01T00:00:00",
            "4,meeting,7,12,False,2024-02-03T00:00:00",  # not done
            "5,sc_2,7,12,True,2024-02-03T00:00:00",
            "6,sc_2,7,,True,2024-02-03T00:00:00",  # no deal
            "7,sc_2,7,13,True,",  # no date
            "8,follow_up,7,12,True,2024-02-03T00:00:00",  # no step
        ],
    ))  # fmt: skip
    materialize(clean, FUNNEL)
    assert warehouse(REPORT) == [
        line("2024-01", "1", 1),
        line("2024-02", "1", 2),
        line("2024-02", "2", 1),
        line("2024-02", "2.1", 2),
        line("2024-02", "3.1", 1),
        line("2024-03", "2.1", 1),
    ]
    assert warehouse("select count(*) from pipedrive.int_completed_activities") == [(8,)]
    assert warehouse("select deal_id, stage_id, stage_name from pipedrive.int_deal_stage_history order by 1, 2") == [
        ("10", "1", "Lead Generation"), ("10", "2", "Qualified lead"), ("11", "1", "Lead Generation"),
        ("12", "1", "Lead Generation"), ("13", "77", None),
    ]  # fmt: skip


def test_a_month_begins_in_the_business_time_zone(
    export: Export, load: Load, clean: Settings, warehouse: Query, business_zone: Callable[[str], None]
) -> None:
    load(export(deal_changes=["10,2024-03-31 22:30:00,stage_id,1"]))  # half past midnight in Berlin, summer time
    business_zone("Europe/Berlin")
    materialize(clean, FUNNEL)
    assert warehouse(REPORT) == [line("2024-04", "1", 1)]


def test_two_tenants_stand_side_by_side(export: Export, load: Load, clean: Settings, warehouse: Query) -> None:
    load(export(deal_changes=["10,2024-01-01 00:00:00,stage_id,1"]), tenant="acme")
    load(
        export(deal_changes=["10,2024-01-02 00:00:00,stage_id,1", "11,2024-01-02 00:00:00,stage_id,1"]),
        tenant="blue",
    )
    materialize(clean, FUNNEL)
    assert warehouse(REPORT) == [line("2024-01", "1", 1, "acme"), line("2024-01", "1", 2, "blue")]
    assert warehouse(
        "select r.tenant_id, r.known_as_of = (select max(load_seq) from crm_remote.loads), r.data_freshness = l.finished_at from pipedrive.rep_sales_funnel_monthly as r"
        " inner join crm_remote.loads as l using (tenant_id) order by 1"
    ) == [("acme", True, True), ("blue", True, True)]


def test_a_run_can_read_as_known_after_an_earlier_load(
    export: Export, load: Load, clean: Settings, warehouse: Query
) -> None:
    """Two clocks: the same transaction time gives the same report, whatever was loaded since."""
    import dagster as dg

    from revops_assets.definitions import defs

    load(export(deal_changes=["10,2024-01-01 00:00:00,stage_id,1"]))
    materialize(clean, FUNNEL)
    first = warehouse("select * from pipedrive.rep_sales_funnel_monthly")
    known = first[0][-2]
    load(export(deal_changes=["10,2023-12-31 00:00:00,stage_id,1", "11,2024-01-01 00:00:00,stage_id,1"]))
    materialize(clean, FUNNEL)
    assert warehouse(REPORT) == [line("2023-12", "1", 1), line("2024-01", "1", 1)]
    with dg.DagsterInstance.ephemeral() as instance:
        job = defs.resolve_job_def("funnel")
        assert job.execute_in_process(instance=instance, tags={KNOWN_AS_OF_TAG: str(known)}).success
    assert warehouse("select * from pipedrive.rep_sales_funnel_monthly") == first


def test_building_twice_leaves_the_same_rows(export: Export, load: Load, clean: Settings, warehouse: Query) -> None:
    load(export(deal_changes=["10,2024-01-01 00:00:00,stage_id,1"]))
    materialize(clean, FUNNEL)
    before = warehouse("select * from pipedrive.rep_sales_funnel_monthly")
    materialize(clean, FUNNEL)
    assert warehouse("select * from pipedrive.rep_sales_funnel_monthly") == before


def test_without_any_load_the_report_is_empty(clean: Settings, warehouse: Query) -> None:
    result = build(clean)
    assert result.failed_checks == []
    assert warehouse(REPORT) == []


def test_dev_and_prod_are_compared_under_their_published_names(export: Export, load: Load, clean: Settings) -> None:
    load(export(deal_changes=["10,2024-01-01 00:00:00,stage_id,1"]))
    materialize(clean, FUNNEL)
    materialize(clean.for_env("prod"), FUNNEL)
    assert [(row["dev"], row["prod"], row["differs"]) for row in compare(clean)] == [(1, 1, False)]
    load(export(deal_changes=["10,2024-01-01 00:00:00,stage_id,1", "11,2024-02-01 00:00:00,stage_id,1"]))
    materialize(clean, FUNNEL)
    assert [(str(row["month"]), row["dev"], row["prod"], row["differs"]) for row in compare(clean)] == [
        ("2024-01-01", 1, 1, False),
        ("2024-02-01", 1, None, True),
    ]
    prod = clean.for_env("prod")
    for schema in ("prod_pipedrive_analytics", "public_pipedrive_analytics"):
        assert query(prod, "warehouse", f"select column_name from information_schema.columns where table_schema = '{schema}'"
                     " and table_name = 'rep_sales_funnel_monthly' order by ordinal_position") == [
            ("tenant_id",), ("month",), ("kpi_name",), ("funnel_step",), ("deals_count",)
        ]  # fmt: skip
        views = query(prod, "warehouse", f"select viewname from pg_views where schemaname = '{schema}' order by 1")
        assert len(views) == 8
        for (view,) in views:
            query(prod, "warehouse", f"select * from {schema}.{view}")


@pytest.mark.parametrize("seed", [1, 2])
def test_the_generated_export_equals_pandas(
    tmp_path: Path, load: Load, clean: Settings, warehouse: Query, seed: int
) -> None:
    pipedrive.write(tmp_path, Plan(150, date(2024, 3, 5), seed, "Europe/Berlin"))
    load(tmp_path)
    materialize(clean, FUNNEL)
    assert warehouse(REPORT) == report_in_pandas(tmp_path)


@pytest.mark.skipif(not REAL_EXPORT.is_dir(), reason="the real export is not here")
def test_the_real_export(load: Load, clean: Settings) -> None:
    load(REAL_EXPORT)
    expected = report_in_pandas(REAL_EXPORT)
    for env in ("dev", "prod"):
        assert build(clean, env).failed_checks == []
        rows = query(clean.for_env(env), "warehouse", REPORT)
        assert len(rows) == 128
        assert rows == expected
        assert {str(step): deals for _, month, _, step, deals in rows if month == date(2024, 2, 1)} == {
            "1": 194, "2": 74, "2.1": 64, "3": 27, "3.1": 59, "4": 17, "5": 10, "6": 8, "7": 1, "9": 2,
        }  # fmt: skip
