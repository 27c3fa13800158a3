"""The pages: figures are the rows', every number leads to its SQL, and nobody sees another company."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from datetime import timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from revops_assets.contracts import CONTRACTS
from revops_assets.contracts.models import PATH, typescript
from revops_assets.registry.sync import import_definitions
from revops_assets.serving import tokens
from revops_assets.serving.api import application
from revops_assets.serving.pages.routes import waterfall_of
from revops_assets.settings import Settings
from revops_assets.warehouse import databases
from revops_assets_tests.building import materialize
from revops_assets_tests.company import GENERATED as PLAN
from revops_assets_tests.company import SHOWN, generated
from revops_assets_tests.conftest import Put, Query

__all__ = ["generated"]


DAY = PLAN.end_date
BEFORE = DAY - timedelta(days=1)
ALL = "team_id = 'All' and segment = 'All' and region = 'All'"


@pytest.fixture
def site(generated: Settings, put: Put) -> Iterator[TestClient]:
    """The generated company's dashboards, and beside it a company that nobody else may see."""
    clean = generated
    put("other", opportunities=[{"opportunity_id": "<b>x", "name": "<script>alert(1)</script>", "stage_id": "S\ufffe<i>", "created_at": "2024-01-01Z"}])  # fmt: skip
    with databases.engine(clean, "warehouse").begin() as connection:
        import_definitions(connection, clean.metrics_dir)
    materialize(clean, SHOWN, str(DAY), tenants=["other"])
    with TestClient(
        application(clean, is_open=True), base_url="http://127.0.0.1", raise_server_exceptions=False
    ) as client:
        yield client


def test_the_pages(site: TestClient, clean: Settings, warehouse: Query) -> None:
    """The company is built once, and everything looked at."""
    figures_are_the_rows(site, warehouse)
    every_link_of_the_pages_answers(site)
    what_cannot_be_shown_is_said(site)
    nobody_sees_another_company(site, clean)
    two_days_add_up(site, warehouse)
    datasets_page_by_page_in_every_format(site, clean, warehouse)
    nothing_is_written_into_a_page(site)
    a_week_s_steps_lead_from_opening_to_closing(clean)


def figures_are_the_rows(site: TestClient, warehouse: Query) -> None:
    text = site.get(f"/pipeline?tenant=a&day={DAY}").text
    [(won, forecast, quarter)] = warehouse(
        "select dashboard.currency(closed_won_amount), dashboard.currency(ai_forecast), quarter from dashboard.dashboard_kpis"
        f" where tenant_id = 'a' and snapshot_date = %s and {ALL} order by right(quarter, 4), quarter limit 1", DAY,
    )  # fmt: skip
    assert won in text and forecast in text and f"<option selected>{quarter}</option>" in text
    record = text.split('id="record"')[1].split("</section>")[0]
    [(method, wape)] = warehouse(
        "select replace(method, '_', ' '), round(100 * wape) || '%%' from analytics.forecast_record inner join ops.calendar as c"
        f" on c.quarter_start - 1 = snapshot_date and c.week_of_quarter = week_number where c.day = %s and tenant_id = 'a' and {ALL}"
        " and method <> 'ai' and wape is not null order by wape, method limit 1", DAY,
    )  # fmt: skip
    assert re.search(
        rf'<th scope="row">{method}</th><td class="n">\d+</td><td class="n" data-sort="[\d.]+">{wape}</td>', record
    )
    assert text.count("<svg ") >= 3 and "<h1>Pipeline health</h1>" in text
    stuck = warehouse("select opportunity_name from dashboard.stuck_deals_view where tenant_id = 'a' and snapshot_date = %s order by amount desc nulls last, opportunity_id", DAY)  # fmt: skip
    assert stuck
    by_amount = site.get(f"/pipeline?tenant=a&day={DAY}&sort=amount").text
    assert re.findall(r'<th scope="row"><a href="/deal/[^"]+">([^<]+)</a>', by_amount)[: len(stuck)] == [
        name for (name,) in stuck
    ]
    [(rep, name, rank)] = warehouse("select rep_id, rep_name, rank_display from dashboard.rep_performance_view where tenant_id = 'a' and snapshot_date = %s order by overall_rank limit 1", DAY)  # fmt: skip
    coaching = site.get(f"/coaching?tenant=a&day={DAY}&rep={rep}").text
    assert f"Rep coaching: {name}" in coaching and rank in coaching
    [(own,)] = warehouse(
        "select count(*) from staging.deal_days where tenant_id = 'a' and snapshot_date = %s and owner_id = %s",
        DAY,
        rep,
    )
    review = coaching.split('id="review"')[1].split("</section>")[0] if own else ""
    assert review.count("<tr>") == (own + 1 if own else 0)
    [(open_deals,)] = warehouse(
        "select count(*) from staging.deal_days where tenant_id = 'a' and snapshot_date = %s", DAY
    )
    cohorts = text.split('id="cohorts"')[1].split("</section>")[0]
    assert sum(int(count) for count in re.findall(r'</th><td class="n">(\d+)</td>', cohorts)) == open_deals
    team = next(row for row in warehouse("select team_id, open_deals_count from dashboard.dashboard_kpis where tenant_id = 'a' and snapshot_date = %s and team_id <> 'All' and segment = 'All' and region = 'All'", DAY))  # fmt: skip
    assert f"{team[1]} deals" in site.get(f"/pipeline?tenant=a&day={DAY}&team={team[0]}").text


def every_link_of_the_pages_answers(site: TestClient) -> None:
    """Down to the rows, and from there to what they are made of."""
    seen, waiting = set(), ["/pipeline", "/coaching", "/compare"]
    kinds: dict[str, int] = {}
    while waiting:
        path = waiting.pop()
        kind = re.sub(r"\?.*|(?<=/deal/).*", "", path)
        if path in seen or kinds.get(kind, 0) >= 3:
            continue
        seen.add(path)
        kinds[kind] = kinds.get(kind, 0) + 1
        answer = site.get(path)
        assert answer.status_code == 200, (path, answer.text[:300])
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        waiting += [link.replace("&amp;", "&").split("#")[0] for link in re.findall(r'href="(/[^"]+)"', answer.text)]
    assert {
        "/rows/dashboard.dashboard_kpis",
        "/rows/enriched.deal_health_scores",
        "/rows/staging.deal_days",
        "/deal/",
    } <= kinds.keys()
    rows = site.get(f"/rows/dashboard.dashboard_kpis?tenant=a&day={DAY}&team_id=All&column=ai_forecast").text
    assert "sql/4_dashboard/dashboard_kpis.sql" in rows and "as known after load" in rows and 'class="asked"' in rows


def what_cannot_be_shown_is_said(site: TestClient) -> None:
    for path, said, status in (
        ("/pipeline?tenant=nobody", "no company", 422), ("/pipeline?day=2001-01-01", "was not built", 200), ("/pipeline?day=x", "YYYY-MM-DD", 422), ("/pipeline?quarter=Q9", "not among", 422),
        ("/pipeline?sort=x", "is none of", 422), ("/coaching?rep=nobody", "no active rep", 422), ("/deal/nothing", "no open deal", 422), ("/rows/crm.reps", "no dataset", 422),
        ("/compare?other=2001-01-01", "was not built", 422), ("/pipeline?team=%00", "NUL", 422),
    ):  # fmt: skip
        answer = site.get(path)
        assert (answer.status_code, said in answer.text) == (status, True), path


def nobody_sees_another_company(site: TestClient, clean: Settings) -> None:
    with databases.engine(clean, "warehouse").begin() as connection:
        of_a = tokens.create(connection, "Al", "reader", "a")
    with TestClient(application(clean), raise_server_exceptions=False) as closed:
        for path in ("/pipeline", "/coaching", "/compare", "/rows/dashboard.dashboard_kpis", "/deal/x"):
            assert closed.get(path, follow_redirects=False).headers["location"].startswith("/login")
        assert closed.get("/api/datasets").status_code == 401
        assert closed.post("/login", data={"token": "revops_x"}).status_code == 401
        assert closed.post("/login", data={"token": of_a}).status_code == 200
        text = closed.get("/pipeline").text
        assert "<option selected>a</option>" in text and "<option>other</option>" not in text
        for path in ("/pipeline?tenant=other", "/rows/staging.deal_days?tenant=other", "/compare?tenant=other"):
            assert closed.get(path).status_code == 422
        head = {"Authorization": f"Bearer {of_a}"}
        for table in CONTRACTS:
            assert closed.get(f"/api/datasets/{table}?tenant=other", headers=head).status_code == 403
            told = closed.get(f"/api/datasets/{table}", headers=head).json()
            assert {row["tenant_id"] for row in told["rows"]} <= {"a"}
        rows = closed.get(f"/rows/staging.deal_days?tenant_id=other&day={DAY}").text
        assert "alert(1)" not in rows
    assert site.get("/pipeline", headers={"Host": "evil.example"}).status_code == 400  # a name that resolves to us


def two_days_add_up(site: TestClient, warehouse: Query) -> None:
    [(quarter,)] = warehouse("select quarter from ops.calendar where day = %s", DAY)
    [(wanted,)] = warehouse(
        "select coalesce(sum(weighted_amount) filter (where snapshot_date = %s), 0) - coalesce(sum(weighted_amount) filter (where snapshot_date = %s), 0)"
        " from enriched.deal_forecasts where tenant_id = 'a' and quarter = %s", DAY, BEFORE, quarter,
    )  # fmt: skip
    text = site.get(f"/compare?tenant=a&day={DAY}&other={BEFORE}&quarter={quarter}").text
    found = re.search(r"weighted amounts moved by (-?[\d,.]+)", text)
    assert found, text[:500]
    assert float(found[1].replace(",", "")) == pytest.approx(float(wanted), abs=0.01)


def a_week_s_steps_lead_from_opening_to_closing(clean: Settings) -> None:
    with databases.engine(clean, "warehouse").connect() as connection:
        rows = connection.execute(sa.text("select * from analytics.pipeline_changes")).mappings().all()
    assert rows
    for row in rows:
        steps = waterfall_of(dict(row))
        assert steps[-1]["end"] == row["closing_amount"]
        assert len(steps) == 2 or steps[-2]["end"] == row["closing_amount"]


def datasets_page_by_page_in_every_format(site: TestClient, clean: Settings, warehouse: Query) -> None:
    for table in CONTRACTS:
        path = f"/api/datasets/{table}?tenant=a&day={DAY}"
        found, address = [], f"{path}&limit=7"
        for _ in range(10_000):
            page = site.get(address).json()
            found += page["rows"]
            if page["next"] is None:
                break
            address = (
                f"{path}&limit=7&after={page['next']}"
                if len(found) < 50
                else f"{path}&limit=10000&after={page['next']}"
            )
        [(count,)] = warehouse(f"select count(*) from {table} where tenant_id = 'a' and snapshot_date = %s", DAY)
        keys = [tuple(row[name] for name in CONTRACTS[table].key) for row in found]
        assert len(keys) == len(set(keys)) == count, table
        assert count > 0 or "Other days have no rows" in CONTRACTS[table].description, table
    kpis = f"/api/datasets/dashboard.dashboard_kpis?tenant=a&day={DAY}&team=All&segment=All&region=All"
    told = site.get(kpis)
    again = site.get(kpis, headers={"If-None-Match": told.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    wanted = [row["ai_forecast"] for row in told.json()["rows"]]
    lines = list(csv.DictReader(io.StringIO(site.get(f"{kpis}&format=csv").text)))
    assert [float(line["ai_forecast"]) for line in lines] == wanted
    assert pq.read_table(io.BytesIO(site.get(f"{kpis}&format=parquet").content))["ai_forecast"].to_pylist() == wanted
    stream = pa.ipc.open_stream(site.get(f"{kpis}&format=arrow").content)
    assert stream.read_all()["ai_forecast"].to_pylist() == wanted
    for table in CONTRACTS:
        for kind in ("parquet", "arrow", "csv"):
            assert site.get(f"/api/datasets/{table}?tenant=a&day={DAY}&format={kind}").status_code == 200, (table, kind)
    for wrong in ("after=x", "after=WzFd", "limit=0", "format=xml", "rep=x", "day=x"):
        assert site.get(f"{kpis}&{wrong}").status_code == 422, wrong
    schema = site.get("/api/openapi.json").json()["components"]["schemas"]
    assert schema["DashboardKpis"]["properties"].keys() == CONTRACTS["dashboard.dashboard_kpis"].all_columns.keys()


def nothing_is_written_into_a_page(site: TestClient) -> None:
    """A deal's name is text, wherever it stands."""
    for path in ("/pipeline?tenant=other", "/deal/%3Cb%3Ex?tenant=other", "/rows/staging.deal_days?tenant=other"):
        answer = site.get(f"{path}&day={DAY}")
        assert answer.status_code == 200, answer.text[:300]
        assert "<script>alert" not in answer.text and "<i>" not in answer.text
    assert "&lt;script&gt;" in answer.text


def test_before_anything_was_built(clean: Settings) -> None:
    with TestClient(
        application(clean, is_open=True), base_url="http://127.0.0.1", raise_server_exceptions=False
    ) as site:
        assert "no day was built yet" in site.get("/").text


def test_the_types_are_those_of_the_contracts() -> None:
    assert PATH.read_text() == typescript(), "run `make docs`"
