"""Coaching insights: the template by hand; a language model behind a real endpoint that behaves and misbehaves."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from revops_assets.contracts import CONTRACTS
from revops_assets.insights.insight import Improvement, Insight, PriorityAction, Strength
from revops_assets.insights.model import foreign_figures
from revops_assets.settings import Settings, get_settings
from revops_assets_tests.building import materialize
from revops_assets_tests.conftest import Put, Query
from revops_assets_tests.test_forecast import quota
from revops_assets_tests.test_reps import STAGES, closed
from revops_assets_tests.test_stage_visits import deal

DAY = "2024-04-10"
READ = (
    "select rep_id, model_version, strengths, improvements, priority_actions, overall_assessment, primary_focus_area, prompt_sha256, fallback_reason"
    f" from ai.rep_coaching_insights where snapshot_date = '{DAY}' order by rep_id"
)
INSIGHT = {
    "strengths": [
        {
            "title": "Bookings",
            "detail": "100% of what counts",
            "metric_value": "100%",
            "metric_comparison": "team $211K",
        }
    ],
    "improvements": [],
    "priority_actions": [
        {"deal_name": "Big", "deal_amount": 2100000.0, "action": "call", "reason": "Stuck", "deadline": "2024-04-11"}
    ],
    "overall_assessment": "Ann is #1/2 and wins 100% of closed deals.",
    "primary_focus_area": "Big",
}


@pytest.fixture
def company(put: Put) -> None:
    """Ann has won one deal and has a big stuck one, Bob has lost one and has nothing open."""
    won, changes = closed("w", "Won", "01-05", "04-02", "ann", 1000)
    lost, lost_changes = closed("l", "Lost", "01-05", "03-20", "bob", 500)
    put(
        "a",
        pipeline_stages=[*STAGES, {"stage_id": "Proposal", "stage_order": 4}],
        reps=[{"rep_id": "ann", "name": "Ann", "manager_id": "m"}, {"rep_id": "bob", "name": "Bob", "manager_id": "m"}],
        quotas=[quota("1", "ann", "2024-01-01", "2024-12-31", 3660), quota("2", "bob", "2024-01-01", "2024-12-31", 3660)],
        opportunities=[won, lost, deal("Proposal", "d1", "2024-03-01Z", amount=2_100_000, close_date="2024-04-20", owner_id="ann", name="Big")],
        opportunity_history=[*changes, *lost_changes],
    )  # fmt: skip


def build(settings: Settings) -> None:
    materialize(settings, '+key:"ai/rep_coaching_insights"', DAY)


@pytest.mark.usefixtures("company")
def test_the_template_by_hand(clean: Settings, warehouse: Query) -> None:
    build(clean)
    ann, bob = warehouse(READ)
    assert ann[:4] == ("ann", "template-1", [], [])
    assert ann[4] == [
        {"deal_name": "Big", "deal_amount": 2100000, "action": "task", "deadline": "2024-04-11",
         "reason": "Escalate to m: stuck 41 days in Proposal (expected 10); due in 10 days"}
    ]  # fmt: skip
    assert ann[5:] == ("Ann stands at 99% of the quota to date (#1/2, On Track). Win rate 100%, 100 points above the rest of the team."
                       " 1 deal is stuck ($2.1M). The team's Q2 2024: forecast $211K of $2K, risk Low.", "The most urgent deals", None, None)  # fmt: skip
    assert bob[4:7] == ([], "Bob stands at 0% of the quota to date (#2/2, At Risk). Win rate 0%, 100 points below the rest of the team."
                        " The team's Q2 2024: forecast $211K of $2K, risk Low.", "No open deals that need anything")  # fmt: skip
    assert warehouse("select count(*) from ai.texts") == [(0,)]


DRIVER = (
    "insert into dashboard.rep_driver_comparison (tenant_id, snapshot_date, rep_id, metric_name, metric_label, rep_value, top_performer_value,"
    " team_avg_value, format_type, good_direction, gap_to_top, gap_impact, bar_max, deals_count, closed_deals_count, team_id, manager_name,"
    " win_rate_potential, known_as_of, created_at, updated_at)"
    " values ('a', %s, 'ann', %s, %s, 1, 3, 2, 'decimal', 'higher', 2, 'x', 3, 5, 30, 'm', 'Mia', %s, 1, now(), now())"
)


@pytest.mark.usefixtures("company")
def test_the_focus_stays_for_the_week(clean: Settings, warehouse: Query) -> None:
    """What could bring most at the last week's end is the focus, whatever the week brings; without such an end, the best now."""
    build(clean)
    focus = f"select primary_focus_area, jsonb_path_query_array(improvements, '$[*].title') from ai.coaching_inputs where rep_id = 'ann' and snapshot_date = '{DAY}'"
    for then, now, wanted in (
        ((0.3, 0.1), (0.1, 0.3), "Contacts"), ((0.3, 0.1), (0.0, 0.3), "Contacts"), ((0.1, 0.3), (0.3, 0.1), "Activities"),
        ((0.004, 0.004), (0.3, 0.1), "The most urgent deals"), (None, (0.1, 0.3), "Activities"), (None, (0.0, 0.0), "The most urgent deals"),
    ):  # fmt: skip
        warehouse("delete from dashboard.rep_driver_comparison")
        for day, potentials in (("2024-04-07", then), (DAY, now)):
            for metric, label, potential in zip(
                ("stakeholders_engaged", "activities_per_deal_week"),
                ("Contacts", "Activities"),
                potentials or (),
                strict=False,
            ):
                warehouse(DRIVER, day, metric, label, potential)
        materialize(clean, 'key:"ai/coaching_inputs"', DAY)
        [(area, titles)] = warehouse(focus)
        assert area == wanted
        best_first = sorted(zip(now, ("Contacts", "Activities"), strict=True), reverse=True)
        assert titles == [label for potential, label in best_first if potential >= 0.005]


# ------------------------------------------------------------------------------------------ a model, really asked

Endpoint = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    """A server of the OpenAI protocol; told what to answer, one after the other (the last one again and again)."""
    asked: list[dict[str, Any]] = []
    script: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append({"path": self.path, "key": self.headers.get("Authorization"), **body})
            answer = script.pop(0) if len(script) > 1 else script[0]
            if answer == "hang":
                time.sleep(1.5)
                answer = 503
            if answer == "hang up":
                self.connection.close()
                return
            status, content = (answer, "") if isinstance(answer, int) else (200, answer)
            text = (
                json.dumps({"choices": [{"message": {"content": content}}]})
                if not isinstance(content, bytes)
                else content.decode()
            )
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for name, value in (("BASE_URL", f"http://127.0.0.1:{server.server_port}/v1"), ("NAME", "coach-2"), ("API_KEY", "sesame"),
                        ("TIMEOUT_SECONDS", "0.5"), ("CONCURRENCY", "1")):  # fmt: skip
        monkeypatch.setenv(f"REVOPS_MODEL_{name}", value)
    get_settings.cache_clear()

    def answer(*answers: Any) -> list[dict[str, Any]]:
        script[:] = answers
        return asked

    yield answer
    server.shutdown()
    monkeypatch.undo()
    get_settings.cache_clear()


@pytest.mark.usefixtures("company")
def test_a_model_s_text_is_taken_if_its_figures_are_the_rep_s(
    clean: Settings, warehouse: Query, endpoint: Endpoint
) -> None:
    asked = endpoint(json.dumps(INSIGHT), f"Here you are:\n```json\n{json.dumps({**INSIGHT, 'overall_assessment': 'Bob is #2/2.', 'strengths': [], 'priority_actions': []})}\n```")  # fmt: skip
    build(clean)
    ann, bob = warehouse(READ)
    assert ann[1:4] == ("coach-2", INSIGHT["strengths"], [])
    assert (ann[5], ann[8]) == (INSIGHT["overall_assessment"], None)
    assert (bob[1], bob[5], bob[8]) == ("coach-2", "Bob is #2/2.", None)
    assert [call["path"] for call in asked] == ["/v1/chat/completions"] * 2
    assert {(call["key"], call["model"]) for call in asked} == {("Bearer sesame", "coach-2")}
    # What was asked, and about which figures, can be found by its hash.
    assert warehouse("select count(*) from ai.rep_coaching_insights as i inner join ai.texts as t on t.sha256 = i.prompt_sha256"
                     " inner join ai.texts as d on d.sha256 = i.inputs_sha256 where t.kind = 'prompt' and d.kind = 'inputs'") == [(2,)]  # fmt: skip
    assert asked[0]["messages"][0]["content"] in {
        body for (body,) in warehouse("select body from ai.texts where kind = 'prompt'")
    }


WRONG: list[tuple[list[Any], str]] = [
    ([500], "the endpoint answered 500"),
    (["hang"], "no answer within 0.5 s"),
    (["hang up"], "the endpoint could not be reached: RemoteProtocolError"),
    ([b"<html>"], "not an answer of the agreed form: JSONDecodeError"),
    (["no object at all"], "does not fit the contract: answer: Invalid JSON: expected ident at line 1 column 2"),
    ([json.dumps({**INSIGHT, "mood": "good"})], "does not fit the contract: mood: Extra inputs are not permitted"),
    ([json.dumps({**INSIGHT, "strengths": INSIGHT["strengths"] * 4})], "does not fit the contract: strengths: List should have at most 3 items after validation, not 4"),
    ([json.dumps({**INSIGHT, "strengths": [], "priority_actions": [], "overall_assessment": "Up 17% on last year."})], "cites figures that the rep's rows do not hold: 17"),
]  # fmt: skip


@pytest.mark.usefixtures("company")
def test_whatever_a_model_does_wrong_the_template_is_there(
    clean: Settings, warehouse: Query, endpoint: Endpoint
) -> None:
    asked = endpoint(503)
    build(clean)
    for answers, reason in WRONG:
        asked.clear()
        endpoint(*answers)
        materialize(clean, 'key:"ai/rep_coaching_insights"', DAY)
        rows = warehouse(READ)
        assert [(row[1], row[8]) for row in rows] == [("template-1", reason)] * 2
        assert rows[0][5].startswith("Ann stands at 99% of the quota to date")
        assert len(asked) == 4  # each rep is asked about twice


@pytest.mark.usefixtures("company")
def test_a_second_answer_may_hold(clean: Settings, warehouse: Query, endpoint: Endpoint) -> None:
    wrong = json.dumps({**INSIGHT, "overall_assessment": "Won 37 deals."})
    asked = endpoint(wrong, json.dumps(INSIGHT), 500)
    build(clean)
    ann, bob = warehouse(READ)
    assert (ann[1], ann[8], bob[1]) == ("coach-2", None, "template-1")
    assert asked[1]["messages"][1:] == [
        {"role": "assistant", "content": wrong},
        {"role": "user", "content": "That cites figures that the rep's rows do not hold: 37."},
    ]


@pytest.mark.usefixtures("company")
def test_an_endpoint_that_is_not_there(
    clean: Settings, warehouse: Query, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REVOPS_MODEL_BASE_URL", "http://127.0.0.1:9/v1")
    get_settings.cache_clear()
    build(clean)
    assert {row[8] for row in warehouse(READ)} == {"the endpoint could not be reached: ConnectError"}


def test_figures_are_compared_as_numbers() -> None:
    said = Insight(**{**INSIGHT, "overall_assessment": "1,200.50 of 3.0 and 7"})  # type: ignore[arg-type]
    assert foreign_figures(
        said, '{"a": 1200.5, "b": "3", "c": "100%, $211K, #1/2", "d": 2100000, "e": "2024-04-11"}'
    ) == ["7"]


def test_the_table_holds_the_parts_that_a_model_is_asked_for() -> None:
    rules = {rule.column: rule.condition for rule in CONTRACTS["ai.rep_coaching_insights"].row_rules}
    for column, part in (("strengths", Strength), ("improvements", Improvement), ("priority_actions", PriorityAction)):
        assert rules[column] == f"ai.are_parts({column}, '{{{','.join(part.model_fields)}}}')"


@pytest.mark.parametrize(
    ("value", "holds"),
    [
        ("[]", True), ('[{"a": 1, "b": 2}]', True), ('[{"b": null, "a": []}, {"a": 1, "b": 2}, {"a": 1, "b": 2}]', True),
        ('[{"a": 1}]', False), ('[{"a": 1, "b": 2, "c": 3}]', False), ("[1]", False), ("{}", False), ("null", False),
        ('[{"a": 1, "b": 2}, {"a": 1, "b": 2}, {"a": 1, "b": 2}, {"a": 1, "b": 2}]', False),
    ],
)  # fmt: skip
def test_what_parts_are(warehouse: Query, value: str, holds: bool) -> None:
    assert warehouse("select ai.are_parts(%s::jsonb, '{a,b}')", value) == [(holds,)]
