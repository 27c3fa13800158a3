"""The pages as a person uses them, in headless Chromium: `make e2e` runs it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn

from revops_assets.serving.api import application
from revops_assets.settings import Settings
from revops_assets_tests.company import generated
from revops_assets_tests.conftest import Query
from revops_assets_tests.test_automation import CHROMIUM, PICTURES
from revops_assets_tests.test_pages import BEFORE, DAY

__all__ = ["generated"]
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


@pytest.fixture
def address(generated: Settings) -> Iterator[str]:
    """The generated company's pages, served."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = uvicorn.Config(application(generated, is_open=True), host="127.0.0.1", port=port, log_level="error")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


def axe_finds_nothing(axe: Any, page: Any) -> bool:
    """Whether the page breaks no rule of WCAG 2.1 A or AA that axe-core knows; what it breaks is printed."""
    found = axe.Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]})
    said = [(one["id"], one["nodes"][0]["html"][:120]) for one in found.response["violations"]]
    print(*said)
    return not said


def test_both_dashboards_as_a_person_uses_them(address: str, warehouse: Query) -> None:
    playwright = pytest.importorskip("playwright.sync_api")
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    if CHROMIUM is None:
        pytest.skip("no Chromium here (Debian package chromium)")
    PICTURES.mkdir(exist_ok=True)
    told: list[str] = []

    def listen(page: Any) -> None:
        page.on("console", lambda message: told.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: told.append(str(error)))
        page.on(
            "request", lambda asked: told.append(asked.url) if not asked.url.startswith((address, "data:")) else None
        )

    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        listen(page)
        page.goto(address)
        # A team: what its card says is its row.
        [(team, deals)] = warehouse(
            "select team_id, open_deals_count from dashboard.dashboard_kpis where snapshot_date = %s and team_id not in ('All', '-1', 'none')"
            " and segment = 'All' and region = 'All' order by open_deals_count desc limit 1", DAY,
        )  # fmt: skip
        page.get_by_label("Team").select_option(team)
        page.get_by_role("button", name="Show").click()
        page.wait_for_url(f"**team={team}**")
        assert f"{deals} deals" in page.locator(".card", has_text="Open pipeline").inner_text()
        # The day before, chosen in the calendar of the days that were built.
        page.get_by_role("button", name="Calendar").click()
        assert axe_finds_nothing(axe, page)
        page.get_by_role("dialog").get_by_role("button", name=str(BEFORE)).click()
        page.wait_for_url(f"**day={BEFORE}**")
        assert f"As of the end of {BEFORE}" in page.locator("footer").inner_text()
        # Sorted by a heading, without asking the server again.
        page.goto(f"{address}/pipeline?day={DAY}")
        page.locator("section[aria-labelledby=stuck] th", has_text="Amount").get_by_role("button").click()
        amounts = [
            float(cell.get_attribute("data-sort")) for cell in page.locator("section[aria-labelledby=stuck] td[data-sort]").all()
        ]  # fmt: skip
        assert amounts == sorted(amounts, reverse=True) and len(amounts) > 1
        # A deal, and from its health to the rows and the SQL.
        page.locator("section[aria-labelledby=stuck] tbody a").first.click()
        page.wait_for_url("**/deal/**")
        assert page.get_by_role("heading", name="Stage visits").is_visible()
        page.locator(".card", has_text="Health").get_by_role("link").click()
        page.wait_for_url("**/rows/enriched.deal_health_scores**")
        assert "from staging.deal_days" in page.locator("pre").first.inner_text()
        page.goto(f"{address}/compare?day={DAY}&other={BEFORE}")
        assert page.get_by_role("heading", name="Why did the forecast move?").is_visible()
        # Every page in light and dark, wide and narrow: nothing that a screen reader stumbles over.
        paths = {
            "pipeline": f"/pipeline?day={DAY}", "coaching": f"/coaching?day={DAY}", "compare": f"/compare?day={DAY}",
            "rows": f"/rows/dashboard.dashboard_kpis?day={DAY}", "message": "/pipeline?tenant=nobody",
        }  # fmt: skip
        for scheme in ("light", "dark"):
            for width in (1280, 390):
                context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
                page = context.new_page()
                if scheme == "light":
                    listen(page)
                for name, path in paths.items():
                    page.goto(address + path)
                    page.screenshot(path=PICTURES / f"{name}_{scheme}_{width}.png", full_page=True)
                    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth + 1"), (name, width)
                    assert axe_finds_nothing(axe, page), (name, scheme, width)
                context.close()
        # Complete without JavaScript.
        context = browser.new_context(java_script_enabled=False)
        page = context.new_page()
        page.goto(f"{address}/pipeline?day={DAY}")
        page.get_by_label("Team").select_option(team)
        page.get_by_role("button", name="Show").click()
        assert f"team={team}" in page.url and f"{deals} deals" in page.content()
        browser.close()
    # An error page is an error by its status, and Chromium says so.
    assert [line for line in told if "422" not in line] == []
