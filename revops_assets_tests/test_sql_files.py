"""The SQL files themselves: what they read is what is declared, they read no clock, their headers tell the truth."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa
import sqlglot
from sqlglot import exp

from revops_assets.assets.spec import asset_key
from revops_assets.catalogue import CATALOGUE, FULL_REFRESHES, HISTORY, all_read, through_views
from revops_assets.catalogue.dataset import full_refresh
from revops_assets.datasets.lineage import asset_of, column_lineage
from revops_assets.definitions import defs
from revops_assets.errors import RevopsError
from revops_assets.learning import health_weights, logistic
from revops_assets.settings import SQL_DIR, Settings
from revops_assets.warehouse import databases
from revops_assets.warehouse.sql_files import Column, SqlFile, columns_after, dataset_files, header_and_body, parse
from revops_assets_tests.conftest import Query

FILES = sorted(dataset_files().values(), key=lambda file: file.table)
CLOCK = re.compile(
    r"\b(now\s*\(|current_(date|time|timestamp)\b|local(time|timestamp)\b|(clock|statement|transaction)_timestamp\s*\(|timeofday\s*\("
    r"|random(_normal)?\s*\(|gen_random_uuid\s*\(|uuidv?[47]\s*\(|age\s*\([^,()]*\)|setseed\s*\()"
    r"|\b(date|timestamptz|timestamp)\s*'(now|today|yesterday|tomorrow)'|'(now|today|yesterday|tomorrow)'\s*::",
    re.IGNORECASE,
)
# What says when something was done, or which day is meant where none is given.
READS_THE_CLOCK = {
    "finish_load.sql", "note_change.sql", "undo_load.sql",  # when a load finished
    "note_days.sql", "request_stale_days.sql",  # when a day was marked stale
    "refresh.sql", "run_log.sql",  # when a run of the daily metrics began and ended
    "begin_refresh.sql",  # days that are yet to come are refused
    "run_daily_metrics.sql",  # yesterday, where no day is given
    "run_stage_velocity_report.sql",  # as of now, where no instant is given
}  # fmt: skip


EVENTS = {"activities", "forecast_calls", "opportunity_history"}
# Views of history that are laid from other tables than the one of their name (sql/0_schema/warehouse/functions/lay_history.sql).
LAID_FROM = {
    "lead_values": ("crm.leads", "crm.lead_history"),
    "opportunity_values": ("crm.opportunities", "crm.opportunity_history"),
    "stage_benchmarks": ("crm.stage_benchmarks", "staging.pipeline_stages"),
}


def tables_read(file: SqlFile) -> set[dg.AssetKey]:
    """Keys of the assets whose tables the SQL names, CTEs left out."""
    tree = sqlglot.parse_one(file.select, read="postgres")
    names = {cte.alias for cte in tree.find_all(exp.CTE)}
    keys = set()
    for table in tree.find_all(exp.Table):
        if not table.db and (table.name in names or isinstance(table.this, exp.Func)):
            continue
        assert table.db, f"{file.path}: {table.name} is named without its schema"
        if table.db == "history" and table.name in LAID_FROM:
            keys |= {asset_key(name) for name in LAID_FROM[table.name]} | {asset_key("crm.loads")}
            continue
        key = asset_of(table.db, table.name)
        if key and key != asset_key(file.table):  # its own earlier days are no dependency
            keys.add(key)
        if table.db == "history" and table.name not in EVENTS:  # versions without a time begin with their load
            keys.add(asset_key("crm.loads"))
    return keys


def tables_named(*texts: str) -> set[dg.AssetKey]:
    """Keys of the assets whose tables are named in a text."""
    return {asset_key(name) for text in texts for name in re.findall(r"\b(?:staging|enriched)\.[a-z_]+", text)}


FUNCTIONS = SQL_DIR / "0_schema" / "warehouse" / "functions"
SIGHTINGS, ENDINGS = ((FUNCTIONS / f"{name}.sql").read_text() for name in ("deal_sightings", "endings_seen"))
# What is read before the SELECT: by the definitions of metrics, and they themselves; to learn from.
READ_BEFORE = {
    "semantic.metric_values": {
        asset_key(name)
        for name in ("semantic.metric_definitions", "staging.deal_intervals", "staging.pipeline_stages", "staging.reps")
    },
    "analytics.logistic_models": tables_named(logistic.MONTHS_ENDS, SIGHTINGS),
    "analytics.learned_health_weights": tables_named(logistic.MONTHS_ENDS, health_weights.ENDED, ENDINGS),
}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.table)
def test_declared_dependencies_are_the_tables_that_the_sql_reads(file: SqlFile) -> None:
    node = defs.resolve_asset_graph().get(asset_key(file.table))
    behind_history = {asset_key(HISTORY)} if node.is_partitioned else set()
    direct = tables_read(file) | behind_history | READ_BEFORE.get(file.table, set())
    # And what the views among them read: Dagster does not order steps through virtual assets.
    assert node.parent_keys == {asset_key(name) for name in through_views(frozenset(map(table_of, direct)))}


def table_of(key: dg.AssetKey) -> str:
    return ".".join(key.path)


def test_what_is_read_through_views_is_built_before() -> None:
    graph = defs.resolve_asset_graph()
    for table, dataset in CATALOGUE.items():
        wanted = {asset_key(name) for name in all_read(table) if name in FULL_REFRESHES and not dataset.looks_back_on}
        steps = graph.get(asset_key(table)).parent_keys
        assert wanted <= steps, table


def test_the_parser_sees_through_joins_subqueries_and_unions() -> None:
    file = parse_text(
        "with a as (select 1 from x.t1) select * from a join (select 1 from x.t2 union select 1 from x.t3) as b on true"
    )
    assert tables_read(file) == {dg.AssetKey(["x", name]) for name in ("t1", "t2", "t3")}


def parse_text(select: str) -> SqlFile:
    return SqlFile("x", "y", SQL_DIR, "d", "g", {}, select)


def test_every_dataset_file_is_an_asset() -> None:
    keys = {node.key for node in defs.resolve_asset_graph().asset_nodes}
    assert {asset_key(file.table) for file in FILES} <= keys


def test_no_dataset_reads_the_clock_or_chance() -> None:
    """Nor does any function that computes one: all SQL but migrations, which run once."""
    paths = [path for path in sorted(SQL_DIR.rglob("*.sql")) if path.parent.name != "migrations"]
    assert len(paths) > 150
    found = {path.name for path in paths if CLOCK.search(header_and_body(path)[1])}
    assert found == READS_THE_CLOCK


@pytest.mark.parametrize(
    "text",
    [
        "NOW()", "now ( )", "current_date", "CURRENT_TIME", "current_timestamp(3)", "localtime", "localtimestamp", "clock_timestamp()",
        "statement_timestamp()", "transaction_timestamp()", "timeofday()", "random()", "random_normal(1, 2)", "gen_random_uuid()", "uuidv7()",
        "uuidv4()", "setseed(1)", "'now'::timestamptz", "date 'today'", "age(x.at)",
    ],
)  # fmt: skip
def test_every_clock_of_postgresql_is_known(text: str) -> None:
    assert CLOCK.search(f"select {text}")
    assert not CLOCK.search("select known_as_of, age(a.at, b.at), current_age_days, run_random.x from b")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.table)
def test_the_header_lists_the_columns_of_the_relation(file: SqlFile, warehouse: Query) -> None:
    rows = warehouse(
        "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 and not attisdropped",
        file.table,
    )
    columns = {name for (name,) in rows if name not in columns_after(file)}
    assert columns == set(file.columns)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.table)
def test_the_lineage_of_columns_stays_within_what_is_read(file: SqlFile, clean: Settings) -> None:
    with databases.engine(clean, "warehouse").begin() as connection:
        found = column_lineage(connection, file).deps_by_column
    assert list(found) == list(file.columns)
    origins = {dep.asset_key for deps in found.values() for dep in deps}
    assert (origins or file.table in READ_BEFORE) and origins <= tables_read(file) | {asset_key(file.table)}


def test_the_lineage_of_a_column(clean: Settings) -> None:
    with databases.engine(clean, "warehouse").begin() as connection:
        found = column_lineage(connection, dataset_files()["enriched.deal_forecasts"]).deps_by_column
    assert {(dep.asset_key.to_user_string(), dep.column_name) for dep in found["weighted_amount"]} == {
        ("staging/deal_days", "amount"), ("reference/forecast_weights", "weight"),
    }  # fmt: skip


def test_lineage_is_kept_for_the_processes_to_come(clean: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """By what it was read from: of another text, or of relations that have changed, it is worked out anew."""
    file = dataset_files()["enriched.deal_forecasts"]
    module = "revops_assets.datasets.lineage"

    def as_another_process() -> None:
        for known in ("_origins", "_known"):
            monkeypatch.setattr(f"{module}.{known}", {})

    with databases.engine(clean, "warehouse").begin() as connection:
        as_another_process()
        first = column_lineage(connection, file)
        worked_out: list[str] = []
        monkeypatch.setattr(f"{module}.lineage", lambda _, select, *more, **options: worked_out.append(select) or {})
        as_another_process()
        assert column_lineage(connection, file) == first and worked_out == []
        other = replace(file, select=f"{file.select}\n")
        assert column_lineage(connection, other).deps_by_column == {} and worked_out == [other.select]
        connection.execute(sa.text("create table staging.more (a text)"))
        as_another_process()
        column_lineage(connection, file)
        assert worked_out[1:] == [file.select]
        connection.rollback()


def test_an_asset_without_a_file_says_which_is_missing() -> None:
    with pytest.raises(
        RevopsError, match=re.escape("dataset pipedrive.nothing: no file pipedrive/…/nothing.sql under sql/")
    ):
        _ = full_refresh("pipedrive.nothing", deps=[]).file


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("select 1", "the header comment has no description"),
        ("-- What.\nselect 1", "the header comment has no 'Grain:' line"),
        ("-- What.\n-- Grain: x.\nselect 1", "the header comment has no 'Columns:' list"),
        (
            "-- What.\n-- Grain: x.\n-- Columns:\n-- a\nselect 1",
            "'a' stands in the list of columns and is not indented",
        ),
    ],
)
def test_a_header_that_lacks_something(tmp_path: Path, text: str, error: str) -> None:
    path = tmp_path / "t.sql"
    path.write_text(text)
    with pytest.raises(RevopsError, match=re.escape(error)):
        parse(path, "x")


def test_a_header_says_what_a_table_is(tmp_path: Path) -> None:
    path = tmp_path / "t.sql"
    path.write_text(
        "-- What\n-- it is.\n--\n-- Grain: day.\n-- Key: day, kind\n-- Unique: day, n\n-- Index: (n) where n > 1\n-- Index: (day)\n-- Columns:\n"
        "--   day date not null: the day:\n--       its first instant\n--   kind text not null, one of a b, c: which\n--   kinds text[], any of x, y: more\n"
        "--   n numeric(10, 2), more than -0.5: how many\n--   share float8, 0 to 1: of all\n-- Rules:\n--   n is odd unless n % 2 =\n--       0\n--   share is there unless n > 0\nselect 1\n"
    )
    file = parse(path, "staging")
    assert (file.description, file.grain, file.key, file.uniques) == (
        "What it is.",
        "day",
        ("day", "kind"),
        ("day, n",),
    )
    assert file.indexes == ("(n) where n > 1", "(day)")
    assert list(file.columns.values()) == [
        Column("day", "the day: its first instant", "date", False),
        Column("kind", "which", "text", False, "one of a b, c"),
        Column("kinds", "more", "text[]", True, "any of x, y"),
        Column("n", "how many", "numeric(10, 2)", True, "more than -0.5"),
        Column("share", "of all", "float8", True, "0 to 1"),
    ]
    assert [(rule.column, rule.fault, rule.condition) for rule in file.rules()] == [
        ("kind", "is none of 'a b', 'c'", "kind in ('a b', 'c')"), ("kinds", "is none of 'x', 'y'", "kinds <@ array['x', 'y']"),
        ("n", "is not above -0.5", "n > -0.5"), ("share", "is not between 0 and 1", "share between 0 and 1"),
        ("n", "is odd", "n % 2 = 0"), ("share", "is there", "n > 0"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("-- Columns:\n--   a int, odd: x", "column a: 'odd' is no list of values and no range"),
        ("-- Columns:\n--   a int: x\n--   b: y", r"some columns have a type, \['b'\] have none"),
        ("-- Key: b\n-- Columns:\n--   a int: x", r"key or rules name \['b'\], which are no columns"),
        ("-- Columns:\n--   a int: x\n-- Rules:\n--   c is bad unless a > 0", r"key or rules name \['c'\]"),
        ("-- Columns:\n--   a int: x\n-- Rules:\n--   a is bad if a > 0", "not of the form '  column is wrong unless condition'"),
    ],
)  # fmt: skip
def test_a_header_that_makes_no_table_is_refused(tmp_path: Path, lines: str, said: str) -> None:
    path = tmp_path / "t.sql"
    path.write_text(f"-- What.\n-- Grain: x.\n{lines}\nselect 1\n")
    with pytest.raises(RevopsError, match=said):
        parse(path, "staging")
