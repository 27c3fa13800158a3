"""Column metadata by all its doors, the profiler, and the folder for analysts."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from revops_assets.assets.metadata import look
from revops_assets.catalogue import CATALOGUE
from revops_assets.cli import register
from revops_assets.errors import RevopsError
from revops_assets.registry import columns
from revops_assets.registry.profile import profile
from revops_assets.registry.sync import import_definitions
from revops_assets.reports.analyst import QUERY_TEXTS, check, setup
from revops_assets.serving import tokens
from revops_assets.serving.api import application
from revops_assets.settings import Settings
from revops_assets.warehouse import databases
from revops_assets.warehouse.roles import analyst_url
from revops_assets.warehouse.upgrade import upgrade
from revops_assets_tests.building import materialize
from revops_assets_tests.conftest import Put, Query

KPIS = "dashboard.dashboard_kpis"
COMMENT = (
    "select col_description(%s::regclass, attnum) from pg_attribute where attrelid = %s::regclass and attname = %s"
)


@pytest.fixture(autouse=True)
def comments_as_they_were(clean: Settings) -> Any:
    """Comments are no rows: `clean` leaves them."""
    yield
    with databases.engine(clean, "warehouse").begin() as connection:
        connection.exec_driver_sql("truncate semantic.column_metadata")
    upgrade(clean)


def says(*words: str, exit_code: int = 0) -> str:
    result = CliRunner().invoke(register(), ["columns", *words])
    assert result.exit_code == exit_code, (result.output, result.exception)
    return result.output


def comment(warehouse: Query, table: str, column: str) -> str:
    [(found,)] = warehouse(COMMENT, table, table, column)
    return str(found)


def test_what_is_typed_is_the_comment_the_graph_s_description_and_the_dictionary_s(
    clean: Settings, warehouse: Query
) -> None:
    header = comment(warehouse, KPIS, "ai_forecast")
    assert "written" in says(
        "set", f"{KPIS}.ai_forecast", "--description", "What we say | it's", "--basetype", "numeric"
    )
    assert "as it was" in says("set", f"{KPIS}.ai_forecast", "--description", "What we say | it's")
    assert comment(warehouse, KPIS, "ai_forecast") == "What we say | it's" != header
    with databases.engine(clean, "warehouse").connect() as connection:
        [shown] = [
            one for one in look(connection, CATALOGUE[KPIS].file)["dagster/column_schema"].columns if one.name == "ai_forecast"
        ]  # fmt: skip
    assert shown.description == "What we say | it's"
    assert "| ai_forecast | numeric(18, 2) | yes |  | What we say \\| it's |" in says("dictionary")
    assert "manual" in says("list") and "header" in says("show", KPIS)
    upgrade(clean)  # lays the headers' comments down, and what people said over them
    assert comment(warehouse, KPIS, "ai_forecast") == "What we say | it's"
    warehouse(f"comment on column {KPIS}.ai_forecast is 'somebody else''s'")
    assert "1 comments written" in says("push")
    assert comment(warehouse, KPIS, "ai_forecast") == "What we say | it's"


def test_import_and_export(clean: Settings, warehouse: Query, tmp_path: Path) -> None:
    path = tmp_path / "columns.csv"
    path.write_text(
        "table_id,column_name,basetype,description,confidence\n"
        f'{KPIS},quarter,STRING,"The quarter,\nfiscal",\n'
        f"{KPIS},nothing,,x,\n"
        "dashboard.nothing,quarter,,x,\n"
        f"{KPIS},ai_forecast,MONEY,x,\n"
        f"{KPIS},gap,,,\n"
        f"{KPIS},gap,,x,guess\n"
        f"{KPIS},tenant_id,string,,profiler,more\n"
        f"{KPIS},tenant_id,string,,profiler\n",
        encoding="utf-8",
    )
    told = says("import", str(path), exit_code=1)
    assert "2 columns written, 0 as they were, 6 lines not read" in told
    for line, said in (
        (4, "no column 'nothing'"), (5, "no table 'dashboard.nothing'"), (6, "basetype 'MONEY'"), (7, "has no column 'gap'"), (8, "has no column 'gap'"), (9, "more values"),
    ):  # fmt: skip
        assert any(f"line {line}: " in found and said in found for found in told.splitlines()), (line, said)
    assert says("export", str(tmp_path / "out.csv")) == f"2 columns in {tmp_path / 'out.csv'}\n"
    assert "0 columns written, 2 as they were, 0 lines" in says("import", str(tmp_path / "out.csv"))
    with (tmp_path / "out.csv").open(newline="") as file:
        assert [row["description"] for row in csv.DictReader(file)] == ["The quarter,\nfiscal", ""]
    for text, said in (("a,b\n", "line 1: the columns are"), ("", "line 1: the columns are")):
        path.write_text(text)
        result = CliRunner().invoke(register(), ["columns", "import", str(path)])
        assert isinstance(result.exception, RevopsError) and said in str(result.exception)
    result = CliRunner().invoke(register(), ["columns", "set", "ops.loads.x", "--description", "x"])
    assert "no table 'ops.loads'" in str(result.exception)


def test_over_http(clean: Settings) -> None:
    with databases.engine(clean, "warehouse").begin() as connection:
        heads = {
            role: {"Authorization": f"Bearer {tokens.create(connection, role, role, None)}"} for role in ("admin", "reader")
        }  # fmt: skip
    with TestClient(application(clean), raise_server_exceptions=False) as api:
        path = f"/api/admin/columns/{KPIS}/quarter"
        assert api.put(path, json={"description": "x"}).status_code == 401
        assert api.put(path, json={"description": "x"}, headers=heads["reader"]).status_code == 403
        made = api.put(path, json={"description": "The quarter"}, headers=heads["admin"])
        assert (made.status_code, made.json()["description"], made.json()["confidence"]) == (
            200,
            "The quarter",
            "manual",
        )
        assert api.get("/api/columns", headers=heads["reader"]).json()["count"] == 1
        assert api.get(f"/api/columns/{KPIS}", headers=heads["reader"]).json()["count"] > 20
        assert api.get("/api/columns/a.b", headers=heads["reader"]).status_code == 404
        assert (
            api.put(f"/api/admin/columns/{KPIS}/x", json={"description": "x"}, headers=heads["admin"]).status_code
            == 404
        )
        assert api.put(path, json={}, headers=heads["admin"]).status_code == 422
        assert api.put(path, json={"basetype": "x"}, headers=heads["admin"]).status_code == 422


def test_the_profiler_counts_each_company_and_leaves_what_people_said(
    clean: Settings, put: Put, warehouse: Query
) -> None:
    put(
        "a",
        tickets=[
            {"ticket_id": "1", "priority": "high", "created_at": "2024-01-05Z"},
            {"ticket_id": "2", "priority": "low", "created_at": "2024-02-05Z", "resolved_at": "2024-02-05 06:00Z"},
            {"ticket_id": "3", "priority": "low", "created_at": "2024-02-06Z"},
        ],
    )
    put("b", tickets=[{"ticket_id": "9", "created_at": "2023-01-05Z"}])
    with databases.engine(clean, "warehouse").begin() as connection:
        import_definitions(connection, clean.metrics_dir)
        columns.set_column(connection, "semantic_input.tickets", "priority", "How urgent")
        assert profile(connection, clean) > 0
        assert profile(connection, clean) > 0  # again: the same rows
    rows = warehouse(
        "select tenant_id, column_name, basetype, rows_count, nulls_count, distinct_count, min_value, max_value, metrics"
        " from semantic.table_profiles where table_id = 'semantic_input.tickets'"
        " and column_name in ('created_at', 'priority', 'resolution_hours') order by 1, 2"
    )
    mttr = ["operations/support_resolution_time"]
    assert rows == [
        ("a", "created_at", "DATE", 3, 0, 3, "2024-01-05", "2024-02-06", mttr), ("a", "priority", "STRING", 3, 0, 2, "high", "low", mttr),
        ("a", "resolution_hours", "NUMERIC", 3, 2, 1, "6.0000000000000000", "6.0000000000000000", mttr),
        ("b", "created_at", "DATE", 1, 0, 1, "2023-01-05", "2023-01-05", mttr), ("b", "priority", "STRING", 1, 1, 0, None, None, mttr),
        ("b", "resolution_hours", "NUMERIC", 1, 1, 0, None, None, mttr),
    ]  # fmt: skip
    said = dict(
        (name, (description, confidence))
        for name, description, confidence in warehouse(
            "select column_name, description, confidence from semantic.column_metadata where table_id = 'semantic_input.tickets'"
        )
    )
    assert said["priority"] == ("How urgent", "manual")
    assert said["created_at"] == ("time column of operations/support_resolution_time", "profiler")
    assert said["status"] == (None, "profiler")


def test_the_analyst_s_folder_connects_reads_and_says_how_fresh_the_data_is(
    clean: Settings, put: Put, tmp_path: Path, warehouse: Query
) -> None:
    folder = tmp_path / "analyst"
    put("a", opportunities=[{"opportunity_id": "d", "stage_id": "Proposal", "created_at": "2024-01-01Z"}])
    with databases.engine(clean, "warehouse").begin() as connection:
        import_definitions(connection, clean.metrics_dir)
    materialize(clean, "group:metrics", str(date(2024, 3, 31)))
    written = setup(clean, folder)
    assert {"pg_service.conf", "CLAUDE.md", "metrics.md", "tables.md"} <= {path.name for path in written}
    assert {path.stem for path in (folder / "queries").glob("*.sql")} == QUERY_TEXTS.keys()
    assert "never invent" in (folder / "CLAUDE.md").read_text().lower()
    assert "| revenue/mrr |" in (folder / "metrics.md").read_text()
    tables = (folder / "tables.md").read_text()
    assert "## metrics.rep_daily_pipeline" in tables and "Newest day: 2024-03-31." in tables
    assert "crm." not in tables and "ops." not in tables
    if analyst_url(clean).password:
        assert (folder / ".pgpass").stat().st_mode & 0o077 == 0
    faults, told = check(clean, folder)
    assert faults == [] and [(line["tenant"], line["is_stale"]) for line in told] == [("a", False)]
    assert "newest day 2024-03-31" in CliRunner().invoke(register(), ["analyst", "check", str(folder)]).output
    reader = databases.open_connection(clean, analyst_url(clean))
    for statement, error in (
        ("select * from ops.api_tokens", psycopg2.errors.InsufficientPrivilege), ("select * from staging.deal_days", psycopg2.errors.InsufficientPrivilege),
        ("delete from semantic.metric_values", psycopg2.errors.Error), ("create table semantic.x (n int)", psycopg2.errors.Error), ("create temp table x (n int)", psycopg2.errors.Error),
    ):  # fmt: skip
        with pytest.raises(error), reader, reader.cursor() as cursor:
            cursor.execute(statement)
    reader.close()
    (folder / "queries" / "odd.sql").write_text("select * from staging.deal_days")
    old = clean.model_copy(update={"max_age_days": 1e-9})
    faults, _ = check(old, folder)
    assert "odd.sql: permission denied" in faults[0] and "a: the newest load is older than" in faults[1]
    with pytest.raises(RevopsError, match=r"has no pg_service\.conf"):
        check(clean, tmp_path)
