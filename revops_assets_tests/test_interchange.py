"""Apache Ossie documents, read by programs that are not ours; and free queries beside the registry."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import ossie_guard
import pytest
import sqlalchemy as sa
import yaml
from sidemantic.interchange.ossie import OssieParseOptions, lower_ossie_document, parse_ossie_document
from typer.testing import CliRunner

from revops_assets.cli import register
from revops_assets.errors import RevopsError
from revops_assets.registry import store
from revops_assets.registry.columns import input_columns
from revops_assets.registry.compare import compare
from revops_assets.registry.definition import metric_of
from revops_assets.registry.documents import read
from revops_assets.registry.ossie import from_ossie, to_ossie
from revops_assets.registry.run import run
from revops_assets.registry.sync import export_ossie, import_definitions
from revops_assets.settings import SQL_DIR, Settings
from revops_assets.warehouse import databases
from revops_assets_tests.conftest import Put

DONE = "where status = 'completed'"
PACK = read(SQL_DIR / "semantic").metrics
# A document of somebody else: two shapes of one model.
MODEL = {
    "name": "Shop Model",
    "datasets": [
        {
            "name": "o", "source": "db.semantic_input.orders",
            "fields": [
                {"name": "net", "expression": {"dialects": [{"dialect": "ANSI_SQL", "expression": "total_amount - 1"}]}},
                {"name": "placed", "expression": {"dialects": [{"dialect": "ANSI_SQL", "expression": "order_date"}]}, "dimension": {"is_time": True}},
                {"name": "channel", "expression": {"dialects": [{"dialect": "ANSI_SQL", "expression": "channel"}]}, "dimension": {"is_time": False}},
            ],
        },
        {"name": "t", "source": "tickets", "fields": []},
    ],
    "metrics": [
        {
            "name": "Net Sales", "description": "Sales less one each.", "ai_context": {"synonyms": ["net"]},
            "expression": {"dialects": [{"dialect": "ANSI_SQL", "expression": "SUM(o.net)"}, {"dialect": "SNOWFLAKE", "expression": "SUM(o.net)"}]},
        }
    ],
}  # fmt: skip


def tables(settings: Settings) -> Any:
    with databases.engine(settings, "warehouse").connect() as connection:
        return input_columns(connection)


def test_the_registry_as_a_document_that_others_read(settings: Settings, tmp_path: Path) -> None:
    text = to_ossie(PACK, tables(settings))
    path = tmp_path / "model.yaml"
    path.write_text(text, encoding="utf-8")
    assert ossie_guard.lint_file(str(path)) == []
    options = OssieParseOptions(target_dialect="postgres", validate_schema=True)
    parsed = parse_ossie_document(text.encode(), source_identifier="model.yaml", options=options)
    assert parsed.valid, parsed.diagnostics
    lowered = lower_ossie_document(parsed)
    assert lowered.valid, lowered.diagnostics
    given = yaml.safe_load(text)
    told = {one["name"]: one["expression"]["dialects"][0]["expression"] for one in given["metrics"]}
    assert told["total_revenue"] == "SUM(CASE WHEN orders.status = 'completed' THEN orders.total_amount END)"
    assert told["active_users"] == "COUNT(DISTINCT user_events.user_id)"
    whole = {json.loads(one["data"])["metric"]["name"] for one in given["custom_extensions"]}
    assert whole == {
        "churn_rate", "feature_adoption", "new_customers", "net_revenue_retention", "gross_revenue_retention",
    }  # fmt: skip
    assert whole.isdisjoint(told) and len(whole) + len(told) == len(PACK)


def test_what_was_exported_is_imported_as_it_was(clean: Settings, tmp_path: Path) -> None:
    with databases.engine(clean, "warehouse").begin() as connection:
        import_definitions(connection, SQL_DIR / "semantic")
        before = [one.metric for one in store.list_all(connection)]
        path = export_ossie(connection, tmp_path / "out")
        done = import_definitions(connection, path)
        assert len(done.actions["unchanged"]) == len(before)  # and approved, as they were
        connection.execute(sa.text("truncate semantic.metric_definitions"))
        import_definitions(connection, path)
        after = store.list_all(connection)
    assert [one.metric for one in after] == before
    assert {one.status for one in after} == {"proposed"}
    result = CliRunner().invoke(register(), ["metrics", "export", "--dir", str(tmp_path / "cli"), "--ossie"])
    assert result.output == f"{tmp_path / 'cli' / 'ossie.yml'}\n"


@pytest.mark.parametrize(
    "document",
    [{"version": "0.2.0.dev0", **MODEL}, {"version": "0.1.1", "semantic_model": [MODEL]}],
    ids=["0.2", "0.1"],
)
def test_somebody_else_s_metric_runs(clean: Settings, put: Put, tmp_path: Path, document: dict[str, Any]) -> None:
    path = tmp_path / "shop.yml"
    path.write_text(yaml.safe_dump(document))
    with databases.engine(clean, "warehouse").begin() as connection:
        done = import_definitions(connection, tmp_path)
        assert done.failures == []
        [found] = store.list_all(connection)
    assert (found.metric.id, found.status, found.metric.grain) == ("shop_model/net_sales", "proposed", None)
    assert (found.metric.type, found.metric.dimensions, found.metric.synonyms) == ("sum", ["channel"], ["net"])
    put("a", orders=[{"order_id": str(n), "ordered_at": "2024-01-05Z", "amount": 10 * n} for n in (1, 2)])
    assert run(clean, found.metric, "a").result.rows == [(28,)]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"version": "2.0"}, "version '2.0'"), ({"metrics": []}, "holds no metric"), ({"metrics": "x"}, "metrics is no list"),
        ({"metrics": [{"name": "m", "expression": {"dialects": [{"dialect": "MDX", "expression": "x"}]}}]}, "metric 'm' has no expression in ANSI_SQL"),
        ({"metrics": [{"name": "m", "expression": {"dialects": [{"dialect": "ANSI_SQL", "expression": "SUM(o.a) / COUNT(t.b)"}]}}]}, "does not read one dataset"),
        ({"metrics": [{"name": "m", "expression": {"dialects": [{"dialect": "ANSI_SQL", "expression": "SUM("}]}}]}, "metric 'm': "),
        ({"datasets": [MODEL["datasets"][0] | {"source": "crm.db.orders"}]}, "outside semantic_input"),
        ({"metrics": [MODEL["metrics"][0], MODEL["metrics"][0] | {"name": "net-sales"}]}, "stands twice"),
        ({"custom_extensions": [{"vendor_name": "REVOPS_ASSETS", "data": "{"}]}, "is no JSON"), ({"metrics": [{"name": "!", "expression": {"dialects": [{"dialect": "ANSI_SQL", "expression": "SUM(o.a)"}]}}]}, "name"),
        ({"custom_extensions": [{"vendor_name": "REVOPS_ASSETS", "data": '{"metric": {"id": "a/b"}}'}]}, "description: Field required"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_definition_is_named(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    with pytest.raises(RevopsError) as told:
        from_ossie({"version": "0.2.0.dev0", **MODEL, **change})
    assert said in str(told.value)
    (tmp_path / "x.yml").write_text(json.dumps({"version": "0.2.0.dev0", **MODEL, **change}))
    [failure] = read(tmp_path).failures
    assert said in failure.reason


# --------------------------------------------------------------------------------------- queries beside the registry


@pytest.mark.parametrize(
    ("sql", "findings", "unsaid"),
    [
        (f"select sum(total_amount) as revenue from orders {DONE} group by date_trunc('month', order_date)::date", ["re-invents revenue/total_revenue"], 0),
        ("select channel, sum(o.total_amount) filter (where 'completed' = o.status) as r from semantic_input.orders as o group by 1", ["re-invents revenue/total_revenue"], 0),
        ("with done as (select * from orders where status = 'completed') select sum(total_amount) as r from done", ["re-invents revenue/total_revenue"], 0),
        ("select sum(case when status in ('completed') then total_amount end) as r from Semantic_Input.Orders where channel = 'web'", ["re-invents revenue/total_revenue"], 0),
        ("select sum(case when status = 'completed' then total_amount else 0 end) as r from orders", ["re-invents revenue/total_revenue"], 0),
        ("(select sum(total_amount) as r from orders where status = 'completed')", ["re-invents revenue/total_revenue"], 0),
        ("select sum(total_amount) as r from orders", ["contradicts revenue/total_revenue"], 0), (f"select sum(total_amount) as r from orders {DONE} and customer_id <> 'x'", ["contradicts revenue/total_revenue"], 0),
        ("select sum(total_amount) as r from orders where status = 'COMPLETED'", ["contradicts revenue/total_revenue"], 0),
        (f"select sum(total_amount) as r from orders {DONE} and md5(channel) < '8'", ["contradicts revenue/total_revenue"], 0),
        ("select sum(total_amount) as a, sum(total_amount) as a from orders where status = 'completed'", ["re-invents revenue/total_revenue"] * 2, 0),
        ("select count(*) as mrr from subscriptions", ["contradicts revenue/mrr"], 0), ("select 1 as mrr from crm.subscriptions", [], 2),
        ("select date_trunc('month', event_date)::date as m, count(distinct user_id) as n from user_events group by 1", ["re-invents product_usage/active_users"], 0),
        ("select sum(mrr_amount) as n from subscriptions where status = 'active'", ["contradicts revenue/mrr"], 0),
        ("select sum(mrr_amount) as n from subscriptions where status = 'active' and billing_date = '2024-03-01'", [], 1),
        # Of another grain or grouping, or of what is not looked into: not said.
        ("select event_date, count(distinct user_id) as n from user_events group by 1", [], 1), (f"select customer_id, sum(total_amount) as n from orders {DONE} group by 1", [], 1),
        ("select count(user_id) as n from user_events", [], 0), ("select max(total_amount) as n from orders", [], 0), ("select sum(x) as n from elsewhere.table_of_mine", [], 1),
        ("select sum(o.total_amount) as n from orders as o join tickets as t on o.customer_id = t.customer_id", [], 1), ("select sum(total_amount) as r from orders union all select 1", [], 1),
        ("select value as mrr from semantic.metric_values where metric_id = 'revenue/mrr'", [], 0),
        (f"select sum(total_amount) as n from orders {DONE} and (select max(value) from semantic.metric_values) > 0", [], 1),
        *((f"select sum(total_amount) as n from {what}", [], 1) for what in (
            f"orders {DONE} offset 1", f"orders tablesample bernoulli (10) {DONE}", f"orders {DONE} for update", f"orders {DONE} group by rollup (channel)", f"orders {DONE} limit 1",
            f"orders as o left join (select 1 as a union all select 1) as t on t.a = 1 {DONE}", f"orders {DONE} and random() < 0.5", f"orders {DONE} and exists (select 1 from tickets)",
            "orders as o (order_id, customer_id, product_id, channel, region, order_date, completed_date, total_amount, status) where status = 'completed'",
            f"otherdb.semantic_input.orders {DONE}", f"(select distinct * from orders {DONE}) as d", f"orders {DONE} having count(*) > 1",
        )),
        ("select sum(total_amount) as n, generate_series(1, 3) from orders where status = 'completed'", [], 1), ("select sum(total_amount) as n into foo from orders where status = 'completed'", [], 1),
        ("with orders as (select * from semantic_input.orders where status = 'completed') select sum(total_amount) as n from semantic_input.orders", [], 1),
        (f"select sum(total_amount) as n from orders {DONE} and ({' or '.join(f'channel = {n!r}' for n in map(str, range(900)))})", [], 1),
        ("select sum(total_amount) * 1e10 * 9e99999999 as n from orders", [], 1), ("select 1 where not exists (select from orders)", [], 1),
    ],
)  # fmt: skip
def test_a_query_that_computes_a_metric_again_or_otherwise(
    settings: Settings, sql: str, findings: list[str], unsaid: int
) -> None:
    types = {table: {one.column_name: one.type or "" for one in found} for table, found in tables(settings).items()}
    found = compare(sql, PACK, types)
    assert [f"{one.verdict} {one.metric_id}" for one in found.findings] == findings
    assert len(found.unsaid) == unsaid


def test_ratios_of_other_conditions_are_not_the_same(settings: Settings) -> None:
    """Conditions that differ from one aggregate to the next stay in the form."""
    rate = metric_of(
        {
            "id": "sales/win_rate",
            "description": "d",
            "type": "ratio",
            "table_name": "opportunities",
            "sql": RATE.format("is_won"),
        }
    )
    types = {table: {one.column_name: one.type or "" for one in found} for table, found in tables(settings).items()}
    assert [str(one) for one in compare(RATE.format("is_lost"), [rate], types).findings] == []
    assert [one.verdict for one in compare(RATE.format("is_won"), [rate], types).findings] == ["re-invents"]
    less = "select sum(deal_value) filter (where {}) - sum(deal_value) filter (where {}) as value from opportunities"
    net = metric_of({"id": "sales/net", "description": "d", "sql": less.format("is_won", "is_lost")})
    assert compare(less.format("is_lost", "is_won"), [net], types).findings == ()


RATE = "select 100.0 * count(*) filter (where {}) / nullif(count(*), 0) as value from opportunities"


def test_every_definition_of_one_table_is_found_in_itself(settings: Settings) -> None:
    """What the registry computes is recognized; what reads in steps is not guessed at."""
    types = {table: {one.column_name: one.type or "" for one in found} for table, found in tables(settings).items()}
    recognized = set()
    for metric in PACK:
        found = compare(metric.sql, PACK, types)
        assert all(one.metric_id == metric.id for one in found.findings if one.verdict == "re-invents")
        recognized |= {one.metric_id for one in found.findings if one.verdict == "re-invents" and one.output == "value"}
    assert len(recognized) >= 9
    assert "revenue/net_revenue_retention" not in recognized


def test_check_sql_on_the_command_line(clean: Settings, tmp_path: Path) -> None:
    def says(sql: str, *words: str) -> tuple[int, str]:
        (tmp_path / "q.sql").write_text(sql)
        result = CliRunner().invoke(register(), ["metrics", "check-sql", str(tmp_path / "q.sql"), *words])
        return result.exit_code, result.output or str(result.exception)

    with databases.engine(clean, "warehouse").begin() as connection:
        import_definitions(connection, SQL_DIR / "semantic")
    assert says("select sum(total_amount) as r from orders") == (
        1, "r: contradicts revenue/total_revenue: leaves out status = 'completed'\n",
    )  # fmt: skip
    code, told = says("select avg(resolution_hours) as n from tickets where status = 'resolved'", "--json")
    assert code == 0 and json.loads(told)["findings"][0]["verdict"] == "re-invents"
    assert says("select max(total_amount) as n from orders") == (0, "It computes no registered metric.\n")
    assert "is no single SELECT" in says("drop table x")[1]
    assert "does not parse" in says("select (")[1]
    assert "does not parse" in says(f"select {'(' * 3000}1{')' * 3000}")[1]
    assert "longer than 20,000" in says("select 1" + " " * 20_000)[1]
