"""`revops db upgrade`: builds everything, again and again, several at once, and keeps the data."""

from __future__ import annotations

import gzip
import lzma
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from revops_assets.errors import RevopsError
from revops_assets.settings import Settings
from revops_assets.warehouse import databases
from revops_assets.warehouse.upgrade import upgrade
from revops_assets_tests.conftest import Query, drop_databases, query

UPGRADE = "from revops_assets.cli import main; import sys; sys.argv = ['revops', 'db', 'upgrade']; main()"

CONSTRAINTS = """
select conrelid::regclass::text, pg_get_constraintdef(oid), obj_description(oid) from pg_constraint
where conrelid not in (select ftrelid from pg_foreign_table union all select 0)  -- which only tell the planner
    and connamespace::regnamespace::text !~ '^(pg_|information_schema)'
order by 1, 2
"""
INDEXES = """
select indrelid::regclass::text, regexp_replace(pg_get_indexdef(indexrelid), 'INDEX \\w+ ON', 'INDEX ON') from pg_index
where (select relnamespace::regnamespace::text !~ '^pg_' from pg_class where oid = indrelid) order by 1, 2
"""
POLICIES = """
select polrelid::regclass::text, polname::text, polcmd::text, pg_get_expr(polqual, polrelid), relforcerowsecurity
from pg_policy inner join pg_class on pg_class.oid = polrelid order by 1, 2
"""
KEPT = (
    "staging.deal_days",
    "enriched.deal_health_scores",
    "dashboard.dashboard_kpis",
    "ai.rep_coaching_insights",
    "ops.partition_ledger",
)


def shape(settings: Settings) -> list[tuple[object, ...]]:
    """Every relation and column of both kinds of database."""
    statement = (
        "select table_schema, table_name, column_name, data_type from information_schema.columns"
        " where table_schema not in ('pg_catalog', 'information_schema') order by 1, 2, ordinal_position"
    )
    return [*query(settings, "source", statement), *query(settings.for_env("prod"), "warehouse", statement)]


def test_a_second_upgrade_creates_nothing_and_keeps_the_data(clean: Settings, source: Query) -> None:
    source("insert into crm.tenants values ('acme', 'Acme')")
    before = shape(clean)
    assert upgrade(clean).created == []
    assert shape(clean) == before
    assert source("select name from crm.tenants") == [("Acme",)]


def test_two_upgrades_of_a_fresh_server_at_once(settings: Settings) -> None:
    fresh = settings.model_copy(update={"database_prefix": settings.database_prefix + "two_"})
    environment = os.environ | {"REVOPS_DATABASE_PREFIX": fresh.database_prefix}
    try:
        processes = [
            subprocess.Popen([sys.executable, "-c", UPGRADE], env=environment, stdout=subprocess.PIPE, text=True)
            for _ in range(2)
        ]
        said = [process.communicate(timeout=120)[0] for process in processes]
        assert [process.returncode for process in processes] == [0, 0], said
        assert sum("created" in text for text in said) == 1
        assert shape(fresh) == shape(settings)
    finally:
        drop_databases(fresh)


def test_a_column_that_the_source_gained_appears_in_the_foreign_table(clean: Settings, warehouse: Query) -> None:
    with databases.connect(clean, "source") as connection, connection.cursor() as cursor:
        cursor.execute("alter table crm.tenants add column industry text")
    try:
        upgrade(clean)
        assert warehouse("select industry from crm_remote.tenants") == []
    finally:
        with databases.connect(clean, "source") as connection, connection.cursor() as cursor:
            cursor.execute("alter table crm.tenants drop column industry")
        for env in ("dev", "prod"):
            query(clean.for_env(env), "warehouse", "alter foreign table crm_remote.tenants drop column industry")  # type: ignore[arg-type]


def test_the_warehouse_reads_the_source_over_postgres_fdw_only(warehouse: Query) -> None:
    kinds = dict(warehouse("select relnamespace::regnamespace::text, string_agg(distinct relkind::text, '') from pg_class"
                           " where relnamespace::regnamespace::text in ('crm_remote', 'pipedrive_remote') group by 1"))  # fmt: skip
    assert kinds == {"crm_remote": "f", "pipedrive_remote": "f"}


def test_filters_of_staging_are_pushed_down_to_the_source(warehouse: Query) -> None:
    plan = "\n".join(
        line
        for (line,) in warehouse(
            "explain (verbose, costs off) select * from pipedrive.stg_deal_changes where tenant_id = 'a'"
        )
    )
    remote = next(line for line in plan.splitlines() if "Remote SQL" in line)
    assert "known_from <= $1" in remote
    assert "known_to > $2" in remote
    assert "tenant_id = 'a'" in remote
    assert "Filter:" not in plan


def test_a_server_that_is_not_there_is_named_without_its_password(settings: Settings) -> None:
    from pydantic import SecretStr

    away = settings.model_copy(update={"database_url": SecretStr("postgresql://u:hush@127.0.0.1:1/postgres")})
    with pytest.raises(RevopsError) as raised:
        upgrade(away)
    assert "cannot connect to postgresql+psycopg2://u:***@127.0.0.1:1/postgres" in str(raised.value)
    assert "hush" not in str(raised.value)


def test_a_view_with_other_columns_is_replaced_but_not_under_somebody_s_feet(clean: Settings, warehouse: Query) -> None:
    """As a release would that changes a view's columns: the project's own readers are laid anew, others' are named."""
    warehouse("drop view dyno_crm.deal_pipeline_stage_state, staging.stage_visits")
    warehouse("create view staging.stage_visits as select 1 as earlier")
    warehouse("create view dyno_crm.deal_pipeline_stage_state as select earlier from staging.stage_visits")
    warehouse("create view public.mine as select earlier from dyno_crm.deal_pipeline_stage_state")
    with pytest.raises(
        RevopsError, match=r"the columns of staging\.stage_visits change with this release, and public\.mine"
    ):
        upgrade(clean)
    assert warehouse("select earlier from public.mine") == [(1,)]
    warehouse("drop view public.mine")
    before = shape(clean)
    upgrade(clean)
    assert warehouse("select count(visit_number) from staging.stage_visits") == [(0,)]
    assert warehouse("select count(*) from dyno_crm.deal_pipeline_stage_state") == [(0,)]
    assert shape(clean) == before  # of prod


# Commits whose schema had landed before this one, oldest first; make_release.py makes their dumps.
LANDED = ("ce17fac", "169619f", "4637bd8")
TABLES = """
select relnamespace::regnamespace || '.' || relname, array_agg(quote_ident(attname) order by attname) from pg_class
inner join pg_attribute on attrelid = pg_class.oid and attnum > 0 and not attisdropped
where relkind in ('r', 'p') and not relispartition and relnamespace::regnamespace::text !~ '^(pg_|information_schema|public)'
group by 1 order by 1
"""
# What an upgrade writes itself.
WRITTEN_BY_UPGRADES = {
    "crm.canonical_tables",
    "ops.calendar",
    "ops.calendar_settings",
    "ops.stale_partitions",
    "semantic.column_metadata",
}


def restore(settings: Settings, release: str, read: Callable[[Path], bytes]) -> Settings:
    """Databases as a landed commit left them, under a prefix of their own (12 deals, days of March 2024; the largest
    tables without rows)."""
    old = settings.model_copy(update={"database_prefix": settings.database_prefix + f"old_{release}_"})
    server = databases.open_connection(old, databases.server_url(old))
    server.autocommit = True
    for database in ("source", "warehouse"):
        with server.cursor() as cursor:
            cursor.execute(f'create database "{databases.name_of(old, database)}" template template0')  # type: ignore[arg-type]
        [path] = (Path(__file__).parent / "releases" / release).glob(f"{database}.sql.*")
        query(old, database, read(path).decode())  # type: ignore[arg-type]
    server.close()
    return old


def rows_of(settings: Settings, database: databases.Database, columns: dict[str, list[str]]) -> dict[str, object]:
    """Of each table how many rows, and a number that they give in these columns."""
    return {
        table: query(
            settings, database,
            f"select count(*), sum(hashtextextended(row({', '.join(names)})::text, 0)::numeric)::text from {table}",
        )
        for table, names in columns.items()
    }  # fmt: skip


@pytest.mark.parametrize("release", LANDED)
def test_every_landed_schema_is_upgraded_with_its_rows(settings: Settings, release: str) -> None:
    """Afterwards it is a fresh one's schema, with every row that was there, in every column that still is."""
    old = restore(settings, release, lambda path: lzma.decompress(path.read_bytes()))
    try:
        before = {database: dict(query(old, database, TABLES)) for database in ("source", "warehouse")}  # type: ignore[arg-type]
        fresh = {database: dict(query(settings, database, TABLES)) for database in before}  # type: ignore[arg-type]
        common = {
            database: {
                table: sorted(set(names) & set(fresh[database][table]))
                for table, names in tables.items()
                if table in fresh[database] and table not in WRITTEN_BY_UPGRADES
            }
            for database, tables in before.items()
        }
        held = {database: rows_of(old, database, tables) for database, tables in common.items()}  # type: ignore[arg-type]
        filled = {table for tables in held.values() for table, rows in tables.items() if rows != [(0, None)]}
        assert len(filled) > 60 and {"crm.opportunities_versions", *KEPT} <= filled
        upgrade(old)
        assert sorted(shape(old)) == sorted(shape(settings))
        for statement in CONSTRAINTS, INDEXES, POLICIES:
            for database in ("source", "warehouse"):
                assert query(old, database, statement) == query(settings, database, statement)  # type: ignore[arg-type]
        assert {database: rows_of(old, database, tables) for database, tables in common.items()} == held  # type: ignore[arg-type]
        # Days that stand there are stale of what they lack, and of nothing else.
        reasons = query(old, "warehouse", "select distinct reason from ops.stale_partitions order by 1")
        assert {reason for (reason,) in reasons} <= {"a new column", "a new dataset"}
        assert query(old, "warehouse", "select count(*) from crm_remote.opportunities") > [(0,)]
    finally:
        drop_databases(old)


def test_the_schema_before_the_baseline_is_upgraded_with_its_rows(settings: Settings) -> None:
    """As commit 2af5b4d left it."""
    old = restore(settings, "2af5b4d", lambda path: gzip.decompress(path.read_bytes()))
    try:
        kept = {table: query(old, "warehouse", f"select count(*) from {table}") for table in KEPT}
        assert all(rows > [(0,)] for rows in kept.values())
        upgrade(old)
        assert sorted(shape(old)) == sorted(shape(settings))
        for statement in CONSTRAINTS, INDEXES:
            assert query(old, "warehouse", statement) == query(settings, "warehouse", statement)
            assert query(old, "source", statement) == query(settings, "source", statement)
        assert query(old, "warehouse", POLICIES) == query(settings, "warehouse", POLICIES)
        assert kept == {table: query(old, "warehouse", f"select count(*) from {table}") for table in KEPT}
        stale = query(old, "warehouse", "select distinct dataset, reason from ops.stale_partitions order by 1")
        columns = [("analytics.forecast_confidence", "a new column"), ("analytics.stage_velocity", "a new column"), ("enriched.stage_rules", "a new column")]  # fmt: skip
        assert sorted(set(stale) - set(columns)) == [
            (name, "a new dataset")
            for name in (
                "ai.action_outcomes",
                "ai.insight_outcomes",
                "analytics.caller_record",
                "analytics.cohort_conversion",
                "analytics.coverage_needed",
                "analytics.forecast_calls",
                "analytics.forecast_errors",
                "analytics.forecast_methods",
                "analytics.forecast_record",
                "analytics.forecast_targets",
                "analytics.learned_health_weights",
                "analytics.logistic_models",
                "analytics.logistic_probability",
                "analytics.pipeline_generation",
                "analytics.push_report",
                "analytics.quota_pacing",
                "analytics.rep_results",
                "analytics.score_calibration",
                "analytics.source_funnel",
                "analytics.stage_durations",
                "analytics.win_probability",
                "analytics.win_rates",
                "semantic.metric_values",
                "staging.stage_survival",
            )
        ]
        assert set(columns) <= set(stale)
    finally:
        drop_databases(old)


def test_a_table_follows_its_file_where_no_row_is_touched(clean: Settings, warehouse: Query) -> None:
    """A new column is added and days built without it are stale; a column of another type is a migration's to change."""
    warehouse("alter table enriched.deal_people drop column contact_role")
    warehouse(
        "insert into ops.partition_ledger values ('enriched.deal_people', 'a', '2024-02-29', 1),"
        " ('staging.deal_days', 'a', '2024-02-29', 1), ('staging.deal_days', 'a', '2024-03-01', 1)"
    )
    warehouse("drop table analytics.best_times")
    before = shape(clean)
    upgrade(clean)
    assert sorted(shape(clean)) == sorted(before)  # of prod, where nothing was missing
    assert warehouse("select contact_role from enriched.deal_people") == []
    assert warehouse("select dataset, snapshot_date::text, reason from ops.stale_partitions order by 1, 2") == [
        ("analytics.best_times", "2024-02-29", "a new dataset"), ("analytics.best_times", "2024-03-01", "a new dataset"),
        ("enriched.deal_people", "2024-02-29", "a new column"),
    ]  # fmt: skip
    warehouse("alter table enriched.deal_people alter column contact_role type varchar(9), add column mine int")
    try:
        with pytest.raises(RevopsError) as raised:
            upgrade(clean)
    finally:
        warehouse("alter table enriched.deal_people alter column contact_role type text, drop column mine")
    assert str(raised.value) == (
        "enriched.deal_people: contact_role is stored as character varying(9), its file says text; mine is no longer in its"
        " file. Only a migration (sql/0_schema/warehouse/migrations) can say what becomes of the rows"
    )


def test_a_schema_from_before_the_baseline_is_named(settings: Settings) -> None:
    ancient = settings.model_copy(update={"database_prefix": settings.database_prefix + "ancient_"})
    try:
        upgrade(ancient)
        query(ancient, "warehouse", "update schema_version set version_num = '0007'")
        with pytest.raises(RevopsError, match=r"has a schema from before the baseline \(.*'0007'.*\): upgrade it with"):
            upgrade(ancient)
        query(ancient, "warehouse", "update schema_version set version_num = '9999'")
        with pytest.raises(
            RevopsError, match=r"has a schema from a newer release \(.*'9999'.*\): upgrade with that one"
        ):
            upgrade(ancient)
    finally:
        drop_databases(ancient)
