"""The HTTP API: who may do what, the same answers as the command line's, and nothing that a request can break."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import schemathesis
import sqlalchemy as sa
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given
from hypothesis import settings as given_settings
from pydantic import SecretStr
from typer.testing import CliRunner

from revops_assets.cli import register
from revops_assets.errors import RevopsError
from revops_assets.registry.sync import import_definitions
from revops_assets.serving import tokens
from revops_assets.serving.api import application
from revops_assets.settings import Settings
from revops_assets.warehouse import databases
from revops_assets_tests.conftest import Put, Query

METRIC = {
    "id": "sales/deals",
    "description": "Deals.",
    "unit": "deals",
    "sql": "select count(*) as value from opportunities",
}
Heads = dict[str, dict[str, str]]


@pytest.fixture
def heads(clean: Settings, put: Put) -> Heads:
    """Headers of an admin, a reader, a reader of a, and of a token that was revoked; a has two tickets, b one."""
    put(
        "a",
        tickets=[
            {"ticket_id": f"{n}", "created_at": "2024-01-05Z", "resolved_at": f"2024-01-05 0{n}:00Z"} for n in (2, 4)
        ],
    )
    put("b", tickets=[{"ticket_id": "1", "created_at": "2024-01-05Z", "resolved_at": "2024-01-05 09:00Z"}])
    with databases.engine(clean, "warehouse").begin() as connection:
        import_definitions(connection, clean.metrics_dir)
        made = {
            "admin": tokens.create(connection, "Ada", "admin", None), "reader": tokens.create(connection, "Rea", "reader", None),
            "of a": tokens.create(connection, "Al", "reader", "a"), "revoked": tokens.create(connection, "Rex", "admin", None),
        }  # fmt: skip
        [rex] = [token for token in tokens.list_all(connection) if token.name == "Rex"]
        tokens.revoke(connection, rex.token_id)
    return {who: {"Authorization": f"Bearer {token}"} for who, token in made.items()} | {
        "nobody": {},
        "unknown": {"Authorization": "Bearer revops_x"},
        "basic": {"Authorization": "Basic YTpi"},
    }


@pytest.fixture
def api(clean: Settings) -> Iterator[TestClient]:
    with TestClient(application(clean), raise_server_exceptions=False) as client:
        yield client


def says(*words: str) -> object:
    result = CliRunner().invoke(register(), ["metrics", *words, "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def test_the_api_and_the_command_line_answer_the_same(api: TestClient, heads: Heads) -> None:
    for path, words in (
        ("/api/metrics", ["list"]), ("/api/metrics?category=sales", ["list", "--category", "sales"]), ("/api/metrics/revenue/mrr", ["show", "mrr"]),
        ("/api/metrics/operations/support_resolution_time/values?tenant=a&day=2024-01-05", ["run", "mttr", "--tenant", "a", "--day", "2024-01-05"]),
    ):  # fmt: skip
        answer = api.get(path, headers=heads["reader"])
        assert answer.status_code == 200
        assert answer.json() == says(*words)
    assert answer.json()["rows"] == [
        {"period": "2024-01-01", "value": 3.0, "median": 3.0, "numerator": 6.0, "denominator": 2}
    ]


def test_who_may_do_what(api: TestClient, heads: Heads) -> None:
    for who in ("nobody", "unknown", "basic", "revoked"):
        for method, path in (
            ("get", "/api/metrics"), ("get", "/api/metrics/revenue/mrr"), ("get", "/api/metrics/revenue/mrr/values"),
            ("delete", "/api/admin/metrics/revenue/mrr"),
        ):  # fmt: skip
            assert getattr(api, method)(path, headers=heads[who]).status_code == 401, (who, path)
        assert api.post("/api/admin/metrics", headers=heads[who], json=METRIC).status_code == 401
    assert api.post("/api/admin/metrics", headers=heads["reader"], json=METRIC).status_code == 403
    assert api.delete("/api/admin/metrics/revenue/mrr", headers=heads["reader"]).status_code == 403
    made = api.post("/api/admin/metrics", headers=heads["admin"], json=METRIC)
    assert (made.status_code, made.json()["id"], made.json()["source"]) == (201, "sales/deals", "manual")
    assert api.get("/api/metrics/sales/deals", headers=heads["reader"]).json() == made.json()
    gone = api.delete("/api/admin/metrics/sales/deals", headers=heads["admin"])
    assert (gone.status_code, gone.json()) == (200, {"status": "deleted", "id": "sales/deals"})
    assert api.delete("/api/admin/metrics/sales/deals", headers=heads["admin"]).status_code == 404
    assert api.get("/api/metrics/sales/deals", headers=heads["reader"]).status_code == 404


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sql": "select pg_sleep(1)"}, "pg_sleep"), ({"sql": "drop table x"}, "no SELECT"), ({"id": "deals"}, "category/name"), ({"colour": "red"}, "Extra inputs"),
        ({"sql_variants": {"x": "select 1"}}, "by_"), ({"grain": "hourly"}, "Input should be"), ({"tables": ["secrets"]}, "no table 'secrets'"),
    ],
)  # fmt: skip
def test_a_bad_definition_is_refused(api: TestClient, heads: Heads, change: dict[str, object], said: str) -> None:
    answer = api.post("/api/admin/metrics", headers=heads["admin"], json=METRIC | change)
    assert answer.status_code == 422
    assert said in answer.text
    assert api.get("/api/metrics", headers=heads["admin"]).json()["count"] == 15


def test_a_company_s_token_gets_its_company_s_values(api: TestClient, heads: Heads) -> None:
    path = "/api/metrics/operations/support_resolution_time/values"
    assert api.get(path, headers=heads["of a"]).json()["rows"][0]["value"] == 3
    assert api.get(f"{path}?tenant=a", headers=heads["of a"]).json()["tenant"] == "a"
    assert api.get(f"{path}?tenant=b", headers=heads["of a"]).status_code == 403
    assert api.get(f"{path}?tenant=b", headers=heads["reader"]).json()["rows"][0]["value"] == 9
    assert api.get(path, headers=heads["reader"]).status_code == 422
    assert api.get(f"{path}?tenant=c", headers=heads["reader"]).status_code == 422
    assert api.get(f"{path}?tenant=a&day=0001-01-01", headers=heads["reader"]).status_code == 422
    assert "no variant 'by_moon'" in api.get(f"{path}?variant=by_moon", headers=heads["of a"]).text


def test_tokens_are_shown_once_and_stored_nowhere(heads: Heads, warehouse: Query) -> None:
    token = heads["admin"]["Authorization"].removeprefix("Bearer ")
    assert token.startswith("revops_")
    [stored] = warehouse("select count(*) from ops.api_tokens as t where t::text like %s", f"%{token[10:]}%")
    assert stored == (0,)
    shown = CliRunner().invoke(register(), ["token", "list"]).output
    assert "Ada" in shown
    assert token not in shown
    made = CliRunner().invoke(register(), ["token", "create", "New", "--role", "admin", "--tenant", "b"])
    assert made.output.startswith("revops_")
    held = json.loads(CliRunner().invoke(register(), ["token", "list", "--json"]).output)
    assert [(one["name"], one["role"], one["tenant_id"], one["revoked_at"] is None) for one in held][-2:] == [
        ("Rex", "admin", None, False),
        ("New", "admin", "b", True),
    ]
    for words, said in (
        (["revoke", "999"], "no token 999 in use"),
        (["create", "X", "--tenant", "z"], "no tenant 'z'"),
        (["create", " "], "needs a name"),
    ):
        result = CliRunner().invoke(register(), ["token", *words])
        assert isinstance(result.exception, RevopsError)
        assert said in str(result.exception)
    assert CliRunner().invoke(register(), ["token", "revoke", str(held[-1]["token_id"])]).exit_code == 0


def test_no_request_breaks_it(clean: Settings, heads: Heads) -> None:
    """schemathesis: requests made from the API's own description, right ones and wrong ones, end in no 5xx."""
    app = application(clean)
    schema = schemathesis.openapi.from_asgi("/api/openapi.json", app)
    seen: set[int] = set()
    for operation in schema.get_all_operations():
        found = operation.ok()

        @given_settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        @given(case=found.as_strategy())
        def ask(case: schemathesis.Case) -> None:
            answer = case.call(headers=heads["admin"])
            seen.add(answer.status_code)
            assert answer.status_code < 500, (case.as_curl_command(), answer.text)

        ask()
    assert {200, 404, 422} <= seen
    with databases.engine(clean, "warehouse").connect() as connection:
        assert connection.scalar(sa.text("select count(*) from crm_remote.tenants")) == 2


@pytest.mark.parametrize(
    "body",
    [
        b'{"id": "a/b", "description": "d", "sql": "select 1", "notes": ["\\ud800"]}', b'{"id": "a/b", "description": "d", "sql": "\\ud800"}', b'{"\\ud800": 1}', b"NaN", b"1e400", b"[-Infinity]",
        b'{"id": "a/b", "description": "d", "sql": "select 1", "validation": {"x": NaN}}', b'{"id": "a/b", "description": "d", "sql": "select 1", "validation": {"\\ud800": 1}}',
        b'{"id": "a/b", "description": "d", "sql": "select 1", "validation": ' + b'{"x": ' * 254 + b"1" + b"}" * 254 + b"}", b'{"id": "a/b", "description": "d", "sql": "select 1", "sql_variants": {"by_x\\n": "select 1"}}',
    ],
)  # fmt: skip
def test_what_json_can_say_and_postgresql_cannot_is_refused(api: TestClient, heads: Heads, body: bytes) -> None:
    """And nothing of it is stored: the list stays readable."""
    head = heads["admin"] | {"Content-Type": "application/json"}
    assert api.post("/api/admin/metrics", headers=head, content=body).status_code == 422
    assert api.put("/api/admin/columns/dashboard.dashboard_kpis/quarter", headers=head, content=body).status_code == 422
    text = '{"description": "\\ud800"}'
    answer = api.put("/api/admin/columns/dashboard.dashboard_kpis/quarter", headers=head, content=text)
    assert (answer.status_code, "half a character" in answer.text) == (422, True)
    assert api.get("/api/metrics", headers=heads["admin"]).json()["count"] == 15


def test_a_value_that_python_has_no_date_for(api: TestClient, heads: Heads) -> None:
    metric = METRIC | {"sql": "select '20226-01-01'::date as closes, count(*) as value from orders group by 1 union all select '20226-01-01'::date, 0"}  # fmt: skip
    assert api.post("/api/admin/metrics", headers=heads["admin"], json=metric).status_code == 201
    answer = api.get("/api/metrics/sales/deals/values", headers=heads["of a"])
    assert (answer.status_code, "cannot be read" in answer.text) == (422, True)


def test_an_admin_of_one_company_changes_nothing_of_all(api: TestClient, clean: Settings, heads: Heads) -> None:
    with databases.engine(clean, "warehouse").begin() as connection:
        head = {"Authorization": f"Bearer {tokens.create(connection, 'Bo', 'admin', 'a')}"}
    assert api.post("/api/admin/metrics", headers=head, json=METRIC).status_code == 403
    assert api.delete("/api/admin/metrics/revenue/mrr", headers=head).status_code == 403
    assert api.get("/api/metrics", headers=head).status_code == 200


def test_every_answer_keeps_browsers_from_misusing_it(
    clean: Settings, heads: Heads, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages, files, data, redirects, refusals and faults: nothing is sniffed, framed, kept, or loaded from elsewhere."""
    app = application(clean, is_open=True)
    answers = {}
    with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False, follow_redirects=False) as client:
        for status, path in (
            (200, "/login"), (303, "/"), (200, "/pipeline"), (200, "/static/style.css"), (200, "/api/metrics"),
            (200, "/api/openapi.json"), (404, "/nowhere"), (404, "/api/metrics/revenue/none"), (422, "/pipeline?sort=x%00"),
            (422, "/api/metrics/revenue/mrr/values?day=never"), (405, "/api/openapi.json#"),
        ):  # fmt: skip
            answers[path] = client.post(path) if status == 405 else client.get(path)
            assert answers[path].status_code == status, (path, answers[path].text)
        answers["unknown token"] = client.get("/api/metrics", headers={"Authorization": "Bearer none"})
        answers["name of another"] = client.get("/login", headers={"Host": "evil.example"})
        monkeypatch.setattr("revops_assets.serving.access.Access.holder", lambda *_: 1 / 0)
        answers["fault"] = client.get("/api/metrics", headers={"Authorization": "Bearer any"})
    assert [answers[name].status_code for name in ("unknown token", "name of another", "fault")] == [401, 400, 500]
    assert "division" not in answers["fault"].text
    for name, answer in answers.items():
        policy = dict(part.strip().split(" ", 1) for part in answer.headers["Content-Security-Policy"].split(";"))
        assert (policy["default-src"], policy["frame-ancestors"], policy["base-uri"]) == ("'none'",) * 3, name
        assert "unsafe" not in str(policy) and "*" not in str(policy) and "http" not in str(policy), name
        assert {key: answer.headers[key] for key in KEEPING} == KEEPING, name


KEEPING = {
    "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin", "Cache-Control": "no-store",
}  # fmt: skip


def test_a_warehouse_that_does_not_answer_is_not_described(clean: Settings, caplog: pytest.LogCaptureFixture) -> None:
    gone = clean.model_copy(update={"database_url": SecretStr("postgresql://someone@127.0.0.1:1/postgres")})
    with TestClient(
        application(gone, is_open=True), base_url="http://127.0.0.1", raise_server_exceptions=False
    ) as client:
        for path in ("/pipeline", "/api/datasets/dashboard.dashboard_kpis?tenant=a"):
            answer = client.get(path)
            assert answer.status_code == 503, answer.text
            assert "someone" not in answer.text and "127.0.0.1:1" not in answer.text
    assert "Connection refused" in caplog.text
