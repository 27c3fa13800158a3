"""The waterfall: every move of the open pipeline in its own bucket, by hand; nothing is left over on generated data."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from revops_assets.settings import Settings
from revops_assets_tests.building import materialize
from revops_assets_tests.company import GENERATED as PLAN
from revops_assets_tests.company import generated
from revops_assets_tests.conftest import Put, Query
from revops_assets_tests.test_stage_visits import STAGES, deal, moves

__all__ = ["generated"]


WATERFALL = '+key:"analytics/pipeline_changes"'
KINDS = [
    "opening",
    "created",
    "pulled_in",
    "increased",
    "decreased",
    "pushed_out",
    "won",
    "lost",
    "reopened",
    "moved",
    "deleted",
    "merged",
    "closing",
]
Waterfall = Callable[..., dict[str, tuple[int | None, int]]]


@pytest.fixture
def waterfall(clean: Settings, warehouse: Query) -> Waterfall:
    """Build a day; the buckets that are not empty, as (deals, money), of a quarter and team."""

    def read(day: str, quarter: str = "Q1 2024", team: str = "All") -> dict[str, tuple[int | None, int]]:
        materialize(clean, WATERFALL, day)
        counted = [kind for kind in KINDS if kind not in ("increased", "decreased")]
        columns = [*(f"{kind}_count" for kind in counted), *(f"{kind}_amount" for kind in KINDS)]
        rows = warehouse(f"select {', '.join(columns)} from analytics.pipeline_changes where snapshot_date = %s and quarter = %s and team_id = %s", day, quarter, team)  # fmt: skip
        if not rows:
            return {}
        found = dict(zip(columns, rows[0], strict=True))
        buckets = {kind: (found.get(f"{kind}_count"), int(found[f"{kind}_amount"])) for kind in KINDS}
        return {kind: told for kind, told in buckets.items() if told not in ((0, 0), (None, 0))}

    return read


def dated(*steps: tuple[str | None, str | None, str], key: str = "d1") -> list[dict[str, Any]]:
    return moves(*steps, deal=key, field="close_date")


def priced(*steps: tuple[str | None, str | None, str], key: str = "d1") -> list[dict[str, Any]]:
    return moves(*steps, deal=key, field="amount")


# 2024-01-15 is the first day of the quarter's third week; a deal of 100, due on 31 March, open since before.
D = deal("A", amount=100, close_date="2024-03-31")
CASES: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]], dict[str, tuple[int | None, int]]]] = {
    "nothing happens": ([D], [], {"opening": (1, 100), "closing": (1, 100)}),
    "created in the week, without an amount": (
        [deal("A", created="2024-01-16Z", close_date="2024-03-31")], [], {"created": (1, 0), "closing": (1, 0)}),
    "created for another quarter": ([deal("A", created="2024-01-16Z", amount=5, close_date="2024-04-01")], [], {}),
    "more money, then less": (
        [{**D, "amount": 120}], priced(("100", "150", "01-15"), ("150", "120", "01-16")),
        {"opening": (1, 100), "increased": (None, 50), "decreased": (None, 30), "closing": (1, 120)}),
    "pushed out at the amount of that moment; what changes outside does not count": (
        [{**D, "amount": 400, "close_date": "2024-04-30"}],
        [*priced(("100", "150", "01-16 08:00"), ("150", "400", "01-16 10:00")), *dated(("2024-03-31", "2024-04-30", "01-16 09:00"))],
        {"opening": (1, 100), "increased": (None, 50), "pushed_out": (1, 150)}),
    "pushed out and back on one day": (
        [D], dated(("2024-03-31", "2024-04-30", "01-16 09:00"), ("2024-04-30", "2024-03-31", "01-16 10:00")),
        {"opening": (1, 100), "pulled_in": (1, 100), "pushed_out": (1, 100), "closing": (1, 100)}),
    "a date for the first time": (
        [D], dated((None, "2024-03-31", "01-16")), {"pulled_in": (1, 100), "closing": (1, 100)}),
    "at one instant: amount, then date": (
        [{**D, "amount": 70}], [*dated(("2024-05-01", "2024-03-31", "01-16")), *priced(("100", "70", "01-16"))],
        {"pulled_in": (1, 70), "closing": (1, 70)}),
    "won with the day's date and another amount": (
        [{**D, "stage_id": "Won", "amount": 90, "close_date": "2024-01-16"}],
        [*moves(("A", "Won", "01-16")), *dated(("2024-06-30", "2024-01-16", "01-16")), *priced(("100", "90", "01-16"))],
        {"pulled_in": (1, 90), "won": (1, 90)}),
    "won, reopened, lost": (
        [{**D, "stage_id": "Lost"}], moves(("A", "Won", "01-15"), ("Won", "B", "01-16"), ("B", "Lost", "01-17 10:00")),
        {"opening": (1, 100), "won": (1, 100), "reopened": (1, 100), "lost": (1, 100)}),
    "reopened before the week, so it is there at its beginning": (
        [{**D, "stage_id": "B"}], moves(("A", "Lost", "01-08"), ("Lost", "B", "01-14")), {"opening": (1, 100), "closing": (1, 100)}),
    "deleted": ([{**D, "is_deleted": True, "modified_at": "2024-01-16Z"}], [], {"opening": (1, 100), "deleted": (1, 100)}),
    "merged": (
        [{**D, "merged_into_id": "d2", "modified_at": "2024-01-16Z"}, deal("A", "d2", amount=30, close_date="2024-03-01")], [],
        {"opening": (2, 130), "merged": (1, 100), "closing": (1, 30)}),
    "what happens after the day does not count": (
        [{**D, "stage_id": "Won"}], moves(("A", "Won", "01-18")), {"opening": (1, 100), "closing": (1, 100)}),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_each_move_has_its_bucket(put: Put, waterfall: Waterfall, case: str) -> None:
    deals, history, expected = CASES[case]
    put("a", pipeline_stages=STAGES, opportunities=deals, opportunity_history=history)
    assert waterfall("2024-01-17") == expected


def test_teams_lose_and_gain_what_the_company_does_not(put: Put, waterfall: Waterfall) -> None:
    """d1 goes from r1 (m1) to r2 (m2); r3 with d2 comes under m2; d3 is nobody's at last."""
    put(
        "a",
        reps=[{"rep_id": f"r{n}", "manager_id": m, "modified_at": "2024-01-01Z"} for n, m in ((1, "m1"), (2, "m2"), (3, "m1"))],
        opportunities=[{**D, "owner_id": "r2"}, deal("A", "d2", amount=20, close_date="2024-03-01", owner_id="r3"),
                       deal("A", "d3", amount=3, close_date="2024-03-01", owner_id=None)],
        opportunity_history=[*moves(("r1", "r2", "01-16"), field="owner_id"), *moves(("r1", None, "01-16"), deal="d3", field="owner_id")],
    )  # fmt: skip
    put("a", reps=[{"rep_id": "r3", "manager_id": "m2", "modified_at": "2024-01-17 09:00Z"}])
    assert waterfall("2024-01-17") == {"opening": (3, 123), "closing": (3, 123)}
    assert waterfall("2024-01-17", team="m1") == {"opening": (3, 123), "moved": (-3, -123)}
    assert waterfall("2024-01-17", team="m2") == {"moved": (2, 120), "closing": (2, 120)}
    assert waterfall("2024-01-17", team="-1") == {"moved": (1, 3), "closing": (1, 3)}
    assert waterfall("2024-01-16", team="m1") == {"opening": (3, 123), "moved": (-2, -103), "closing": (1, 20)}


def test_weeks_follow_each_other_and_the_last_ends_with_the_quarter(put: Put, waterfall: Waterfall) -> None:
    put("a", opportunities=[{**D, "amount": 120}, deal("A", "d2", amount=7, close_date="2024-04-01")], opportunity_history=priced(("100", "120", "03-25")))  # fmt: skip
    assert waterfall("2024-03-24") == {"opening": (1, 100), "closing": (1, 100)}
    # The 13th week is from 25 to 31 March: a day short of a leap year's.
    assert waterfall("2024-03-31") == {"opening": (1, 100), "increased": (None, 20), "closing": (1, 120)}
    assert waterfall("2024-04-01") == {}  # what is due in the first quarter is neither this quarter's nor the next's
    assert (
        waterfall("2024-04-01", "Q2 2024")
        == waterfall("2024-03-31", "Q2 2024")
        == {"opening": (1, 7), "closing": (1, 7)}
    )


def test_nothing_is_left_over_and_teams_add_up(generated: Settings, warehouse: Query) -> None:
    """Every day of two months of the generated company; the tables' own constraints refuse a row that does not meet."""
    first, last = PLAN.end_date - timedelta(days=59), PLAN.end_date - timedelta(days=1)
    materialize(generated, WATERFALL, str(first), str(last))
    sums = ", ".join(
        f"sum({kind}_amount) filter (where team_id = 'All'), sum({kind}_amount) filter (where team_id <> 'All')"
        for kind in KINDS
    )
    for row in warehouse(
        f"select snapshot_date, quarter, {sums} from analytics.pipeline_changes where snapshot_date >= %s group by 1, 2",
        first,
    ):
        assert all((whole or 0) == (parts or 0) for whole, parts in zip(row[2::2], row[3::2], strict=True)), row[:2]
    kinds = {kind for (kind,) in warehouse("select distinct kind from staging.pipeline_moves")}
    assert kinds >= set(KINDS) - {"opening", "closing", "deleted"}  # this company deletes no open deal that is due
    # A week's closing is the next week's opening.
    week = date(2024, 3, 17)
    [(closing,)] = warehouse(
        "select sum(closing_amount) from analytics.pipeline_changes where snapshot_date = %s", week
    )
    [(opening,)] = warehouse(
        "select sum(opening_amount) from analytics.pipeline_changes where snapshot_date = %s", week + timedelta(days=5)
    )
    assert closing == opening > 0
