"""The business metrics registry: files in and out, what may run, and every starter metric beside plain Python."""

from __future__ import annotations

import json
import statistics
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg2
import pytest
import sqlalchemy as sa
import yaml
from hypothesis import given
from hypothesis import settings as given_settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from revops_assets.cli import register
from revops_assets.datasets.checks import all_checks
from revops_assets.errors import NotFound, RevopsError
from revops_assets.registry import store
from revops_assets.registry.definition import Metric, metric_of
from revops_assets.registry.documents import read, to_yaml, write
from revops_assets.registry.guard import FUNCTIONS, Refused, check, inputs
from revops_assets.registry.run import Values, readers, run
from revops_assets.registry.sync import export_definitions, import_definitions
from revops_assets.registry.validate import offline, validate
from revops_assets.registry.values import stored_values
from revops_assets.settings import SQL_DIR, Settings, get_settings
from revops_assets.warehouse import databases
from revops_assets.warehouse.roles import metrics_url
from revops_assets_tests.building import materialize
from revops_assets_tests.company import GENERATED as PLAN
from revops_assets_tests.company import generated
from revops_assets_tests.conftest import Put, Query, materialize_in_dagster

__all__ = ["generated"]
STARTER = SQL_DIR / "semantic" / "starter"
GOOD = {
    "id": "sales/deals",
    "description": "Deals.",
    "sql": "select count(*) as value from opportunities",
    "grain": None,
}


def importing(settings: Settings, path: Path, **options: Any) -> Any:
    with databases.engine(settings, "warehouse").begin() as connection:
        return import_definitions(connection, path, **options)


def stored(settings: Settings) -> list[store.Stored]:
    with databases.engine(settings, "warehouse").connect() as connection:
        return store.list_all(connection)


# ------------------------------------------------------------------------------------------- definitions and files

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.just("\n"), min_size=1, max_size=40).filter(
    lambda text: text.strip() != "" and text == text.strip()
)
WORD = st.from_regex(r"[a-z][a-z0-9_]{0,10}", fullmatch=True)
METRICS = st.builds(
    Metric,
    name=WORD, category=WORD, display_name=TEXT, description=TEXT, type=st.sampled_from(["sum", "ratio", "count"]),
    unit=st.none() | TEXT, grain=st.sampled_from([None, "daily", "monthly"]), table_name=st.none() | WORD, tables=st.lists(WORD),
    expression=st.none() | TEXT, time_column=st.none() | WORD, dimensions=st.lists(WORD), filters=st.lists(TEXT),
    synonyms=st.lists(TEXT, unique=True), notes=st.lists(TEXT), sql=st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.just("\n"), min_size=1, max_size=80),
    sql_variants=st.dictionaries(WORD.map(lambda word: f"by_{word}"), TEXT, max_size=2),
    validation=st.dictionaries(WORD, st.integers() | TEXT, max_size=2),
)  # fmt: skip


@given(st.lists(METRICS, min_size=1, max_size=3, unique_by=lambda metric: metric.id))
@given_settings(max_examples=60, deadline=None)
def test_what_is_written_is_read_again(tmp_path_factory: pytest.TempPathFactory, metrics: list[Metric]) -> None:
    folder = tmp_path_factory.mktemp("metrics")
    write(folder, metrics)
    again = read(folder)
    assert again.failures == []
    assert sorted(again.metrics, key=lambda metric: metric.id) == sorted(metrics, key=lambda metric: metric.id)


def test_import_export_and_import_again_change_nothing(clean: Settings, warehouse: Query, tmp_path: Path) -> None:
    assert importing(clean, STARTER).actions["created"] == sorted(
        ["revenue/total_revenue", "revenue/mrr", "revenue/arr", "revenue/churn_rate", "product_usage/active_users", "product_usage/feature_adoption",
         "sales/new_customers", "sales/upsell_expansion", "sales/pipeline_value", "operations/support_resolution_time", "operations/infrastructure_cost"]
    )  # fmt: skip
    before = stored(clean)
    with databases.engine(clean, "warehouse").connect() as connection:
        written = export_definitions(connection, tmp_path / "out")
    assert len(written) == 12
    index = yaml.safe_load((tmp_path / "out" / "metrics.yml").read_text())
    assert index["version"] == "2.0"
    assert {c["folder"]: len(c["metrics"]) for c in index["categories"]} == {
        "operations": 2,
        "product_usage": 2,
        "revenue": 4,
        "sales": 3,
    }
    assert len(importing(clean, tmp_path / "out").actions["unchanged"]) == 11
    assert stored(clean) == before
    assert warehouse("select action, count(*) from semantic.metric_audit group by 1") == [("created", 11)]
    # Byte for byte what was imported first.
    bodies = {bytes(body) for (body,) in warehouse("select body from semantic.metric_documents")}
    assert bodies == {path.read_bytes() for path in STARTER.glob("*/*.yml")}


def test_one_broken_file_among_twenty(clean: Settings, tmp_path: Path) -> None:
    for number in range(19):
        metric = metric_of(GOOD | {"id": f"sales/m{number}"})
        (tmp_path / "sales").mkdir(exist_ok=True)
        (tmp_path / "sales" / f"m{number}.yml").write_text(to_yaml(metric))
    (tmp_path / "sales" / "broken.yml").write_text(
        "- name: fine\n  description: d\n  sql: select 1\n- name: x\n  description: d\n  sql_y: 1\n  sql: select 1\n"
    )
    result = CliRunner().invoke(register(), ["metrics", "import", str(tmp_path)])
    assert result.exit_code == 1
    assert "19 metrics: 19 created, 0 updated, 0 unchanged" in result.output
    assert f"{tmp_path}/sales/broken.yml line 4: sql_y: Extra inputs are not permitted" in result.output
    assert len(stored(clean)) == 19
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    assert CliRunner().invoke(register(), ["metrics", "import", str(nothing)]).exit_code == 1


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("name: x\nsql: [", 2, "no YAML that is read here"), ("", None, "holds no metric"), ("[]", None, "holds no metric"), ("- 1", 1, "mapping of fields, not int"),
        ("name: x\nname: y\nsql: s\ndescription: d", 1, "'name' stands twice"), ("a: &a 1\nb: *a", 2, "aliases are not read"),
        ("name: X y\nsql: s\ndescription: d", 1, "name: String should match pattern"), ("id: sales\nsql: s\ndescription: d", 1, "id 'sales' is not category/name"),
        ("id: sales/x\nname: y\nsql: s\ndescription: d", 1, "id 'sales/x' is not category/name"), ("name: x\ndescription: d", 1, "sql: Field required"),
        ("name: x\ndescription: d\nsql: s\nsql_variants: {by-x: s}", 1, "variant 'by-x' is not of the form by_"),
        ("name: x\ndescription: d\nsql: s\ngrain: hourly", 1, "grain: Input should be"), ("name: !!python/name:os.system\n", None, "tags are not read"),
        ("name: x\ndescription: d\nsql: s\nowner: me", 1, "owner: Extra inputs are not permitted"), ("[" * 5000, None, "no YAML"),
        ("name: x\ndescription: d\nsql: s\nsql_variants: abc", 1, "sql_variants: Input should be a valid dictionary"), ('name: x\ndescription: "a\\0"\nsql: s', 2, "NUL"),
        ("name: x\ndescription: d\nsql: s\nvalidation: {a: 2026-01-01}", 1, "no JSON"), ("name: x\ndescription: d\nsql: s\nvalidation: {a: .nan}", 1, "no JSON"),
        ("name: x\ndescription: d\nsql: s\ntable: a\ntable_name: b", 1, "table: Extra inputs"), ("name: x\ndescription: d\nsql: s\nsql_variants: {by_x: s}\nsql_by_x: t", 1, "sql_by_x: Extra inputs"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file_is_said_in_a_line(tmp_path: Path, text: str, line: int | None, said: str) -> None:
    (tmp_path / "sales").mkdir()
    (tmp_path / "sales" / "x.yml").write_text(text)
    [(file, where, reason)] = read(tmp_path).failures
    assert file.name == "x.yml"
    assert said in reason
    assert where == line or line is None


def test_other_bytes_and_other_things_than_files(tmp_path: Path) -> None:
    (tmp_path / "latin.yml").write_bytes(b"name: caf\xe9")
    (tmp_path / "folder.yml").mkdir()
    (tmp_path / "large.yml").write_text("#" * 1_000_001)
    assert [(path.name, reason) for path, _, reason in read(tmp_path).failures] == [
        ("folder.yml", "is no regular file"), ("large.yml", "is larger than 1,000,000 bytes"), ("latin.yml", "is not UTF-8: byte 9"),
    ]  # fmt: skip


def test_the_same_metric_in_two_files(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.yml").write_text("id: sales/x\ndescription: d\nsql: select 1")
    [(file, _, reason)] = read(tmp_path).failures
    assert (file.name, reason) == ("b.yml", f"sales/x stands in {tmp_path}/a.yml, too")


def test_prune_deletes_what_its_own_source_brought(clean: Settings, warehouse: Query, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.yml").write_text(f"id: sales/{name}\ndescription: d\nsql: select 1 as value")
    with databases.engine(clean, "warehouse").begin() as connection:
        store.put(connection, metric_of(GOOD))
    importing(clean, tmp_path, source_ref="git")
    (tmp_path / "b.yml").unlink()
    with pytest.raises(RevopsError, match="name it with --source-ref"):
        importing(clean, tmp_path, prune=True)
    assert importing(clean, tmp_path, prune=True, source_ref="git", dry_run=True).pruned == ["sales/b"]
    assert len(stored(clean)) == 3
    assert importing(clean, tmp_path, prune=True, source_ref="other").pruned == []
    assert importing(clean, tmp_path, prune=True, source_ref="git").pruned == ["sales/b"]
    assert [one.metric.id for one in stored(clean)] == ["sales/a", "sales/deals"]
    (tmp_path / "c.yml").write_text("nothing: [")
    for folder in (tmp_path, tmp_path / "none"):
        folder.mkdir(exist_ok=True)
        with pytest.raises(RevopsError, match="empty or partly broken"):
            importing(clean, folder, prune=True, source_ref="git")
    assert warehouse(
        "select id, action, before ->> 'description' from semantic.metric_audit where action = 'deleted'"
    ) == [("sales/b", "deleted", "d")]


def test_a_definition_is_found_by_table_synonym_and_name(clean: Settings) -> None:
    importing(clean, STARTER)
    with databases.engine(clean, "warehouse").begin() as connection:
        assert [one.metric.id for one in store.by_table(connection, "orders")] == [
            "revenue/total_revenue",
            "sales/new_customers",
        ]
        assert [one.metric.id for one in store.by_synonym(connection, "MRR_churn")] == ["revenue/churn_rate"]
        assert [one.metric.id for one in store.by_synonym(connection, "weighted pipeline")] == ["sales/pipeline_value"]
        assert store.table_map(connection)["tickets"] == ["operations/support_resolution_time"]
        assert len(store.list_all(connection, "sales")) == 3
        assert store.put(connection, metric_of(GOOD)) == "created"
        assert store.put(connection, metric_of(GOOD | {"unit": "deals"})) == "updated"
        store.delete(connection, "sales/deals")
        with pytest.raises(NotFound, match="there is no metric 'sales/deals'"):
            store.delete(connection, "sales/deals")


# ------------------------------------------------------------------------------------------------- what may not run

HOSTILE = [
    ("select 1; select 2", "2 statements"), ("", "0 statements"), ("delete from orders", "no SELECT"), ("update orders set status = ''", "no SELECT"),
    ("drop view orders", "no SELECT"), ("create table x (a int)", "no SELECT"), ("set role postgres", "no SELECT"), ("reset role", "no SELECT|does not parse"),
    ("copy orders to program 'id'", "no SELECT"), ("copy (select 1) to program 'id'", "no SELECT|does not parse"), ("do $$ begin end $$", "no SELECT|does not parse"),
    ("with x as (delete from orders returning *) select * from x", "more than read"), ("select * into x from orders", "more than read"),
    ("select * from orders for update", "more than read"), ("select pg_sleep(99)", r"calls pg_sleep\(\)"), ("select PG_SLEEP (99)", r"calls pg_sleep\(\)"),
    ('select "pg_sleep"(99)', r"calls pg_sleep\(\)"), ("select pg_catalog.pg_sleep(99)", "may call a function"), ("select pg_sleep/* */(9)", r"calls pg_sleep\(\)"),
    ("select set_config('role', 'postgres', false)", r"calls set_config\(\)"), ("select current_setting('revops.known_as_of')", r"calls current_setting\(\)"),
    ("select * from dblink('host=x', 'select 1') as t (a int)", r"calls dblink\(\)"), ("select pg_read_file('/etc/passwd')", r"calls pg_read_file\(\)"),
    ("select query_to_xml('select * from staging.deal_days', true, true, '')", r"calls query_to_xml\(\)"), ("select lo_import('/etc/passwd')", r"calls lo_import\(\)"),
    ("select * from staging.deal_days", "outside semantic_input"), ("select * from semantic.bindings", "outside semantic_input"),
    ("select * from pg_catalog.pg_roles", "outside semantic_input"), ("select * from pg_roles", "reads 'pg_roles'"), ("select * from semantic_input.nothing", "reads 'nothing'"),
    ("select * from other.semantic_input.orders", "outside semantic_input"), ("select * from orders where exists (select from crm_remote.tenants)", "outside semantic_input"),
    ("table staging.reps", "no SELECT|outside|does not parse"), ("explain analyze select 1", "no SELECT"), ("select 1 \0", "NUL"), ("selec 1", "no SELECT|does not parse"),
    ("select * from generate_series(1, 10) as g (n), pg_ls_dir('/') as d", r"calls pg_ls_dir\(\)"), ("select nextval('x')", r"calls nextval\(\)"),
    ("select txid_current()", r"calls txid_current\(\)"), ("select (select count(*) from information_schema.tables)", "outside semantic_input"),
    ("select current_user", "asks who runs it"), ("(" * 3000, "does not parse"),
]  # fmt: skip


# What a reading role could do that a metric must not, by detours.
SLY = [
    ("select ('to' || 'day')::date as value", "may be the clock"), ("select cast(concat('no', 'w') as date) as value", "may be the clock"),
    ("select replace('xnow', 'x', '')::timestamp as value", "may be the clock"), (r"select E'\x6eow'::date as value", "another notation"),
    (r"select U&'\006eow'::date as value", "another notation"), ("select (select 'no' || 'w')::date as value", "may be the clock"),
    ("select (1.0::float8).pg_sleep", "may call a function"), ("select ('search_path'::text).current_setting", "may call a function"),
    ("with x as (select * from pg_roles), pg_roles as (select 1) select * from x", "reads 'pg_roles'"),
    ("select q.pid from (with pg_stat_activity as (select 1) select 1) as z, pg_stat_activity as q", "reads 'pg_stat_activity'"),
    ("with orders as (select 1 as n) select n from orders", "which is a table"), ("select version() from orders as version", r"calls version\(\)"),
    ("select length(repeat('a', 500000000)) from orders as repeat", r"calls repeat\(\)"), ("select lpad('a', 1000000000)", r"calls lpad\(\)"),
    ("select current_date", "reads the clock"), ("select now()", "reads the clock"), ("select localtime", "reads the clock"), ("select 'now'::timestamptz", "reads the clock"),
    ("select * from orders where order_date > ' Today'", "reads the clock"), ("select age(order_date) from orders", "reads the clock"), ("select user", "asks who runs it"),
    ("select current_role", "asks who runs it"), ("select 'pg_class'::regclass", "casts to"), ("select cast('pg_sleep' as regproc)", "casts to"), ("select '1'::oid::regrole", "casts to"),
    ("select 1" + "::int" * 3000, "does not parse"), ("select * from foo.sum(1)", "outside semantic_input"),
]  # fmt: skip
FINE = [
    "select count(*) as value from ORDERS", 'with Base as (select status from "orders") select count(*) as value from base', "select b.n as value from (select 1 as n) as b",
    "select date_trunc('quarter', order_date)::date as period, sum(total_amount) filter (where status = 'completed') as value from orders group by 1",
    "with recursive n as (select 1 as i union all select i + 1 from n where i < 5) select sum(i) as value from n", "select percentile_cont(0.9) within group (order by resolution_hours) as value from tickets",
    "select o.channel, sum(o.total_amount) / nullif(count(distinct o.customer_id), 0) as value from orders as o where o.order_date between date '2024-01-01' and date '2024-03-31' group by 1",
    "select sum(x.n) as value from orders as o cross join lateral (select count(*) as n from subscriptions as s where s.customer_id = o.customer_id) as x",
    "select g::date as period, 1 as value from generate_series(timestamp '2024-01-01', timestamp '2024-03-01', interval '1 month') as g",
    "select stage, rank() over (partition by owner order by deal_value desc nulls last) as value from opportunities where stage ilike '%prop%' or owner ~* '^a'",
    "select distinct on (customer_id) customer_id, total_amount as value from orders order by customer_id, order_date desc",
    "select case when status in ('open', 'won') then 1 else 0 end as value from opportunities union all select 2", "select extract(isodow from order_date) as value from orders",
    "select to_char(order_date, 'YYYY-MM') as m, count(*) as value from orders group by grouping sets ((1), ())", "select (order_date - interval '1 day')::date as period, 1 as value from orders",
    "select replace(channel, 'a', 'b') as c, 1 as value from orders where (channel, status) in (('a', 'b')) and not exists (select from tickets) and channel <> all(array['x', 'y'])",
    "select e.period, count(*) over w as value from (select date_trunc('month', event_date)::date as period from user_events) as e window w as (order by e.period)",
    "select mod(7, 2) as value, 7 / 2 as half, 7 % 4 as rest, 'a' || 'b' as text, -5 as n, 1.5::numeric(10, 2) as d, array[1, 2] as l, not true as t",
]  # fmt: skip


@pytest.mark.parametrize(("sql", "said"), SLY, ids=lambda value: value[:40])
def test_sly_definitions_are_refused(sql: str, said: str) -> None:
    with pytest.raises(Refused, match=said):
        check(sql)


@pytest.mark.parametrize("sql", FINE, ids=lambda sql: sql[:40])
def test_what_analysts_write_runs_as_it_is_written(settings: Settings, sql: str) -> None:
    connection = databases.open_connection(settings, metrics_url(settings))
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql)
            written = cursor.fetchall()
            cursor.execute(check(sql))
            assert cursor.fetchall() == written
    finally:
        connection.close()


def test_no_condition_is_asked_of_rows_outside_the_binding(clean: Settings, put: Put, warehouse: Query) -> None:
    """A cast that fails on another tenant's row, or on one of a later day, would tell it in its message."""
    at = "2024-01-05Z"
    secrets: dict[str, dict[str, Any]] = {
        "orders": {"order_id": "secret", "ordered_at": at}, "user_events": {"event_id": "secret", "occurred_at": at}, "tickets": {"ticket_id": "secret", "created_at": at},
        "infra_costs": {"cost_id": "secret", "incurred_at": at}, "subscriptions": {"subscription_id": "secret", "started_at": at, "mrr_amount": 1},
    }  # fmt: skip
    put("a", accounts=[{"account_id": "1", "name": "x"}])
    put("b", **{name: [row] for name, row in secrets.items()})
    for name, row in secrets.items():
        sql = defined(f"select count(*) as value from {name} where ({next(iter(row))} || '|')::int = 0")
        assert run(clean, sql, "a").result.rows == [(0,)], name
        assert run(clean, sql, "b", date(2024, 1, 4)).result.rows == [(0,)], name
        with pytest.raises(RevopsError, match=r"secret\|"):
            run(clean, sql, "b", date(2024, 1, 6))
    options = dict(
        warehouse(
            "select relname, reloptions::text from pg_class where relnamespace = 'semantic_input'::regnamespace and relkind = 'v'"
        )
    )
    assert options.keys() == inputs()
    assert all("security_barrier=true" in (option or "") for option in options.values()), options


@pytest.mark.parametrize(("sql", "said"), HOSTILE, ids=lambda value: value[:40] if isinstance(value, str) else None)
def test_hostile_definitions_are_refused(sql: str, said: str) -> None:
    with pytest.raises(Refused, match=said):
        check(sql)


@pytest.mark.parametrize("sql", [sql for sql, _ in HOSTILE if sql and "\0" not in sql and len(sql) < 1000])
def test_and_the_role_could_do_nothing_with_them(settings: Settings, sql: str) -> None:
    """Past the guard, as the metrics role: nothing is written, nothing of others read, nothing runs for long."""
    harmless = ("select 1; select 2", "explain analyze select 1", "do $$ begin end $$", "txid_current", "current_user", "reset role", "current_setting", "pg_roles", "information_schema")  # fmt: skip
    connection = databases.open_connection(settings, metrics_url(settings))
    try:
        connection.set_session(readonly=True)
        with connection.cursor() as cursor:
            cursor.execute("set statement_timeout = '200ms'")
            try:
                cursor.execute(sql)
            except psycopg2.Error as error:
                assert error.pgcode[:2] in ("42", "57", "25", "0A", "22", "55", "3F"), (sql, error)
            else:
                assert any(part in sql for part in harmless), sql
    finally:
        connection.close()


@pytest.mark.parametrize("path", sorted(STARTER.glob("*/*.yml")), ids=lambda path: path.stem)
def test_the_starter_pack_passes_the_guard(path: Path) -> None:
    [metric] = read(path).metrics
    for sql in (metric.sql, *metric.sql_variants.values()):
        check(sql)


def test_units_and_names_are_known_and_unique(settings: Settings) -> None:
    """Also without a database; among what is validated together."""
    odd = [
        defined("select 1 as value", id="a/x", unit="$$$", synonyms=["y"]), defined("select 1 as value", id="b/y", unit="USD", synonyms=["Z"]),
        defined("select 1 as value", id="c/w", unit="deals", synonyms=["z", "w"]),
    ]  # fmt: skip
    wanted = [
        "a/x: unit: '$$$' is neither a currency's code (USD) nor a word (hours, count)", "a/x: synonyms: y: so is b/y called",
        "b/y: synonyms: y: so is a/x called", "b/y: synonyms: z: so is c/w called", "c/w: synonyms: 'w' is its name", "c/w: synonyms: z: so is b/y called",
    ]  # fmt: skip
    assert [str(fault) for fault in validate(settings, odd)] == wanted
    assert [str(fault) for metric in odd for fault in offline(metric, odd)] == wanted


def test_functions_that_metrics_may_use_exist_and_change_nothing(warehouse: Query) -> None:
    grammar = {"coalesce", "greatest", "least", "nullif", "extract", "trim", "position", "substring"}
    volatile = warehouse("select proname, bool_or(provolatile = 'v') from pg_proc where pronamespace = 'pg_catalog'::regnamespace and proname = any(%s) group by 1",
                         list(FUNCTIONS))  # fmt: skip
    assert {name for name, _ in volatile} | grammar >= FUNCTIONS
    assert [name for name, is_volatile in volatile if is_volatile] == []


def defined(sql: str, **more: Any) -> Metric:
    return metric_of(GOOD | {"sql": sql} | more)


def test_without_end_and_without_measure(clean: Settings, put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    put("a", accounts=[{"account_id": "1", "name": "A"}])
    monkeypatch.setattr("revops_assets.registry.run.SECONDS", 1)
    with pytest.raises(Refused, match="ran longer than 1 s and was stopped"):
        run(
            clean,
            defined("with recursive n as (select 1 as n union all select n + 1 from n) select max(n) as value from n"),
            "a",
        )
    monkeypatch.setattr("revops_assets.registry.run.ROWS", 1000)
    with pytest.raises(Refused, match="gives more than 1,000 rows"):
        run(clean, defined("select n as value from generate_series(1, 100000) as n"), "a")
    monkeypatch.setattr("revops_assets.registry.run.BYTES", 1000)
    with pytest.raises(Refused, match="gives more than 1,000 bytes"):
        run(clean, defined("select string_agg('aaaaaaaaaa', '') as value from generate_series(1, 200) as n"), "a")
    with pytest.raises(RevopsError, match="division by zero"):
        run(clean, defined("select 1 / 0 as value"), "a")
    assert run(clean, defined("select '%s 100 %' as value where 'a%' like 'a\\%'"), "a").result.rows == [("%s 100 %",)]


def a_definition_that_fails_stops_no_other(company: Company) -> None:
    settings, _ = company
    odd = [
        defined("select 'x' as value", id="sales/text", sql_variants={"by_x": "select 'x' as value"}), defined("select 1 / (select 0) as value", sql_variants={"by_x": "select 1 as value"}),
        defined("select 1.5::float8 as value", id="sales/float", sql_variants={"by_x": "select 0.5::float8 as value union all select 1"}),
        defined("select 3 as value", id="sales/less", sql_variants={"by_x": "select 2 as value"}),
    ]  # fmt: skip
    assert [str(fault) for fault in validate(settings, odd, "a")] == [
        "sales/text: sql: gives a value that is no number", "sales/text: sql_by_x: gives a value that is no number", "sales/deals: sql: division by zero", "sales/less: sql_by_x: adds up to 2 in None, the whole is 3",
    ]  # fmt: skip


def test_a_session_sees_its_tenant_and_no_other(clean: Settings, put: Put, warehouse: Query) -> None:
    for tenant in ("a", "b"):
        put(tenant, tickets=[{"ticket_id": f"{tenant}{n}", "created_at": f"2024-0{n}-01Z"} for n in (1, 2)])
    ids = defined("select ticket_id as value from tickets order by 1")
    assert run(clean, ids, "a").result.rows == [("a1",), ("a2",)]
    assert run(clean, ids, "b", date(2024, 1, 1)).result.rows == [("b1",)]
    with readers(clean) as session, session.reader.cursor() as cursor:
        session.bind("a", date(2024, 2, 1))
        cursor.execute("select count(*) from tickets")
        assert cursor.fetchall() == [(2,)]
        # Another session of the role is bound to nobody.
        other = databases.open_connection(clean, metrics_url(clean))
        with other.cursor() as unbound:
            for view in sorted(inputs()):
                unbound.execute(f"select count(*) from {view}")
                assert unbound.fetchall() == [(0,)], view
        other.close()
    assert warehouse("select * from semantic.bindings") == []
    with pytest.raises(RevopsError, match="nothing was loaded for a tenant 'c'"):
        run(clean, ids, "c")


# --------------------------------------------------------------------------------------- values beside plain Python

ZONE = ZoneInfo(PLAN.timezone)
Sums = dict[Any, Any]


Company = tuple[Settings, dict[str, list[dict[str, Any]]]]


@pytest.fixture
def company(generated: Settings) -> Company:
    """The generated company, and the records of its export."""
    importing(generated, generated.metrics_dir)
    records = {
        path.stem: [json.loads(line) for line in path.read_text().splitlines()]
        for path in (generated.home / "generated").rglob("*.json") if path.stem != "manifest"
    }  # fmt: skip
    return generated, records


def at(text: str | None) -> datetime:
    return datetime.fromisoformat(text) if text else datetime.max.replace(tzinfo=ZONE)


def month(instant: datetime) -> date:
    return instant.astimezone(ZONE).date().replace(day=1)


def months(first: date, last: date) -> Iterator[date]:
    while first <= last:
        yield first
        first = (first + timedelta(days=32)).replace(day=1)


def month_end(day: date) -> datetime:
    return datetime.combine((day + timedelta(days=32)).replace(day=1), time(), ZONE)


def expected(records: dict[str, list[dict[str, Any]]], day: date) -> dict[str, Sums]:
    """Every starter metric as of the end of a day, from the export's own records."""
    end = datetime.combine(day + timedelta(days=1), time(), ZONE)
    told: dict[str, Sums] = {
        name: defaultdict(float) for name in ("total_revenue", "upsell_expansion", "infrastructure_cost", "mrr")
    }
    first_orders: dict[str, date] = {}
    for order in records["Order"]:
        if at(order["CompletedDate__c"]) < end:
            told["total_revenue"][month(at(order["EffectiveDate"]))] += float(order["TotalAmount"])
            placed = at(order["EffectiveDate"]).astimezone(ZONE).date()
            first_orders[order["AccountId"]] = min(placed, first_orders.get(order["AccountId"], placed))
    told["new_customers"] = defaultdict(int)
    for placed in first_orders.values():
        told["new_customers"][placed.replace(day=1)] += 1
    changes = defaultdict(list)
    for change in records["SubscriptionChange__c"]:
        when = at(change["CreatedDate"])
        if when < end:
            changes[change["Subscription__c"]].append((when, change["Type__c"], float(change["MrrDelta__c"])))
            if change["Type__c"] in ("upgrade", "expansion"):
                told["upsell_expansion"][month(when)] += float(change["MrrDelta__c"])
    churned, begun = defaultdict(float), defaultdict(float)
    for log in changes.values():
        for start in months(month(min(log)[0]), month(end - timedelta(seconds=1))):
            before = sum(delta for when, _, delta in log if when < datetime.combine(start, time(), ZONE))
            after = sum(delta for when, _, delta in log if when < min(month_end(start), end))
            if after > 0.001:
                told["mrr"][start] += after
            elif before > 0.001:
                churned[start] += before
            if before > 0.001:
                begun[start] += before
    told["arr"] = {start: 12 * value for start, value in told["mrr"].items()}
    told["churn_rate"] = {start: 100 * churned[start] / begun[start] if begun[start] else None for start in told["mrr"]}
    users, by_feature = defaultdict(set), defaultdict(set)
    for event in records["UserEvent__c"]:
        when = at(event["OccurredAt__c"])
        if when < end:
            users[month(when)].add(event["User__c"])
            by_feature[month(when), event["Feature__c"]].add(event["User__c"])
    told["active_users"] = {start: len(found) for start, found in users.items()}
    told["feature_adoption"] = {key: 100 * len(found) / len(users[key[0]]) for key, found in by_feature.items()}
    hours = defaultdict(list)
    for ticket in records["Case"]:
        if at(ticket["ClosedDate"]) < end:
            opened = at(ticket["CreatedDate"])
            hours[month(opened)].append((at(ticket["ClosedDate"]) - opened).total_seconds() / 3600)
    told["support_resolution_time"] = {
        key: (statistics.fmean(found), statistics.median(found)) for key, found in hours.items()
    }
    for cost in records["InfraCost__c"]:
        if at(cost["Date__c"]) < end:
            told["infrastructure_cost"][month(at(cost["Date__c"]))] += float(cost["Amount__c"])
    return told


MEASURES = ("value", "median", "numerator", "denominator", "open_amount", "deals")


def as_sums(values: Values) -> Sums:
    keys = [index for index, name in enumerate(values.result.columns) if name not in MEASURES]
    numbers = [index for index, name in enumerate(values.result.columns) if name in ("value", "median")]
    found = {}
    for row in values.result.rows:
        key, told = tuple(row[index] for index in keys), tuple(row[index] for index in numbers)
        found[key if len(key) > 1 else key[0]] = told if len(told) > 1 else told[0]
    return {
        key: tuple(map(float, value)) if isinstance(value, tuple) else value if value is None else float(value)
        for key, value in found.items()
    }


def starter_metrics_beside_plain_python(company: Company, back: int) -> None:
    """As of the last day, and as of one 75 days before: what was not yet then is not told of."""
    settings, records = company
    day = PLAN.end_date - timedelta(days=back)
    told = expected(records, day)
    for one in stored(settings):
        if one.metric.name not in told:
            continue
        found = as_sums(run(settings, one.metric, "a", day))
        wanted = {key: value for key, value in told[one.metric.name].items() if value != 0 or one.metric.type != "sum"}
        assert found.keys() == wanted.keys(), one.metric.id
        for key, value in wanted.items():
            assert found[key] == (value if value is None else pytest.approx(value, rel=1e-9)), (one.metric.id, key)
    assert told["mrr"], "the company has subscriptions"


Moves = dict[tuple[date, str], tuple[float, float]]


def customers_months(records: dict[str, list[dict[str, Any]]], day: date) -> Moves:
    """MRR of each customer at the beginning and at the end of each month, the running one's at the day's."""
    end = datetime.combine(day + timedelta(days=1), time(), ZONE)
    owners = {one["Id"]: one["AccountId__c"] for one in records["Subscription__c"]}
    logs = defaultdict(list)
    for change in records["SubscriptionChange__c"]:
        if at(change["CreatedDate"]) < end:
            logs[owners[change["Subscription__c"]]].append((at(change["CreatedDate"]), float(change["MrrDelta__c"])))
    found: Moves = {}
    for account, log in logs.items():
        for start in months(month(min(log)[0]), month(end - timedelta(seconds=1))):
            before = sum(delta for when, delta in log if when < datetime.combine(start, time(), ZONE))
            after = sum(delta for when, delta in log if when < min(month_end(start), end))
            if before > 0.001 or after > 0.001:
                found[start, account] = (max(before, 0), max(after, 0))
    return found


def recurring_revenue_beside_plain_python(company: Company, back: int) -> None:
    """MRR's movements, and what was retained of the customers of twelve months before."""
    settings, records = company
    day = PLAN.end_date - timedelta(days=back)
    billed = customers_months(records, day)
    first = {account: min(start for start, one in billed if one == account) for _, account in billed}
    sums: dict[date, Sums] = defaultdict(lambda: defaultdict(float))
    for (start, account), (before, after) in billed.items():
        begins, ends = before > 0.001, after > 0.001
        kind = "churned" if begins and not ends else "expansion" if after > before + 0.001 else "contraction"
        kind = kind if begins else "new" if start == first[account] else "reactivation"
        sums[start]["starting"] += before
        sums[start]["ending"] += after
        sums[start][kind] += after - before
    by_id = {one.metric.id: one.metric for one in stored(settings)}
    found = run(settings, by_id["revenue/mrr_movements"], "a", day).result
    rows = [dict(zip(found.columns, row, strict=True)) for row in found.rows]
    assert [row["period"] for row in rows] == sorted(sums)
    for row in rows:
        kinds = ("starting", "new", "expansion", "contraction", "churned", "reactivation", "ending")
        for kind in kinds:
            assert float(row[f"{kind}_mrr"]) == pytest.approx(sums[row["period"]][kind], abs=0.01), (
                row["period"],
                kind,
            )
        assert sum(row[f"{kind}_mrr"] for kind in kinds[:-1]) == row["ending_mrr"]  # exactly
        assert row["ending_arr"] == 12 * row["ending_mrr"]
    assert all(kind in sums[max(sums)] for kind in ("new", "expansion", "contraction"))
    for name in ("net", "gross"):
        wanted = {}
        for start in sums:
            then = start.replace(year=start.year - 1)
            base = {account: after for (when, account), (_, after) in billed.items() if when == then and after > 0.001}
            now = {account: billed.get((start, account), (0, 0))[1] for account in base}
            if base:
                left = sum(now[account] if name == "net" else min(now[account], base[account]) for account in base)
                wanted[start] = 100 * left / sum(base.values())
        metric = by_id[f"revenue/{name}_revenue_retention"]
        values = as_sums(run(settings, metric, "a", day))
        assert values == {key: pytest.approx(value) for key, value in wanted.items()}
        assert values or back, "the company is older than a year"


def as_set(rows: list[dict[str, Any]], numbers: frozenset[str]) -> set[tuple[tuple[str, Any], ...]]:
    """Rows without their order; numbers as such, dimensions as text."""
    as_it_is = {*numbers, "period"}
    plain = [{name: cell if name in as_it_is else cell and str(cell) for name, cell in row.items()} for row in rows]
    return {
        tuple(
            sorted((name, float(cell) if name in numbers and cell is not None else cell) for name, cell in row.items())
        )
        for row in plain
    }


# What makes each check of the stored values find something.
VALUES_TRIPS = {
    ("semantic.metric_values", "definitions_ran"): "update semantic.metric_runs set error = 'x' where metric_id = 'revenue/arr'",
    ("semantic.metric_values", "mrr_movements_add_up"): (
        "update semantic.metric_values set value = value + 1 where measure = 'ending_mrr' and variant = 'by_segment'"
    ),
    ("semantic.metric_values", "agrees_with_marts"): "update metrics.rep_daily_pipeline set revenue_won = revenue_won + 1",
}  # fmt: skip


def stored_values_are_what_the_definitions_give(company: Company) -> None:
    """Two days of semantic.metric_values, read again, beside each definition run as of the day; and their checks."""
    settings, _ = company
    days = (PLAN.end_date - timedelta(days=1), PLAN.end_date)
    materialize(settings, 'key:"semantic/metric_values" or group:metrics', str(days[0]), str(days[1]))
    for day in days:
        for one in stored(settings):
            for variant in (None, *one.metric.sql_variants):
                result = run(settings, one.metric, "a", day, variant).result
                with databases.engine(settings, "warehouse").connect() as connection:
                    kept = stored_values(connection, one.metric, "a", day, variant)
                rows = [dict(zip(result.columns, row, strict=True)) for row in result.rows]
                given = [row for row in rows if any(row[name] is not None for name in result.numbers)]
                assert as_set(kept.rows, result.numbers) == as_set(given, result.numbers), (one.metric.id, variant, day)
    with databases.engine(settings, "warehouse").connect() as connection:
        for key, rule in {(one.table, one.rule): one for one in all_checks()}.items():
            if key[0] == "semantic.metric_values":
                assert connection.execute(sa.text(rule.query)).all() == [], rule.rule
                with connection.begin_nested() as attempt:
                    connection.execute(sa.text(VALUES_TRIPS[key]))
                    assert connection.execute(sa.text(rule.query)).all() != [], rule.rule
                    attempt.rollback()


def weighted_pipeline_is_that_of_the_open_deals(company: Company, back: int) -> None:
    """Beside staging.deal_days, which test_deal_days holds against the company's own story."""
    settings, _ = company
    day = PLAN.end_date - timedelta(days=back)
    materialize(settings, 'key:"staging/deal_days" or key:"staging/rep_days"', str(day))
    with databases.engine(settings, "warehouse").connect() as connection:
        rows = connection.execute(
            sa.text("select close_date, amount, probability from staging.deal_days where snapshot_date = :day"),
            {"day": day},
        ).all()
        [metric] = [one.metric for one in store.list_all(connection) if one.metric.name == "pipeline_value"]
    sums: Sums = defaultdict(float)
    for close_date, amount, probability in rows:
        if amount is not None and probability is not None:
            sums[close_date.replace(day=1) if close_date else None] += float(amount) * float(probability) / 100
    found = {key: value for key, value in as_sums(run(settings, metric, "a", day)).items() if value is not None}
    assert found == {key: pytest.approx(value) for key, value in sums.items()}
    assert found


def the_starter_pack_holds_and_its_variants_add_up(
    company: Company,
) -> None:
    settings, _ = company
    assert validate(settings, [one.metric for one in stored(settings)], "a") == []


def the_command_line(company: Company, tmp_path: Path) -> None:
    def says(*words: str, exit_code: int = 0) -> str:
        result = CliRunner().invoke(register(), ["metrics", *words])
        assert result.exit_code == exit_code, result.output
        return result.output

    assert json.loads(says("list", "--category", "sales", "--json"))["count"] == 4
    assert json.loads(says("show", "mrr", "--json"))["unit"] == "USD"
    assert yaml.safe_load(says("show", "revenue/mrr"))["sql_by_plan"].startswith("select billing_date")
    assert "Monthly recurring revenue of a, as of the end of" in says("run", "recurring_revenue", "--tenant", "a")
    answer = json.loads(
        says("run", "mrr", "--tenant", "a", "--variant", "by_plan", "--day", str(PLAN.end_date), "--json")
    )
    assert answer["as_of"] == str(PLAN.end_date)
    assert answer["rows"][0].keys() == {"period", "plan_type", "value"}
    assert "15 metrics hold" in says("validate")
    (tmp_path / "x.yml").write_text(
        "id: sales/x\ndescription: d\ntable: orders\ntime_column: nothing\ndimensions: [owner]\nsql: select 1 as n"
    )
    told = says("validate", str(tmp_path), exit_code=1)
    assert "sales/x: time_column: orders has no column 'nothing'" in told
    assert "sales/x: dimensions: orders has no column 'owner'" in told
    assert "sales/x: sql: gives no column value" in told


def test_in_the_graph(clean: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The asset imports the folder; its check says what does not hold, also of what people wrote by hand."""
    with databases.engine(clean, "warehouse").begin() as connection:
        store.put(connection, metric_of(GOOD | {"sql": "select 1 as n"}))
    result = materialize_in_dagster(clean, 'key:"semantic/metric_definitions"')
    [check] = [check for check in result.checks if check["check"] == "definitions_hold"]
    assert (check["passed"], check["offending_rows"]) == (False, 1)
    assert len(stored(clean)) == 16
    (tmp_path / "x.yml").write_text("id: sales/x")
    monkeypatch.setenv("REVOPS_METRICS_DIR", str(tmp_path))
    get_settings.cache_clear()
    try:
        with pytest.raises(RevopsError, match=r"0 metrics imported, 1 files not: .*x\.yml line 1: description: Field"):
            materialize_in_dagster(clean, 'key:"semantic/metric_definitions"')
    finally:
        monkeypatch.undo()
        get_settings.cache_clear()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "nothing", "--tenant", "a"], "there is no metric 'nothing'"), (["show", "a/b"], "there is no metric 'a/b'"), (["export", "--dir", "out"], "no metrics to export"),
        (["import", "nowhere"], "nowhere: there is no such file or folder"),
    ],
)  # fmt: skip
def test_mistakes_are_one_sentence(clean: Settings, words: list[str], said: str) -> None:
    result = CliRunner().invoke(register(), ["metrics", *words])
    assert isinstance(result.exception, RevopsError)
    assert said in str(result.exception)


def test_the_generated_company_s_metrics(company: Company, tmp_path: Path) -> None:
    """The company is loaded and built once, and everything looked at."""
    for back in (0, 75):
        starter_metrics_beside_plain_python(company, back)
        weighted_pipeline_is_that_of_the_open_deals(company, back)
        recurring_revenue_beside_plain_python(company, back)
    stored_values_are_what_the_definitions_give(company)
    the_starter_pack_holds_and_its_variants_add_up(company)
    a_definition_that_fails_stops_no_other(company)
    (tmp_path / "files").mkdir()
    the_command_line(company, tmp_path / "files")
