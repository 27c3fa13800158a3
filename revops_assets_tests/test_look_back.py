"""Days that others look at: which those are, that a run fills them in, and that a change asks for what looked."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from revops_assets.catalogue.dataset import LookBack
from revops_assets.errors import RevopsError
from revops_assets.invalidation.look_back import read_calendar, reads
from revops_assets.orchestration.runs import dagster_instance, run_stale
from revops_assets.settings import Settings
from revops_assets.warehouse import databases
from revops_assets_tests.building import materialize
from revops_assets_tests.conftest import Put, Query
from revops_assets_tests.test_stage_visits import deal, moves

HEALTH = '+key:"enriched/deal_health_scores"'
STAGE = [{"stage_id": "Proposal", "stage_order": 4}]


@pytest.mark.parametrize(
    ("kind", "day", "expected"),
    [
        (LookBack.SEVEN_DAYS, "2024-03-02", ["2024-02-24"]),
        (LookBack.FOUR_WEEKS_OF_A_WEEK_THAT_ENDS, "2024-03-03", ["2024-02-04"]),
        (LookBack.FOUR_WEEKS_OF_A_WEEK_THAT_ENDS, "2024-03-30", []),
        (LookBack.FOUR_WEEKS_OF_A_WEEK_THAT_ENDS, "2024-03-31", ["2024-03-03"]),
        (LookBack.LAST_WEEK, "2024-01-01", ["2023-12-31"]),
        (LookBack.LAST_WEEK, "2024-01-14", ["2024-01-07"]),
        (LookBack.LAST_WEEK, "2024-03-31", ["2024-03-24"]),  # the 13th week has seven days, or eight, or six
        (LookBack.LAST_WEEK, "2023-03-31", ["2023-03-25"]),
        (LookBack.LAST_QUARTER, "2024-03-31", ["2023-12-31"]),
        (LookBack.MONTHS_OF_A_WEEK_THAT_ENDS, "2024-03-04", []),
        (LookBack.MONTHS_OF_A_WEEK_THAT_ENDS, "2024-03-31", ["2024-02-29", "2024-01-31", "2023-12-31", "2023-11-30", "2023-10-31", "2023-09-30",
                                                             "2023-08-31", "2023-07-31", "2023-06-30", "2023-05-31", "2023-04-30", "2023-03-31"]),
        (LookBack.PAST_WEEKS_OF_A_MONTH_THAT_ENDS, "2024-03-30", []),
        (LookBack.WEEKS_OF_THE_QUARTER, "2024-01-21", ["2024-01-07", "2024-01-14"]),
        (LookBack.WEEKS_OF_A_QUARTER_THAT_ENDS, "2024-03-30", []),
        (LookBack.PAST_QUARTERS, "2024-05-05", ["2024-03-31", "2023-12-31", "2023-09-30", "2023-06-30", "2023-03-31", "2022-12-31",
                                               "2022-09-30", "2022-06-30"]),
        (LookBack.QUARTERS_SINCE_OVER, "2024-05-05", ["2023-12-31", "2023-09-30", "2023-06-30", "2023-03-31", "2022-12-31",
                                               "2022-09-30", "2022-06-30"]),
    ],
)  # fmt: skip
def test_which_days_are_looked_at(settings: Settings, kind: LookBack, day: str, expected: list[str]) -> None:
    with databases.engine(settings, "warehouse").begin() as connection:
        assert [str(found) for found in reads(kind, date.fromisoformat(day), read_calendar(connection))] == expected


def test_a_quarter_s_last_day_looks_at_all_weeks_the_last_a_day_early(settings: Settings) -> None:
    with databases.engine(settings, "warehouse").begin() as connection:
        calendar = read_calendar(connection)
    found = list(reads(LookBack.WEEKS_OF_A_QUARTER_THAT_ENDS, date(2024, 3, 31), calendar))
    assert [str(found[0]), len(found), str(found[-1])] == ["2024-01-07", 13, "2024-03-30"]


@pytest.mark.parametrize(
    ("kind", "day"), [(LookBack.PAST_WEEKS, date(2024, 3, 30)), (LookBack.PAST_WEEKS_OF_A_MONTH_THAT_ENDS, date(2024, 2, 29))]
)  # fmt: skip
def test_the_weeks_that_scores_are_judged_at(settings: Settings, kind: LookBack, day: date) -> None:
    """Every end of a week that is the last one 30, 60 or 90 days before an end within the year is among them."""
    with databases.engine(settings, "warehouse").begin() as connection:
        calendar = read_calendar(connection)
        ends = connection.scalars(
            sa.text(
                "select k.day from ops.calendar as k where k.day < :day and k.day >= cast(:day as date) - 470"
                " and ops.ends_week(k.day, k.quarter_start, k.quarter_end) order by k.day desc"
            ),
            {"day": day},
        ).all()
    found = reads(kind, day, calendar)
    assert [*found] == ends[: len(found)]
    ended = [day - timedelta(days=n) for n in range(365)]
    assert {max(end for end in ends if end <= at - timedelta(days=n)) for at in ended for n in (30, 60, 90)} <= {*found}


def test_what_looked_at_a_changed_day_is_asked_for_and_built(put: Put, clean: Settings, warehouse: Query) -> None:
    """A discount of the 10th that is taken back on the 11th is told late: the 17th compares itself with the 10th."""
    put("a", pipeline_stages=STAGE, opportunities=[deal("Proposal", discount_pct=0)])
    put("b", pipeline_stages=STAGE, opportunities=[deal("Proposal", discount_pct=0)])
    rows = (
        "select tenant_id, snapshot_date, health_score, health_change_7d from enriched.deal_health_scores order by 1, 2"
    )
    requests = "select dataset, tenant_id, snapshot_date::text from ops.stale_partitions"
    materialize(clean, HEALTH, "2024-01-08", "2024-01-20")
    before = warehouse(rows)
    assert warehouse(requests) == []
    discounts = moves(("0", "30", "01-10"), ("30", "0", "01-11"), field="discount_pct")
    put("a", opportunity_history=discounts)
    materialize(clean, HEALTH, "2024-01-10")
    assert warehouse(requests) == [("enriched.deal_health_scores", "a", "2024-01-17")]
    materialize(clean, HEALTH, "2024-01-10")  # as it stands already: nothing new to ask for
    assert warehouse(requests) == [("enriched.deal_health_scores", "a", "2024-01-17")]
    with dagster_instance(clean) as instance:
        *_, result = run_stale(clean, instance)  # after the full refreshes that the load asks for
        assert run_stale(clean, instance) == []
    assert result.assets["enriched.deal_health_scores"]["dagster/row_count"] == 1  # tenant a's
    assert warehouse(requests) == []
    after = warehouse(rows)
    assert after != before
    query_all: list[Any] = ["truncate enriched.deal_health_scores, staging.deal_days, ops.partition_ledger"]
    warehouse(*query_all)
    materialize(clean, HEALTH, "2024-01-08", "2024-01-20")
    assert warehouse(rows) == after


def test_a_day_in_the_same_run_is_not_asked_for(put: Put, clean: Settings, warehouse: Query) -> None:
    put("a", pipeline_stages=STAGE, opportunities=[deal("Proposal", discount_pct=0)])
    materialize(clean, HEALTH, "2024-01-08", "2024-01-20")
    put("a", opportunity_history=moves(("0", "30", "01-10"), field="discount_pct"))
    materialize(clean, HEALTH, "2024-01-08", "2024-01-20")
    assert warehouse("select count(*) from ops.stale_partitions") == [(0,)]


def test_a_run_that_lacks_what_it_reads_says_so(put: Put, clean: Settings, warehouse: Query) -> None:
    put("a", pipeline_stages=STAGE, opportunities=[deal("Proposal")])
    materialize(clean, HEALTH, "2024-01-20")
    only = 'key:"enriched/deal_health_scores"'
    materialize(clean, only, "2024-01-20")  # the 13th was filled in
    before = warehouse("select * from enriched.deal_health_scores")
    for day, missing in (("2024-01-21", "2024-01-14"), ("2024-01-13", "2024-01-06")):
        with pytest.raises(
            RevopsError, match=f"reads [a-z_.]+ of {missing}, which was never built: select [a-z_.]+, too"
        ):
            materialize(clean, only, day)
    assert warehouse("select * from enriched.deal_health_scores") == before


def test_a_day_looked_at_that_is_out_of_date_is_built_first(put: Put, clean: Settings, warehouse: Query) -> None:
    """A late change moves the week's opening: the run of a later day of the week builds the opening's day again."""
    changes = 'key:"analytics/pipeline_changes"'
    put("a", pipeline_stages=STAGE, opportunities=[deal("Proposal", amount=5, close_date="2024-03-20")])
    materialize(clean, f"+{changes}", "2024-01-10")
    put("a", opportunity_history=moves(("5", "9", "01-03"), field="amount"))
    materialize(clean, f"+{changes}", "2024-01-10")
    opening = "select distinct opening_amount::int, increased_amount::int, closing_amount::int from analytics.pipeline_changes"
    assert warehouse(f"{opening} where snapshot_date = '2024-01-10' and team_id = 'All' and quarter = 'Q1 2024'") == [
        (9, 0, 9)
    ]
