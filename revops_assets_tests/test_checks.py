"""Every asset check fails on rows that break it, and passes on rows that do not."""

from __future__ import annotations

import pandas as pd
import pytest
import sqlalchemy as sa

from revops_assets.assets.checks import offending_rows
from revops_assets.datasets.checks import Check, all_checks
from revops_assets.settings import Settings
from revops_assets.warehouse import databases
from revops_assets_tests.test_daily_metrics_company import TRIPS as METRICS_TRIPS
from revops_assets_tests.test_dashboard import TRIPS
from revops_assets_tests.test_registry import VALUES_TRIPS
from revops_assets_tests.test_revops_reports import REPORT_TRIPS
from revops_assets_tests.test_win_probability import SCORE_TRIPS

FUNNEL = "pipedrive.rep_sales_funnel_monthly"
UNGUARD = f"""
alter table {FUNNEL} drop constraint rep_sales_funnel_monthly_pkey;
alter table {FUNNEL} alter month drop not null, alter kpi_name drop not null, alter funnel_step drop not null,
    alter deals_count drop not null
"""
STEPS = "insert into reference.funnel_steps values (1, 'Lead', '1', null), (2, 'Qualified', '2', null)"
GOOD = f"insert into {FUNNEL} values ('a', '2024-02-01', 'Step 1: Lead', 1, 9, 1), ('a', '2024-02-01', 'Step 2: Qualified', 2, 3, 1)"
LOADED = """
insert into crm.tenants values ('a', 'a');
insert into crm.loads (load_seq, tenant_id, source, status, finished_at) values ({seq}, 'a', 'pipedrive', 'finished', {at});
insert into crm.load_files select load_id, 'a', 'pipedrive_raw', 'activity', 'f', 'x', 'x', 0, 0, {seq} from crm.loads
"""

# What breaks each rule, as SQL on a good report: (in the warehouse, in the source), and the rows it must return.
BREAKS: dict[str, tuple[str, str, int]] = {
    "not_null_month": (f"update {FUNNEL} set month = null where funnel_step = 1", "", 1),
    "not_null_kpi_name": (f"update {FUNNEL} set kpi_name = null", "", 2),
    "not_null_funnel_step": (f"update {FUNNEL} set funnel_step = null where funnel_step = 1", "", 1),
    "not_null_deals_count": (f"update {FUNNEL} set deals_count = null where funnel_step = 2", "", 1),
    "accepted_values_funnel_step": (f"update {FUNNEL} set funnel_step = 2.5 where funnel_step = 2", "", 1),
    "unique_step": (f"insert into {FUNNEL} select * from {FUNNEL} where funnel_step = 1", "", 1),
    "non_negative_deals_count": (f"update {FUNNEL} set deals_count = -1 where funnel_step = 2", "", 1),
    "kpi_name_matches_step": (f"update {FUNNEL} set kpi_name = 'Step 1: lead' where funnel_step = 1", "", 1),
    "narrows": (f"update {FUNNEL} set deals_count = 10 where funnel_step = 2", "", 1),
    "fresh": ("", LOADED.format(seq=2, at="now()"), 1),
}


# The same for the loaded tables: what is wrong in the source, on a deal that is right, and the rows it must return.
DEAL = """
insert into crm.tenants values ('a', 'a');
insert into crm.reps_versions (tenant_id, rep_id, load_id, known_from) values ('a', 'r1', 1, 1);
insert into crm.opportunities_versions (tenant_id, opportunity_id, stage_id, owner_id, load_id, known_from) values ('a', 'd1', 's2', 'r1', 1, 1);
insert into crm.activities_versions (tenant_id, activity_id, opportunity_id, load_id, known_from) values ('a', 'a1', 'd1', 1, 1);
insert into crm.opportunity_history_versions (tenant_id, history_id, opportunity_id, field, new_value, changed_at, load_id, known_from)
values ('a', 'h1', 'd1', 'stage_id', 's1', '2024-01-01Z', 1, 1), ('a', 'h2', 'd1', 'stage_id', 's2', '2024-01-02Z', 1, 1)
"""
SOURCE_BREAKS: dict[tuple[str, str], tuple[str, int]] = {
    ("crm.opportunities", "versions_do_not_overlap"): (
        "insert into crm.reps_versions (tenant_id, rep_id, load_id, known_from, known_to) values ('a', 'r1', 1, 1, 5)", 1),
    ("crm.opportunities", "history_agrees"): ("update crm.opportunities_versions set stage_id = 's9'", 1),
    ("crm.opportunities", "references_resolve"): ("update crm.opportunities_versions set owner_id = 'r9', account_id = 'x'", 1),
    ("crm.activities", "references_resolve"): ("update crm.activities_versions set opportunity_id = 'd9'", 1),
    ("crm.loads", "fresh"): (
        "insert into crm.loads (tenant_id, source, status, load_seq, finished_at) values ('a', 'test', 'finished', 1, now() - interval '49 hours')", 1),
    ("crm.opportunity_history", "references_resolve"): ("update crm.opportunity_history_versions set opportunity_id = 'd9'", 1),
}  # fmt: skip


@pytest.mark.parametrize(
    "check", [c for c in all_checks() if c.table.startswith("crm.")], ids=lambda check: f"{check.table}__{check.rule}"
)
def test_each_check_of_loaded_tables_finds_what_breaks_it(clean: Settings, check: Check) -> None:
    with databases.connect(clean, "source") as connection, connection.cursor() as cursor:
        cursor.execute(DEAL)
    assert rows_of(clean, check).empty
    broken, count = SOURCE_BREAKS[check.table, check.rule]
    with databases.connect(clean, "source") as connection, connection.cursor() as cursor:
        cursor.execute(broken)
    assert len(rows_of(clean, check)) == count


def rows_of(settings: Settings, check: Check, *statements: str) -> pd.DataFrame:
    """The check's rows after the statements, all of which are undone."""
    with databases.engine(settings, "warehouse").connect() as connection, connection.begin() as transaction:
        for statement in (UNGUARD, STEPS, GOOD, *statements):
            if statement:
                connection.exec_driver_sql(statement)
        rows = offending_rows(connection, check, settings.max_age_days)
        transaction.rollback()
    return rows


@pytest.mark.parametrize(
    "check", [c for c in all_checks() if c.table == FUNNEL], ids=lambda check: f"{check.table}__{check.rule}"
)
def test_each_check_finds_what_breaks_it_and_nothing_else(clean: Settings, check: Check) -> None:
    with databases.connect(clean, "source") as connection, connection.cursor() as cursor:
        cursor.execute(LOADED.format(seq=1, at="now()"))
    assert rows_of(clean, check).empty
    broken, source, count = BREAKS[check.rule]
    if source:
        with databases.connect(clean, "source") as connection, connection.cursor() as cursor:
            cursor.execute("truncate crm.tenants cascade")
            cursor.execute(source)
    assert len(rows_of(clean, check, broken)) == count


def test_a_report_from_a_load_that_is_too_old_is_stale(clean: Settings) -> None:
    [check] = [check for check in all_checks() if (check.table, check.rule) == (FUNNEL, "fresh")]
    with databases.connect(clean, "source") as connection, connection.cursor() as cursor:
        cursor.execute(LOADED.format(seq=1, at="now() - interval '49 hours'"))
    assert list(rows_of(clean, check).tenant_id) == ["a"]


def test_every_check_has_a_case_here() -> None:
    assert {check.rule for check in all_checks() if check.table == FUNNEL} == set(BREAKS)
    others = {(check.table, check.rule) for check in all_checks() if check.table != FUNNEL}
    assert (
        others
        == set(SOURCE_BREAKS) | set(TRIPS) | set(METRICS_TRIPS) | set(VALUES_TRIPS) | set(REPORT_TRIPS) | SCORE_TRIPS
    )


def test_a_failed_error_check_is_reported_by_the_run(clean: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that a check refuses end in a failed check of the Dagster run, with those rows in its metadata."""
    import dagster as dg

    from revops_assets.definitions import defs

    with databases.engine(clean, "warehouse").begin() as connection:
        connection.execute(sa.text(STEPS))
        connection.execute(sa.text(f"insert into {FUNNEL} values ('a', '2024-02-01', 'Step 1: Lead', 1, -5, 1)"))
    try:
        with dg.DagsterInstance.ephemeral() as instance:
            checks = [check for check in defs.asset_checks or () if isinstance(check, dg.AssetChecksDefinition)]
            everything = dg.AssetSelection.all_asset_checks()
            run = dg.materialize(checks, selection=everything, instance=instance, resources=defs.resources)  # type: ignore[arg-type]
            found = {e.check_name: e for e in run.get_asset_check_evaluations()}
        assert not found["non_negative_deals_count"].passed
        assert found["non_negative_deals_count"].severity == dg.AssetCheckSeverity.ERROR
        assert "-5" in str(found["non_negative_deals_count"].metadata["rows"].value)
        assert found["unique_step"].passed
    finally:
        with databases.engine(clean, "warehouse").begin() as connection:
            connection.execute(sa.text(f"delete from {FUNNEL}"))
