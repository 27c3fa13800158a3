"""Every sentence that a dataset says, with an example: sql/4_dashboard/functions/texts.sql and formats.sql."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from revops_assets.settings import SQL_DIR
from revops_assets_tests.conftest import Query

ASSESSED = "'Ann', 0.784, 4, 12, 'On Track', 0.31, 0.06, 2, 480000, 'Q2 2024', 1050000, 1200000, 'Medium'"
NOBODY = "'Cy', null, null, 3, null, null, null, 0, null, null, null, null, null"
FLAG = "{}, 17.6, 'Verbal Commit', 5, 9, -3, 1, 2, 'Rival', 'active', 25"
DRIVER = "{}, 17.4, 'Proposal', 10, true, 9, 1, false, 'Rival', 'named', 25"
EXAMPLES = [
    ("counted(1, 'day')", "1 day"), ("counted(17, 'day')", "17 days"), ("counted(0, 'point')", "0 points"),
    *((f"flag_reason({FLAG.format(repr(flag))})", told) for flag, told in (
        ("STUCK", "Stuck 17 days in Verbal Commit (expected 5)"), ("NO_EB", "No economic buyer engaged in Verbal Commit"),
        ("GOING_DARK", "Silent for 9 days"), ("CLOSE_DATE_PAST", "Close date passed 3 days ago"), ("NO_CHAMPION", "No champion"),
        ("SINGLE_THREADED", "Only one contact engaged"), ("PUSHED", "Close date moved out 2 times"), ("COMPETITIVE", "Rival is active in the deal"),
        ("HEAVY_DISCOUNT", "25% discount"))),
    ("flag_reason('STUCK', 1, null, 0.4, 1, -1, 0, 1, 'Rival', 'named', 20.4)", "Stuck 1 day in its stage (expected 0)"),
    ("flag_reason('GOING_DARK', 1, null, 0.4, 1, -1, 0, 1, 'Rival', 'named', 20.4)", "Silent for 1 day"),
    ("flag_reason('CLOSE_DATE_PAST', 1, null, 0.4, 1, -1, 0, 1, 'Rival', 'named', 20.4)", "Close date passed 1 day ago"),
    ("flag_reason('SINGLE_THREADED', 1, null, 0.4, 1, -1, 0, 1, 'Rival', 'named', 20.4)", "No contact engaged"),
    ("flag_reason('SINGLE_THREADED', 1, null, 0.4, 1, -1, 2, 1, 'Rival', 'named', 20.4)", "Only 2 contacts engaged"),
    ("flag_reason('PUSHED', 1, null, 0.4, 1, -1, 0, 1, 'Rival', 'named', 20.4)", "Close date moved out 1 time"),
    ("flag_reason('COMPETITIVE', 1, null, 0.4, 1, -1, 0, 1, 'Rival', 'named', 20.4)", "Rival is named as a competitor"),
    ("due(0)", "Due today"), ("due(1)", "Due in 1 day"), ("due(4)", "Due in 4 days"),
    ("task(true, 'Mia', true)", "Escalate to Mia"), ("task(true, null, false)", "Escalate"),
    ("task(false, 'Mia', true)", "Find a contact, nobody has a role on the deal"), ("task(false, 'Mia', false)", None),
    ("reason('Escalate to Mia', array['Stuck 17 days in Proposal (expected 10)', null, 'Due in 4 days'])",
     "Escalate to Mia: stuck 17 days in Proposal (expected 10); due in 4 days"),
    ("reason(null, array['No champion', 'Rival is active in the deal'])", "No champion; Rival is active in the deal"),
    ("reason('Escalate', array[]::text[])", "Escalate"),
    *((f"top_driver({DRIVER.format(repr(component))})", told) for component, told in (
        ("velocity", "17 days in Proposal (expected 10)"), ("activity", "9 days since the last two-way activity"),
        ("stakeholder", "1 engaged contact, no champion"), ("competition", "Rival is named as a competitor"), ("discount", "25% discount"))),
    ("top_driver(null, 1, 'A', 2, true, 1, 1, true, null, null, null)", None),
    ("top_driver('velocity', 1, null, null, true, 1, 1, true, null, null, null)", "1 day in its stage (no benchmark)"),
    ("top_driver('activity', 1, null, null, false, 1, 1, true, null, null, null)", "no two-way activity yet"),
    ("top_driver('stakeholder', 1, null, null, false, 1, 0, true, null, null, null)", "0 engaged contacts"),
    ("top_driver('competition', 1, null, null, false, 1, 0, true, 'Rival', 'active', null)", "Rival is active in the deal"),
    *((f"risk('{flag}', -0.12, 380000)", f"{who} were won 12 points less often than others in the same stage: $46K of $380K") for flag, who in (
        ("STUCK", "Stuck deals"), ("NO_EB", "Deals without an engaged economic buyer"), ("GOING_DARK", "Silent deals"), ("CLOSE_DATE_PAST", "Overdue deals"),
        ("NO_CHAMPION", "Deals without a champion"), ("SINGLE_THREADED", "Single-threaded deals"), ("PUSHED", "Deals that had been pushed"),
        ("COMPETITIVE", "Deals with a competitor"), ("HEAVY_DISCOUNT", "Heavily discounted deals"))),
    ("risk(null, null, 380000)", None),
    ("potential('average_discount', 0.1)", "comes too late in a deal to drive it"), ("potential('stakeholders_engaged', null)", "not enough history"),
    ("potential('stakeholders_engaged', 0.12)", "12% win rate improvement potential"),
    ("beside('Engaged contacts', '1.2', 'top performers', '3.4')", "Engaged contacts: 1.2, top performers 3.4"),
    (f"assessment({ASSESSED})", "Ann stands at 78% of the quota to date (#4/12, On Track). Win rate 31%, 6 points above the rest of the team."
     " 2 deals are stuck ($480K). The team's Q2 2024: forecast $1.1M of $1.2M, risk Medium."),
    (f"assessment({NOBODY})", "There is nothing yet to measure Cy by."),
    ("assessment('Bo', null, 1, 2, null, 0.5, 0.001, 1, null, null, null, null, null)",
     "Bo is ranked #1/2 by win rate. Win rate 50%, as much as the rest of the team. 1 deal is stuck."),
    ("assessment('Bo', 0.5, null, 0, 'At Risk', 0.5, -0.01, 0, null, null, null, null, null)",
     "Bo stands at 50% of the quota to date (—, At Risk). Win rate 50%, 1 point below the rest of the team."),
    ("assessment('Bo', null, null, 0, null, 0.5, null, 0, null, null, null, null, null)", "Win rate 50%."),
    ("metric(0.784, 'percent')", "78%"), ("metric(12.5, 'days')", "13d"), ("metric(3.44, 'number')", "3.4"), ("metric(null, 'number')", "—"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "told"), EXAMPLES)
def test_what_datasets_say(warehouse: Query, call: str, told: str | None) -> None:
    assert warehouse(f"select dashboard.{call}") == [(told,)]


def texts() -> Iterator[str]:
    path = SQL_DIR / "4_dashboard" / "functions" / "texts.sql"
    return iter(re.findall(r"function dashboard\.(\w+)", path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", texts())
def test_every_text_has_an_example(name: str) -> None:
    assert any(call.startswith(f"{name}(") for call, _ in EXAMPLES)


def test_sentences_stand_in_one_place() -> None:
    """Datasets put no words of three letters and more together with figures: sql/4_dashboard/functions does."""
    folders = ("2_enriched", "3_analytics", "4_dashboard", "5_ai")
    found = [
        (path.name, line.strip())
        for folder in folders
        for path in sorted((SQL_DIR / folder).glob("*.sql"))
        for line in path.read_text(encoding="utf-8").split("\n")
        if not line.startswith("--")
        and re.search(r"\|\|\s*'[^']*[a-z]{3}|'[^']*[a-z]{3}[^']*'\s*\|\||format\s*\(\s*'[^']*[a-z]{3}", line)
    ]
    assert found == []
