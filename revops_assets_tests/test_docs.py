"""The documents are true: their commands and settings exist, and their SQL runs and finds what they say."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from revops_assets.catalogue import CATALOGUE
from revops_assets.catalogue.metrics import STALE_DAYS
from revops_assets.contracts import dictionary, questions
from revops_assets.loading import columns_page
from revops_assets.loading.load import choose_mappings, load_all, load_directory
from revops_assets.loading.mapping_file import read_mapping
from revops_assets.loading.targets import key_of, targets
from revops_assets.scenario import salesforce
from revops_assets.scenario.calendar import day_end
from revops_assets.scenario.model import Plan
from revops_assets.settings import PROJECT_ROOT, SQL_DIR, Settings
from revops_assets.warehouse import databases
from revops_assets.warehouse.roles import roles
from revops_assets_tests.building import materialize
from revops_assets_tests.company import generated
from revops_assets_tests.conftest import Query
from revops_assets_tests.test_cli import commands

__all__ = ["generated"]


DOCS = [PROJECT_ROOT / "README.md", *sorted((PROJECT_ROOT / "docs").rglob("*.md"))]


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", path.read_text(), re.DOTALL)


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_links_commands_and_settings_exist(path: Path) -> None:
    text = path.read_text()
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", text):
        assert (path.parent / target).exists(), target
    known = {" ".join(command) for command in commands()}
    for call in re.findall(r"(?:`|bin/)revops ((?:[a-z][a-z-]* ?)+)", text):
        words = call.split()
        assert words[0] in known, call
        assert len(words) == 1 or " ".join(words[:2]) in known or words[0] not in {"db", "funnel", "scenario"}, call
    for name in set(re.findall(r"REVOPS_(?!TEST_)([A-Z_]+)", text)) - {"DB_PASSWORD"}:
        assert name.lower() in Settings.model_fields, name


def test_every_command_is_documented() -> None:
    text = "\n".join(path.read_text() for path in DOCS)
    for command in commands():
        if len(command) == 2 or (len(command) == 1 and command[0] not in {"db", "funnel", "scenario", "demo", "up"}):
            assert re.search(r"revops " + r"\s+".join(command) + r"\b", text) or re.search(
                rf"revops {command[0]} [^`]*\b{command[-1]}\b", text
            ), command


def test_the_data_dictionary_is_that_of_the_contracts() -> None:
    assert dictionary.PATH.read_text() == dictionary.dictionary(), "run `make docs`"


def of_generated(page: str) -> list[str]:
    """A page's SQL, asked of the generated company."""
    return [text.replace("'acme'", "'a'") for text in blocks(PROJECT_ROOT / "docs" / page, "sql")]


@pytest.mark.usefixtures("generated")
def test_the_calls_of_the_daily_metrics_page_run(warehouse: Query) -> None:
    calls, roles = of_generated("daily_metrics.md")
    *functions, query, _ = re.split(r";.*\n", calls)
    assert len(functions) == 5 and all(warehouse(call)[0][0] > 0 for call in functions)
    found = warehouse(query)
    assert {row[0] for row in found} == {date(2024, 3, day) for day in range(25, 32)}
    assert sum(sum(row[2:]) for row in found) > 0
    assert re.findall(r"in role (\w+);", roles) == ["revops_bi", "revops_loader"]


@pytest.mark.usefixtures("generated")
def test_the_queries_of_the_dashboards_page_run(warehouse: Query) -> None:
    history, actions = of_generated("dashboards.md")
    assert [week for week, *_ in warehouse(history.replace("Q4 2026", "Q2 2024"))] == list(range(1, 14))
    [(rep,)] = warehouse("select min(rep_id) from dashboard.next_best_actions")
    assert warehouse(actions.replace("005R0005", rep))[0][0] == 1


def test_the_questions_of_the_bi_page_are_answered_to_the_bi_role(clean: Settings) -> None:
    grant, *shown = blocks(PROJECT_ROOT / "docs" / "bi.md", "sql")
    assert grant.startswith("create role") and len(shown) >= 10
    assert questions.page() == questions.PAGE.read_text(), "run `make docs`"
    for query in shown:
        with databases.connect(clean, "warehouse") as connection, connection.cursor() as cursor:
            cursor.execute(f"set local role {roles(clean).bi}")
            cursor.execute(query)
            assert cursor.description


@pytest.mark.parametrize("path", sorted((SQL_DIR / "questions").glob("*.sql")), ids=lambda path: path.stem)
def test_every_dataset_s_questions_run(clean: Settings, warehouse: Query, path: Path) -> None:
    assert path.stem in CATALOGUE
    found = questions.questions(path.stem)
    assert len(found) == 2 and path.read_text().count(";") == 2
    for question, statement in found:
        assert question.endswith("?") and re.search(rf"\b{path.stem}\b", statement)
        warehouse(statement)


def test_what_any_dataset_can_be_asked_runs(clean: Settings, warehouse: Query) -> None:
    for dataset in CATALOGUE.values():
        if dataset.made_by != "reference file" and dataset.table != STALE_DAYS:
            found = questions.plain_questions(dataset.file)
            assert len(found) == 2
            for question, statement in found:
                assert question.endswith("?")
                warehouse(statement)


def test_the_example_of_the_loading_page_works_when_copied(tmp_path: Path, clean: Settings, warehouse: Query) -> None:
    page = PROJECT_ROOT / "docs" / "loading.md"
    [table], [mapping] = blocks(page, "csv"), blocks(page, "yaml")
    (tmp_path / "deals.csv").write_text(table)
    (tmp_path / "ours.yaml").write_text(mapping)
    [result] = load_all(clean, tmp_path, choose_mappings(tmp_path, ["ours.yaml"]), "ours")
    assert (result.rows_read, result.rows_rejected, result.unread) == (2, 0, [])
    materialize(clean, '+key:"dashboard/dashboard_kpis"', "2024-03-19", "2024-03-20")
    [query] = re.findall(r"psql -- -c \"(.*?)\"", page.read_text(), re.DOTALL)
    assert warehouse(query) == [(date(2024, 3, 19), 2, 0), (date(2024, 3, 20), 1, 12500)]
    visits = "select opportunity_id, stage_id, entered_at::date::text, ended_by from staging.stage_visits order by 1, visit_number"
    assert warehouse(visits) == [
        ("D-1", "Lead", "2024-03-04", "forward"), ("D-1", "Qualified", "2024-03-06", "forward"), ("D-1", "Offer", "2024-03-12", "won"),
        ("D-2", "Lead", "2024-03-05", "forward"), ("D-2", "Qualified", "2024-03-11", "open"),
    ]  # fmt: skip


def test_the_columns_page_is_that_of_the_targets() -> None:
    assert columns_page.PATH.read_text() == columns_page.page(), "run `make docs`"


def test_the_targets_are_the_columns_of_the_database(source: Query) -> None:
    found = source(
        "select t.table_name, a.attname, format_type(a.atttypid, a.atttypmod) from crm.canonical_tables as t"
        " inner join pg_attribute as a on a.attrelid = format('crm_staging.%I', t.table_name)::regclass and a.attnum > 0"
        " and not a.attisdropped where a.attname not in ('load_id', 'file_name', 'line_no', 'record')"
    )
    assert {(t, c, kind) for t, c, kind in found} == {
        (table, target.column, target.type) for table, columns in targets().items() for target in columns.values()
    }
    keys = dict(source("select table_name, key_column from crm.canonical_tables"))
    assert keys == {table: key_of(table) for table in targets()}
    for table, columns in targets().items():  # what may be in a column is what its rule lets in
        for target in columns.values():
            for value in target.allowed if target.column != "closing_known_by" else ():
                rule = f"select pg_get_constraintdef(oid) from pg_constraint where conname = '{table}_versions_{target.column}_check'"
                assert f"'{value}'" in source(rule)[0][0]


def test_the_patterns_are_found_as_the_docs_say(tmp_path: Path, clean: Settings, source: Query) -> None:
    plan = Plan(500, date(2024, 2, 14), 1, "UTC")
    salesforce.write(tmp_path, plan, day_end(plan, plan.end_date))
    load_directory(clean, tmp_path, read_mapping("salesforce"), "acme")
    [text] = blocks(PROJECT_ROOT / "docs" / "scenario.md", "sql")
    threads, stages, slow, reps, quarters, named = (source(query) for query in text.split(";\n") if query.strip())
    win_rates = [float(rate) for contacts, deals, rate in threads if deals >= 20]
    assert win_rates == sorted(win_rates)
    by_stage = {stage: (float(expected), float(mean)) for stage, expected, mean, _ in stages}
    assert 10.5 < by_stage["Legal Review"][1] < 13.5
    assert slow[0][0] == "Walter Brandt"
    assert float(slow[0][1]) > 1.4 * float(slow[1][1])
    assert reps[0][0] == "Sofia Reyes"
    assert {name for name, *_ in reps[-5:]} >= {"Ben Castor"}
    share = [float(row[2]) for row in quarters if row[0] == 13_000_000]
    assert share and 0.60 < share[0] < 0.66
    found = {name: (stage, float(amount), str(close), str(last)[:10]) for name, stage, amount, close, last in named}
    assert found["Northwind Global Platform"] == ("Verbal Commit", 1_450_000, "2024-03-09", "2024-01-19")
    assert found["Halcyon Finance Platform"][0] == "Legal Review"
    assert found["Orion Retail Rollout"][:3] == ("Procurement", 380_000, "2024-02-18")
    assert len(found) == 5
    moved = source("select changed_at::date from crm.opportunity_history as h inner join crm.opportunities as o using (tenant_id, opportunity_id)"
                   " where o.name = 'Halcyon Finance Platform' and h.field = 'stage_id' order by changed_at desc limit 1")  # fmt: skip
    assert (date(2024, 2, 14) - moved[0][0]).days == 45 + (
        date(2023, 12, 31).weekday() - 4
    )  # a Sunday's work is Friday's


@pytest.mark.usefixtures("generated")
def test_the_stage_velocity_page_s_sql_runs(warehouse: Query) -> None:
    then, run, read = (
        block for text in of_generated("stage_velocity.md") for block in text.split(";\n") if block.strip()
    )
    still_open = warehouse("select count(*) from crm_remote.opportunities where not is_closed")[0][0]
    assert 0 < still_open <= len(warehouse(then.replace("2024-03-01Z", "2024-04-03Z")))
    assert len(warehouse(run)) == 1
    assert len(warehouse(read)) == 9


@pytest.mark.usefixtures("generated")
def test_the_daily_page_s_sql_runs(warehouse: Query) -> None:
    [text] = of_generated("daily.md")
    rows = warehouse(text)
    assert 3 < len(rows) <= 10
    scores = [row[2] for row in rows]
    assert scores == sorted(scores)
