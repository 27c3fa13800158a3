"""The Model Context Protocol server, asked by its own client over both transports."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
from mcp import Client, StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client

from revops_assets.registry.sync import import_definitions
from revops_assets.serving import tokens
from revops_assets.serving.tools import tool_server
from revops_assets.settings import PROJECT_ROOT, Settings
from revops_assets.warehouse import databases
from revops_assets_tests.building import materialize
from revops_assets_tests.conftest import Put

TOOLS = [
    "list_metrics", "get_metric", "get_dimensions", "get_dimension_values", "query_metric", "get_lineage", "list_datasets",
    "describe_dataset", "query_dataset", "data_freshness",
]  # fmt: skip
Ask = Callable[[Client], Awaitable[None]]


@pytest.fixture
def told(clean: Settings, put: Put) -> Settings:
    """Two companies: a has an order of January and one of March, b one; one day of daily metrics is built."""
    for tenant, amounts in (("a", (10, 30)), ("b", (7,))):
        put(
            tenant,
            opportunities=[{"opportunity_id": "d", "stage_id": "Proposal", "created_at": "2024-01-01Z"}],
            orders=[
                {
                    "order_id": f"{n}", "ordered_at": f"2024-0{2 * n + 1}-05Z", "completed_at": f"2024-0{2 * n + 1}-06Z", "amount": amount,
                    "channel": "web", "modified_at": f"2024-0{2 * n + 1}-06Z",
                }
                for n, amount in enumerate(amounts)
            ],
        )  # fmt: skip
    with databases.engine(clean, "warehouse").begin() as connection:
        import_definitions(connection, clean.metrics_dir)
    materialize(clean, "group:metrics", "2024-03-31")
    return clean


async def call(client: Client, name: str, /, **given: Any) -> dict[str, Any]:
    result = await client.call_tool(name, given)
    assert not result.is_error, result.content
    assert isinstance(result.structured_content, dict)
    return result.structured_content


async def refused(client: Client, name: str, /, **given: Any) -> str:
    result = await client.call_tool(name, given)
    assert result.is_error
    [content] = result.content
    return str(getattr(content, "text", ""))


async def asked_about_a(client: Client) -> None:
    """What is answered of company a, over any transport bound to it."""
    assert [tool.name for tool in (await client.list_tools()).tools] == TOOLS
    listed = await call(client, "list_metrics", category="revenue")
    assert {"revenue/mrr", "revenue/total_revenue"} <= {one["id"] for one in listed["metrics"]}
    assert (await call(client, "get_metric", metric="gross_revenue"))["id"] == "revenue/total_revenue"
    by = await call(client, "get_dimensions", metric="total_revenue")
    assert by["dimensions"][0]["name"] == "channel" and by["dimensions"][0]["variants"] == ["by_channel"]
    values = await call(client, "get_dimension_values", metric="total_revenue", dimension="channel")
    assert values["values"] == ["web"]
    answer = await call(client, "query_metric", metric="total_revenue", day="2024-03-31")
    assert answer["rows"] == [{"period": "2024-01-01", "value": 10.0}, {"period": "2024-03-01", "value": 30.0}]
    assert answer["sql"].startswith("SELECT") and answer["as_of"] == "2024-03-31" and answer["data_freshness"]
    earlier = await call(client, "query_metric", metric="total_revenue", day="2024-02-28")
    assert [row["value"] for row in earlier["rows"]] == [10.0]
    later = await call(
        client, "query_metric", metric="total_revenue", first_period="2024-02-01", dimensions=["channel"]
    )
    assert later["rows"] == [{"period": "2024-03-01", "channel": "web", "value": 30.0}]
    with_known = await call(client, "query_metric", metric="total_revenue", known_as_of=answer["known_as_of"])
    assert with_known["known_as_of"] == answer["known_as_of"]
    assert "reads opportunities" in await refused(client, "query_metric", metric="pipeline_value", known_as_of=1)
    lineage = await call(client, "get_lineage", name="revenue/total_revenue")
    assert lineage["reads"] == [{"input": "semantic_input.orders", "from": ["crm.accounts", "crm.orders"]}]
    assert "staging.deal_days" in (await call(client, "get_lineage", name="enriched.deal_health_scores"))["reads"]
    assert "dashboard.dashboard_kpis" in {one["dataset"] for one in (await call(client, "list_datasets"))["datasets"]}
    described = await call(client, "describe_dataset", dataset="metrics.rep_daily_pipeline")
    assert described["key"] == ["tenant_id", "metric_date", "rep_id"]
    rows = await call(
        client, "query_dataset", dataset="metrics.run_log", day="2024-03-31", columns=["tenant_id", "metric_date"]
    )
    assert rows["rows"] == [{"tenant_id": "a", "metric_date": "2024-03-31"}]
    assert "where" in rows["sql"] and rows["as_of"] == "2024-03-31"
    fresh = await call(client, "data_freshness")
    assert fresh["newest_load_at"] and {one["newest_day"] for one in fresh["datasets"]} == {"2024-03-31"}
    for said, name, given in (
        ("another company", "query_metric", {"metric": "mrr", "tenant": "b"}),
        ("another tenant", "query_dataset", {"dataset": "metrics.run_log", "filters": {"tenant_id": "b"}}),
        ("no metric 'nothing'", "get_metric", {"metric": "nothing"}), ("no dataset 'crm.reps'", "query_dataset", {"dataset": "crm.reps"}),
        ("no column", "query_dataset", {"dataset": "metrics.run_log", "columns": ["x"]}), ("1,000", "query_dataset", {"dataset": "metrics.run_log", "limit": 9999}),
        ("is not given by region", "query_metric", {"metric": "mrr", "dimensions": ["region"]}), ("no dimension", "get_dimension_values", {"metric": "mrr", "dimension": "x"}),
        ("invalid input syntax", "query_dataset", {"dataset": "metrics.rep_daily_pipeline", "day": "2024-03-31", "filters": {"opportunities_created": "x"}}),
    ):  # fmt: skip
        assert said in await refused(client, name, **given), (said, name)


def test_over_stdio_bound_to_a_company(told: Settings) -> None:
    async def ask() -> None:
        given = {"REVOPS_HOME": str(told.home), "REVOPS_DATABASE_PREFIX": told.database_prefix}
        if told.database_url:
            given["REVOPS_DATABASE_URL"] = told.database_url.get_secret_value()
        parameters = StdioServerParameters(
            command=str(Path(sys.executable).parent / "revops"),
            args=["mcp", "--tenant", "a"],
            env=given,
            cwd=str(PROJECT_ROOT),
        )
        async with Client(stdio_client(parameters)) as client:
            await asked_about_a(client)

    asyncio.run(ask())


@pytest.fixture
def url(told: Settings) -> Iterator[str]:
    """The server over HTTP, in a thread."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    at = f"http://127.0.0.1:{port}"
    app = tool_server(told, url=at).streamable_http_app(host="127.0.0.1")
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    yield f"{at}/mcp"
    server.should_exit = True
    thread.join()


def with_token(url: str, token: str, ask: Ask) -> None:
    async def run() -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with (
            httpx2.AsyncClient(headers=headers, timeout=30) as http,
            Client(streamable_http_client(url, http_client=http)) as client,
        ):
            await ask(client)

    asyncio.run(run())


def test_over_http_behind_the_api_s_tokens(told: Settings, url: str) -> None:
    with databases.engine(told, "warehouse").begin() as connection:
        of_a = tokens.create(connection, "Al", "reader", "a")
        of_all = tokens.create(connection, "Rea", "reader", None)
    with_token(url, of_a, asked_about_a)

    async def ask(client: Client) -> None:
        assert "of which tenant" in await refused(client, "query_metric", metric="total_revenue")
        answer = await call(client, "query_metric", metric="total_revenue", tenant="b", day=str(date(2024, 3, 31)))
        assert [row["value"] for row in answer["rows"]] == [7.0]

    with_token(url, of_all, ask)
    for token in ("", "revops_unknown"):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        assert httpx2.post(url, headers=headers, json={"jsonrpc": "2.0", "id": 1, "method": "ping"}).status_code == 401
