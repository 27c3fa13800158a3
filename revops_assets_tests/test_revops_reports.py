"""Reports on pace, coverage and slippage: given these rows of what they read, exactly those rows."""

from __future__ import annotations

import random
from datetime import date, timedelta
from decimal import Decimal as D
from typing import Any

import pytest
import sqlalchemy as sa

from revops_assets.assets.checks import offending_rows
from revops_assets.catalogue import CATALOGUE
from revops_assets.datasets.checks import all_checks
from revops_assets.invalidation.rules import invalidation_rules
from revops_assets.settings import Settings
from revops_assets.warehouse import databases
from revops_assets_tests.conftest import SEEDS, Query
from revops_assets_tests.given import selected, table

Rows = list[dict[str, Any]]
DAY = "2024-02-29"  # the 60th of the quarter's 91 days: as 29 November, 29 August and 30 May
EVER: dict[str, Any] = {"d_from": "-infinity", "d_to": "infinity"}
SINCE = [{"matter": "deals", "since_date": "2023-04-01"}, {"matter": "amount", "since_date": "2024-03-01"}]
TOLD = [{"amount_since": DAY, "money_since": DAY}]
REPS = table(
    "rep_id rep_name team_id team_name",
    ("ann", "Ann", "m", "Mia"), ("bob", "Bob", "m", "Mia"), ("cid", "Cid", "none", "No manager"), ("-1", "Unassigned", "-1", "Unassigned"),
)  # fmt: skip


@pytest.mark.parametrize("month", [1, 2])
def test_the_same_day_of_another_quarter_is_found_both_ways(warehouse: Query, month: int) -> None:
    """Of every day of fifteen months, and of every day of the five quarters before; none is looked at that is not told of."""
    assert warehouse(
        """
        with days as (
            select d::date as day, q.starts, n.quarters, (q.starts - make_interval(months => 3 * n.quarters))::date as past_starts
            from generate_series('2023-10-01'::timestamp, '2024-12-31', '1 day') as d
            cross join generate_series(1, 5) as n (quarters)
            cross join lateral (
                select (date_trunc('quarter', d - make_interval(months => %s - 1)) + make_interval(months => %s - 1))::date as starts
            ) as q
        ),
        looked as (select *, ops.same_day(day, starts, quarters) as same_day from days)
        select
            count(*) filter (where not day <@ ops.same_days(same_day, same_day + 1, past_starts, quarters, quarters)),
            count(*) filter (where day <@ ops.same_days(past_starts, same_day, past_starts, quarters, quarters)),
            count(*) filter (where day <@ ops.same_days(same_day + 1, 'infinity', past_starts, quarters, quarters)),
            count(*) = 5 * 458
        from looked
        """,
        month,
        month,
    ) == [(0, 0, 0, True)]


def test_the_last_day_of_a_quarter_is_compared_with_the_last(warehouse: Query) -> None:
    assert warehouse(
        "select d::text, ops.same_day(d, date_trunc('quarter', d)::date, 1)::text"
        " from unnest('{2024-02-29,2024-03-30,2024-03-31,2023-06-28,2023-06-29,2023-06-30}'::date[]) as d"
    ) == [
        ("2024-02-29", "2023-11-29"), ("2024-03-30", "2023-12-29"), ("2024-03-31", "2023-12-31"),
        ("2023-06-28", "2023-03-30"), ("2023-06-29", "2023-03-31"), ("2023-06-30", "2023-03-31"),
    ]  # fmt: skip


def test_pace_is_what_past_quarters_had_won_by_the_same_day(settings: Settings) -> None:
    """By 29 November 100 of 400; by 29 August 200, reopened later, of 400; by 30 May all (a deal without an amount adds
    nothing). The quarter before had begun before the history. 0.5833 is their mean."""
    won = table(
        "opportunity_id amount close_date closed_at d_from d_to",
        ("a", 100, "2023-12-31", "2023-11-29Z", "2023-11-29", "infinity"), ("b", 300, "2023-11-30", "2023-11-30Z", "2023-11-30", "2024-01-01"),
        ("c", 200, "2023-08-29", "2023-08-29Z", "2023-08-29", "2023-09-30"), ("d", 400, "2023-09-30", "2023-09-30Z", "2023-09-30", "infinity"),
        ("e", 50, None, "2023-05-30 23:59Z", "2023-05-30", "infinity"), ("f", None, "2023-06-01", "2023-06-01Z", "2023-06-01", "infinity"),
        ("old", 1, "2023-03-31", "2023-03-31Z", "2023-03-31", "infinity"), ("new", 9, "2024-01-01", "2024-01-01Z", "2024-01-01", "infinity"),
        status="won",
    )  # fmt: skip
    lost = {"opportunity_id": "g", "amount": 999, "close_date": "2023-11-01", "status": "lost", **EVER}
    columns = (
        "team_id, rep_id, quarter_quota, won_count, won_without_amount_count, won_amount, attainment_pct, past_quarters_count, expected_pct, "
        "expected_amount, ahead_amount, remaining_amount, needed_per_week_amount"
    )
    quotas = table("rep_id quarter_target", ("All", 3000), ("ann", 1000), ("bob", None), ("cid", 100))
    closings = table(
        "rep_id account_segment quarter_won_count quarter_won_without_amount_count quarter_won_amount",
        ("ann", "SMB", 1, 0, 100), ("ann", "none", 1, 0, 50), ("cid", "none", 1, 0, 150), ("-1", "none", 1, 1, 0), ("bob", "none", 0, 0, 0),
    )  # fmt: skip
    given: dict[str, Any] = {
        "staging__deal_intervals": [*won, lost], "staging__quota_days": quotas, "staging__rep_closings": closings, "staging__rep_days": REPS,
        "staging__source_coverage": SINCE,
    }  # fmt: skip
    pace = (3, D("0.5833"))
    ann = (1000, 2, 0, 150, D("0.15"), *pace, D("583.30"), D("-433.30"), 850, D("191.94"))
    cid = (100, 1, 0, 150, D("1.5"), *pace, D("58.33"), D("91.67"), 0, 0)
    nobody = (None, 1, 1, 0, None, *pace, None, None, None, None)
    assert selected(settings, "analytics.quota_pacing", columns, DAY, staging__coverage_dates=TOLD, **given) == [
        ("-1", "-1", *nobody), ("-1", "All", *nobody),
        ("All", "All", 3000, 4, 1, 300, D("0.1"), *pace, D("1749.90"), D("-1449.90"), 2700, D("609.68")),
        ("m", "All", *ann), ("m", "ann", *ann), ("none", "All", *cid), ("none", "cid", *cid),
    ]  # fmt: skip
    untold = selected(settings, "analytics.quota_pacing", columns, DAY, **given)
    assert untold[2] == ("All", "All", 3000, 4, 1, None, None, *pace, D("1749.90"), None, None, None)
    given["staging__source_coverage"] = [{"matter": "deals", "since_date": "2023-07-02"}]
    alone = selected(settings, "analytics.quota_pacing", columns, DAY, staging__coverage_dates=TOLD, **given)
    assert alone[2] == ("All", "All", 3000, 4, 1, 300, D("0.1"), 1, None, None, None, 2700, D("609.68"))


@pytest.mark.parametrize(
    ("day", "passed", "needed"),
    [("2024-03-24", "0.9231", 700), ("2024-03-25", "0.9341", 700), ("2024-03-31", "1", None), ("2024-01-01", "0.011", D("54.44"))],
)  # fmt: skip
def test_what_is_needed_per_week_is_all_of_it_in_the_last(
    settings: Settings, day: str, passed: str, needed: Any
) -> None:
    """And nothing can be done after the last day; a tenant of whom nothing is known has its company."""
    assert selected(
        settings, "analytics.quota_pacing", "rep_id, quarter, passed_pct, needed_per_week_amount, past_quarters_count, expected_pct", day,
        staging__quota_days=[{"rep_id": "All", "quarter_target": 700}], staging__coverage_dates=[{"amount_since": "2024-01-01"}],
    ) == [("All", "Q1 2024", D(passed), needed, 0, None)]  # fmt: skip


def test_coverage_goes_by_what_the_pipeline_of_the_same_day_yielded(settings: Settings) -> None:
    """On 29 November 400 were due in the quarter, 100 of it won by its end (b came in a day later, c was won after New Year, d
    is Omitted); on 29 August 100, won and reopened. In 2023's second quarter nothing was due, the first was before the history.
    100 / 500 = 0.2. Of the next quarter only 29 August is known: 50 for the fourth, of one quarter alone."""
    deals = table(
        "opportunity_id status amount close_date opened_at closed_at forecast_category d_from d_to",
        ("a", "open", 100, "2023-12-31", "2023-10-01Z", None, None, "2023-10-01", "2023-12-31"), ("a", "won", 150, "2023-12-31", "2023-10-01Z", "2023-12-31Z", None, "2023-12-31", "infinity"),
        ("b", "open", 70, "2023-10-01", "2023-11-30Z", None, None, "2023-11-30", "infinity"),
        ("c", "open", 300, "2023-12-31", "2023-11-29Z", None, "Commit", "2023-11-29", "2024-01-01"), ("c", "won", 300, "2023-12-31", "2023-11-29Z", "2024-01-01Z", None, "2024-01-01", "infinity"),
        ("d", "open", 500, "2023-12-31", "2023-11-29Z", None, "omitted", "2023-11-29", "infinity"), ("n", "open", None, "2023-12-31", "2023-11-29Z", None, None, "2023-11-29", "infinity"),
        ("e", "open", 100, "2023-09-30", "2023-07-01Z", None, None, "2023-07-01", "2023-08-30"), ("e", "won", 100, "2023-09-30", "2023-07-01Z", "2023-08-30Z", None, "2023-08-30", "2023-09-30"),
        ("e", "open", 100, None, "2023-07-01Z", None, None, "2023-09-30", "infinity"),
        ("f", "open", 50, "2023-10-01", "2023-08-29Z", None, None, "2023-08-29", "2023-09-30"), ("f", "won", 50, "2023-10-01", "2023-08-29Z", "2023-09-30Z", None, "2023-09-30", "infinity"),
    )  # fmt: skip
    open_deals = table(
        "opportunity_id owner_id amount close_date forecast_category",
        ("x", "ann", 1000, "2024-03-31", "Commit"), ("y", "ann", None, "2024-01-01", "Pipeline"), ("z", "-1", 200, "2024-04-01", "Best Case"),
        ("o", "ann", 5000, "2024-03-01", "Omitted"), ("u", "ann", 7, None, "Pipeline"),
    )  # fmt: skip
    given: dict[str, Any] = {
        "staging__deal_intervals": deals, "staging__deal_days": open_deals, "staging__rep_days": REPS, "staging__source_coverage": SINCE,
        "staging__coverage_dates": TOLD,
        "staging__quota_days": table("rep_id quarter_target next_quarter_target", ("All", 500, None), ("ann", 300, 100), ("cid", 10, None)),
        "staging__rep_closings": table(
            "rep_id quarter_won_count quarter_won_amount next_quarter_won_count next_quarter_won_amount", ("ann", 1, 50, 0, 0), ("cid", 1, 40, 0, 0)
        ),
    }  # fmt: skip
    columns = (
        "quarter, team_id, rep_id, quarter_quota, won_amount, remaining_amount, open_count, open_without_amount_count, open_amount, past_quarters_count, "
        "past_open_amount, past_won_amount, yield_pct, coverage_needed, coverage_ratio, needed_amount, gap_amount"
    )
    past, next_past = (2, 500, 100, D("0.2"), 5), (1, 50, 50, None, None)
    ann, cid = (300, 50, 250, 2, 1, 1000, *past, 4, 1250, -250), (10, 40, 0, 0, 0, 0, *past, None, 0, 0)
    ann_next, nobody_next = (
        (100, 0, 100, 0, 0, 0, *next_past, 0, None, None),
        (None, 0, None, 1, 0, 200, *next_past, None, None, None),
    )
    assert selected(settings, "analytics.coverage_needed", columns, DAY, **given) == [
        ("Q1 2024", "All", "All", 500, 90, 410, 2, 1, 1000, *past, D("2.4390"), 2050, -1050),
        ("Q1 2024", "m", "All", *ann), ("Q1 2024", "m", "ann", *ann), ("Q1 2024", "none", "All", *cid), ("Q1 2024", "none", "cid", *cid),
        ("Q2 2024", "-1", "-1", *nobody_next), ("Q2 2024", "-1", "All", *nobody_next),
        ("Q2 2024", "All", "All", None, 0, None, 1, 0, 200, *next_past, None, None, None),
        ("Q2 2024", "m", "All", *ann_next), ("Q2 2024", "m", "ann", *ann_next),
    ]  # fmt: skip
    given["staging__coverage_dates"] = [{"money_since": "2024-03-01"}]
    untold = selected(settings, "analytics.coverage_needed", columns, DAY, **given)
    assert untold[0] == ("Q1 2024", "All", "All", 500, None, None, 2, 1, None, *past, None, None, None)


def test_pushes_are_those_before_the_quarter_began(settings: Settings) -> None:
    """Open on 31 December and due: a; c has been pushed out of the quarter since, d was deleted; e is due in the next, f had
    been pulled in on New Year's Day only. Created and due: g, lost (reopened and lost again), and h, won at once. Of the last four
    quarters: i was won on the last day, j on the day after, k is open again, l came and went; m belongs to the fifth."""
    deals = table(
        "opportunity_id status owner_id amount pushes_count close_date opened_at d_from d_to",
        ("a", "open", "ann", 10, 1, "2024-03-31", "2023-12-31Z", "2023-12-31", "2024-02-01"), ("a", "open", "bob", 99, 2, None, "2023-12-31Z", "2024-02-01", "infinity"),
        ("c", "open", "ann", None, 0, "2024-01-01", "2023-06-01Z", "2023-12-01", "2024-01-01"), ("c", "open", "ann", 7, 1, "2024-04-01", "2023-06-01Z", "2024-01-01", "infinity"),
        ("d", "open", None, 5, 7, "2024-02-01", "2023-01-01Z", "2023-12-31", "2024-02-29"),
        ("e", "open", "ann", 5, 0, "2024-04-01", "2023-12-01Z", "2023-12-01", "infinity"),
        ("f", "open", "ann", 5, 0, "2024-04-01", "2023-12-01Z", "2023-12-01", "2024-01-01"), ("f", "open", "ann", 5, 0, "2024-03-01", "2023-12-01Z", "2024-01-01", "infinity"),
        ("g", "open", "bob", 20, 0, "2024-03-01", "2024-01-01Z", "2024-01-01", "2024-02-01"), ("g", "lost", "bob", 20, 1, "2024-02-01", "2024-01-01Z", "2024-02-01", "2024-02-02"),
        ("g", "open", "bob", 20, 1, None, "2024-01-01Z", "2024-02-02", "2024-02-29"), ("g", "lost", "bob", 20, 1, "2024-02-29", "2024-01-01Z", "2024-02-29", "infinity"),
        ("h", "won", "ann", 30, 0, "2024-02-29", "2024-02-29Z", "2024-02-29", "infinity"), ("tomorrow", "open", "ann", 5, 0, "2024-03-31", "2024-03-01Z", "2024-03-01", "infinity"),
        ("i", "open", "ann", 40, 2, "2023-12-31", "2023-09-30Z", "2023-09-30", "2023-12-31"), ("i", "won", "ann", 40, 2, "2023-12-31", "2023-09-30Z", "2023-12-31", "2024-01-01"),
        ("j", "open", "ann", 1, 3, "2023-09-30", "2023-05-01Z", "2023-05-01", "2023-10-01"), ("j", "won", "ann", 1, 3, "2023-10-01", "2023-05-01Z", "2023-10-01", "infinity"),
        ("k", "open", "ann", 2, 0, "2023-06-30", "2023-06-30Z", "2023-06-30", "2023-07-01"), ("k", "open", "ann", 2, 1, "2024-06-30", "2023-06-30Z", "2023-07-01", "infinity"),
        ("l", "lost", "ann", 3, 0, "2023-01-01", "2023-01-01Z", "2023-01-01", "2023-01-02"), ("m", "open", "ann", 4, 0, "2022-12-31", "2022-12-01Z", "2022-12-01", "infinity"),
    )  # fmt: skip
    columns = (
        "team_id, rep_id, pushes, deals_count, without_amount_count, amount, won_count, lost_count, slipped_count, due_count, gone_count, slipped_amount, "
        "slipped_pct, past_deals_count, past_amount, past_won_count, past_won_later_count, past_lost_count, past_open_count, past_gone_count, past_win_rate"
    )
    found = selected(
        settings, "analytics.push_report", columns, DAY, staging__deal_intervals=deals, staging__rep_days=REPS
    )
    none, past_none = (0, 0, None, 0, 0, 0, 0, 0, None, None), (0, None, 0, 0, 0, 0, 0, None)
    parts = {
        ("-1", "-1", "3+"): (1, 0, 5, 0, 0, 0, 0, 1, 0, 0, *past_none),
        ("m", "ann", "0"): (2, 1, 30, 1, 0, 1, 0, 0, 0, 0, 2, 5, 0, 0, 0, 1, 1, 0),
        ("m", "ann", "1"): (1, 0, 10, 0, 0, 0, 1, 0, 0, 0, *past_none),
        ("m", "ann", "2"): (*none, 1, 40, 1, 0, 0, 0, 0, 1),
        ("m", "ann", "3+"): (*none, 1, 1, 0, 1, 0, 0, 0, 0),
        ("m", "bob", "0"): (1, 0, 20, 0, 1, 0, 0, 0, 0, 0, *past_none),
    }  # fmt: skip
    rows = {row[:3]: row[3:] for row in found}
    assert {key: row for key, row in rows.items() if key[1] != "All" and key[2] != "All"} == parts
    assert rows["All", "All", "All"] == (5, 1, 65, 1, 1, 1, 1, 1, 0, 0, 4, 46, 1, 1, 0, 1, 1, D("0.3333"))
    assert rows["m", "All", "0"] == (3, 1, 50, 1, 1, 1, 0, 0, 0, 0, 2, 5, 0, 0, 0, 1, 1, 0)
    assert rows["m", "ann", "All"] == (3, 1, 40, 1, 0, 1, 1, 0, 0, 0, 4, 46, 1, 1, 0, 1, 1, D("0.3333"))


def test_pipeline_is_generated_by_its_first_owner(settings: Settings) -> None:
    """Created by 29 February: a (bob took it over), b without an amount, c, deleted again, and w, won since; the day after: late. By
    29 November: o, worth 40 then, and p, whose source is called none. Ann won 100 of 400 in the year: a quota of 50 needs 200."""
    deals = table(
        "opportunity_id status owner_id amount lead_source opened_at d_from d_to",
        ("a", "open", "ann", 10, None, "2024-01-01Z", "2024-01-01", "2024-02-01"), ("a", "open", "bob", 15, "Web", "2024-01-01Z", "2024-02-01", "infinity"),
        ("b", "open", None, None, None, "2024-02-29 23:59Z", "2024-02-29", "infinity"), ("c", "open", "ann", 5, "Web", "2024-01-05Z", "2024-01-05", "2024-02-29"),
        ("w", "open", "ann", 7, "Web", "2024-01-05Z", "2024-01-05", "2024-02-01"), ("w", "won", "ann", 20, "Web", "2024-01-05Z", "2024-02-01", "infinity"),
        ("late", "open", "ann", 9, "Web", "2024-03-01Z", "2024-03-01", "infinity"),
        ("o", "open", "ann", 40, "Web", "2023-10-01Z", "2023-10-01", "2023-11-30"), ("o", "lost", "ann", 41, "Web", "2023-10-01Z", "2023-11-30", "infinity"),
        ("p", "open", "bob", None, "none", "2023-11-29Z", "2023-11-29", "infinity"), ("q", "open", "bob", 3, "Web", "2023-11-30Z", "2023-11-30", "infinity"),
        ("old", "open", "ann", 3, "Web", "2023-09-30Z", "2023-09-30", "infinity"),
    )  # fmt: skip
    given: dict[str, Any] = {
        "staging__deal_intervals": deals, "staging__rep_days": REPS,
        "staging__quota_days": table("rep_id quarter_target", ("All", 90), ("ann", 50), ("cid", 5)),
        "staging__rep_closings": table(
            "rep_id account_segment won_count lost_count won_amount lost_amount", ("ann", "SMB", 1, 0, 100, 0), ("ann", "none", 0, 2, 0, 300), ("bob", "none", 0, 1, 0, 100)
        ),
    }  # fmt: skip
    columns = (
        "team_id, rep_id, lead_source, created_count, without_amount_count, created_amount, previous_created_count, previous_without_amount_count, "
        "previous_created_amount, amount_win_rate, needed_amount"
    )
    found = selected(
        settings,
        "analytics.pipeline_generation",
        columns,
        DAY,
        staging__coverage_dates=[{"outcomes_since": DAY}],
        **given,
    )
    rows = {row[:3]: row[3:] for row in found}
    assert {key: row for key, row in rows.items() if key[1] != "All"} == {
        ("-1", "-1", "All"): (1, 1, None, 0, 0, None, None, None), ("-1", "-1", "none"): (1, 1, None, 0, 0, None, None, None),
        ("m", "ann", "All"): (2, 0, 35, 1, 0, 40, D("0.25"), 200), ("m", "ann", "Web"): (2, 0, 35, 1, 0, 40, None, None),
        ("m", "bob", "All"): (0, 0, None, 1, 1, None, 0, None), ("m", "bob", '"none"'): (0, 0, None, 1, 1, None, None, None),
        ("none", "cid", "All"): (0, 0, None, 0, 0, None, None, None),
    }  # fmt: skip
    assert rows["All", "All", "All"] == (3, 1, 35, 2, 1, 40, D("0.2"), 450)
    assert rows["m", "All", "All"] == (2, 0, 35, 2, 1, 40, D("0.2"), 250)
    assert rows["All", "All", "Web"] == (2, 0, 35, 1, 0, 40, None, None)
    untold = selected(settings, "analytics.pipeline_generation", columns, DAY, **given)
    assert {row[9:] for row in untold} == {(None, None)}


# --------------------------------------------------------------------------------------------- which days a changed deal touches

FIRST, LAST = date(2024, 1, 1), date(2025, 2, 15)
REP_DAYS = (
    "select 'a' as tenant_id, d::date as snapshot_date, r.rep_id, r.rep_id as rep_name, 'm' as team_id, 'Mia' as team_name"
    " from generate_series('2024-01-01'::timestamp, '2025-02-15', '1 day') as d cross join unnest('{ann,bob,-1}'::text[]) as r (rep_id)"
)
SPANS_REPORTS = [
    "analytics.cohort_conversion",
    "analytics.coverage_needed",
    "analytics.pipeline_generation",
    "analytics.push_report",
    "analytics.quota_pacing",
    "analytics.source_funnel",
]
Event = tuple[int, str, Any]


def some_event(chance: random.Random) -> Event:
    """What may happen to a deal, so many days after its beginning."""
    kind = chance.choice(
        [
            "amount",
            "owner_id",
            "close_date",
            "close_date",
            "won",
            "won",
            "lost",
            "open",
            "gone",
            "forecast_category",
            "lead_source",
        ]
    )
    values = {
        "amount": [None, 10, 25], "owner_id": ["ann", "bob", None], "forecast_category": [None, "Omitted"], "lead_source": [None, "Web", "Fair"],
        "close_date": [None, *(date(2023, 1, 15) + timedelta(days=46 * n) for n in range(16))],
    }  # fmt: skip
    return chance.randrange(1, 400), kind, chance.choice(values.get(kind, [None]))


def spans(name: str, begins: date, events: list[Event]) -> list[dict[str, Any]]:
    """A deal's life as in staging.deal_intervals: a row from each event to the next."""
    state: dict[str, Any] = {"status": "open", "owner_id": "ann", "amount": 10, "close_date": begins + timedelta(days=80), "pushes_count": 0,
                             "forecast_category": None, "lead_source": None, "closed_at": None}  # fmt: skip
    days = {0: state}
    for after, kind, value in sorted(events, key=lambda event: event[:2]):
        state = dict(state)
        if kind in ("won", "lost", "open", "gone"):
            if state["status"] != kind:
                state |= {"status": kind, "closed_at": None if kind == "open" else begins + timedelta(days=after)}
        else:
            is_push = kind == "close_date" and value and state["close_date"] and value > state["close_date"]
            state |= {kind: value, "pushes_count": state["pushes_count"] + bool(is_push)}
        days[after] = state
    until = [begins + timedelta(days=after) for after in sorted(days)][1:]
    rows = zip((days[after] for after in sorted(days)), [begins, *until], [*until, date.max], strict=True)
    return [
        row
        | {"opportunity_id": name, "opened_at": begins, "d_from": since, "d_to": "infinity" if end == date.max else end}
        for row, since, end in rows
        if row["status"] != "gone"
    ]


def days_told_of(settings: Settings, before: Rows, after: Rows) -> dict[str, set[date]]:
    """By dataset the days that the rule of staging.deal_intervals says a change of its rows touches."""
    with databases.engine(settings, "warehouse").connect() as connection:
        zeros = {"known_as_of": 1} | dict.fromkeys(
            ("reopenings_count", "engaged_contacts_count", "champions_count", "engaged_economic_buyers_count"), 0
        )
        names = [*after[0], *zeros]
        into = f"insert into staging.deal_intervals (tenant_id, {', '.join(names)}) values ('a', {', '.join(':' + name for name in names)})"
        connection.execute(
            sa.text(
                "create temporary table changed_rows as select 'was' as side, * from staging.deal_intervals with no data"
            )
        )
        for side, rows, others in (("was", before, after), ("is", after, before)):
            connection.execute(sa.text("delete from staging.deal_intervals"))
            for row in rows:
                connection.execute(sa.text(into), row | zeros)
            changed = [[row["opportunity_id"], str(row["d_from"])] for row in rows if row not in others]
            for name, since in changed:
                connection.execute(
                    sa.text(f"insert into changed_rows select '{side}', * from staging.deal_intervals where opportunity_id = :name and d_from = cast(:since as date)"),
                    {"name": name, "since": since},
                )  # fmt: skip
        found = connection.execute(
            sa.text(AFFECTED_DAYS.format(rule=invalidation_rules()["staging.deal_intervals"])),
            {"first": FIRST, "last": LAST},
        ).all()
        connection.rollback()
    told: dict[str, set[date]] = {}
    for dataset, day in found:
        told.setdefault(dataset, set()).add(day)
    return told


AFFECTED_DAYS = """
with touched as ({rule}),
turned as (
    select dataset, content,
        coalesce(range_agg(days) filter (where side = 'was'), '{{}}') as was_on,
        coalesce(range_agg(days) filter (where side = 'is'), '{{}}') as is_on
    from touched group by dataset, content
)
select distinct t.dataset, d.day from turned as t
inner join ops.calendar as d on d.day <@ ((t.was_on - t.is_on) + (t.is_on - t.was_on)) and d.day between :first and :last
"""


def by_day(settings: Settings, dataset: str, deals: Rows) -> dict[date, list[str]]:
    """What a dataset says of each day, given these deals."""
    wanted = {
        "staging__rep_days": REP_DAYS,
        "staging__source_coverage": [{"matter": "deals", "since_date": "2022-01-01"}],
    }
    given: dict[str, Any] = {
        name: rows for name, rows in wanted.items() if name.replace("__", ".") in CATALOGUE[dataset].deps
    }
    found: dict[date, list[str]] = {}
    for day, row in selected(
        settings, dataset, "snapshot_date, q::text", str(FIRST), str(LAST), staging__deal_intervals=deals, **given
    ):
        found.setdefault(day, []).append(row)
    return found


@pytest.mark.parametrize("seed", SEEDS)
def test_every_day_that_a_changed_deal_touches_is_told_of(clean: Settings, seed: int) -> None:
    """Twelve deals, two of which read otherwise after a load."""
    chance = random.Random(seed)
    lives = {
        f"d{n}": (date(2022, 11, 20) + timedelta(days=chance.randrange(620)), [some_event(chance) for _ in range(6)])
        for n in range(12)
    }
    before = [row for name, life in lives.items() for row in spans(name, *life)]
    for name in ("d0", "d1"):
        begins, events = lives[name]
        lives[name] = (begins + timedelta(days=chance.choice([0, 0, 40])), [*events[1:], some_event(chance)])
    after = [row for name, life in lives.items() for row in spans(name, *life)]
    told = days_told_of(clean, before, after)
    for dataset in SPANS_REPORTS:
        was, now = by_day(clean, dataset, before), by_day(clean, dataset, after)
        changed = {day for day in was.keys() | now.keys() if was.get(day) != now.get(day)}
        print(f"{dataset}: {len(changed)} days read otherwise, {len(told.get(dataset, ()))} told of")
        assert changed <= told.get(dataset, set()), (dataset, sorted(changed - told.get(dataset, set()))[:5])


# Rows that add up; what of them does not any more.
REPORT_TRIPS: dict[tuple[str, str], tuple[str, tuple[str, ...]]] = {
    ("analytics.quota_pacing", "reps_add_up"): (
        "insert into {table} (tenant_id, snapshot_date, known_as_of, team_id, rep_id, team_name, rep_name, quarter, passed_pct, past_quarters_count, won_count,"
        " won_without_amount_count, won_amount) select 'a', '2024-02-29', 1, team, rep, '', '', 'Q1 2024', 0.5, 0, count, 0, amount"
        " from (values ('All', 'All', 3, 30), ('m', 'All', 2, 10), ('-1', 'All', 1, 20), ('m', 'ann', 2, 10), ('-1', '-1', 1, 20))"
        " as v (team, rep, count, amount)",
        ("won_amount = 11 where rep_id = 'ann'", "won_count = 1 where team_id = 'm' and rep_id = 'All'"),
    ),
    ("analytics.coverage_needed", "reps_add_up"): (
        "insert into {table} (tenant_id, snapshot_date, known_as_of, team_id, rep_id, team_name, rep_name, quarter, past_quarters_count, open_count,"
        " open_without_amount_count, open_amount) select 'a', '2024-02-29', 1, team, rep, '', '', 'Q1 2024', 0, count, 0, amount"
        " from (values ('All', 'All', 3, 30), ('m', 'All', 2, 10), ('-1', 'All', 1, 20), ('m', 'ann', 2, 10), ('-1', '-1', 1, 20))"
        " as v (team, rep, count, amount)",
        ("open_amount = 11 where rep_id = 'ann'", "open_count = 1 where team_id = 'm' and rep_id = 'All'"),
    ),
    ("analytics.push_report", "deals_add_up"): (
        "insert into {table} (tenant_id, snapshot_date, known_as_of, team_id, rep_id, team_name, rep_name, pushes, deals_count, without_amount_count,"
        " won_count, lost_count, slipped_count, due_count, gone_count, past_deals_count, past_won_count, past_won_later_count, past_lost_count,"
        " past_open_count, past_gone_count) select 'a', '2024-02-29', 1, team, rep, '', '', pushes, count, 0, 0, 0, 0, count, 0, past, past, 0, 0, 0, 0"
        " from (values ('All', 'All', 'All', 3, 2), ('All', 'All', '0', 2, 2), ('All', 'All', '3+', 1, 0), ('m', 'All', 'All', 3, 2), ('m', 'ann', 'All', 3, 2))"
        " as v (team, rep, pushes, count, past)",
        ("deals_count = 4, due_count = 4 where rep_id = 'ann'", "past_deals_count = 1, past_won_count = 1 where pushes = '0'"),
    ),
    ("analytics.pipeline_generation", "sources_add_up"): (
        "insert into {table} (tenant_id, snapshot_date, known_as_of, team_id, rep_id, lead_source, team_name, rep_name, created_count,"
        " without_amount_count, previous_created_count, previous_without_amount_count) select 'a', '2024-02-29', 1, team, rep, source, '', '', count, 0, 0, 0"
        " from (values ('All', 'All', 'All', 3), ('All', 'All', 'Web', 2), ('All', 'All', 'none', 1), ('m', 'All', 'All', 3), ('m', 'ann', 'All', 3))"
        " as v (team, rep, source, count)",
        ("created_count = 4 where rep_id = 'ann'", "created_count = 2 where lead_source = 'none'"),
    ),
    ("analytics.forecast_calls", "reps_add_up"): (
        "insert into {table} (tenant_id, snapshot_date, known_as_of, quarter, team_id, rep_id, category, team_name, rep_name, leads_team, callers_count, overrides_count,"
        " unconverted_count, standing_amount, won_amount) select 'a', '2024-02-29', 1, 'Q1 2024', team, rep, 'Commit', '', '', leads, 1, 0, 0, amount, 0"
        " from (values ('All', 'All', false, 30), ('m', 'All', false, 10), ('none', 'All', false, 20), ('m', 'ann', false, 10), ('none', 'cid', false, 20),"
        " ('none', 'm', true, 99), ('none', 'eve', false, null)) as v (team, rep, leads, amount)",
        ("standing_amount = 11 where rep_id = 'ann'", "standing_amount = 21 where team_id = 'none' and rep_id = 'All'"),
    ),
    ("analytics.source_funnel", "sources_add_up"): (
        "insert into {table} (tenant_id, snapshot_date, known_as_of, quarter_start, quarter, lead_source, leads_count, converted_count, deals_count, won_count,"
        " lost_count, won_without_amount_count, direct_deals_count, direct_won_count) select 'a', '2024-02-29', 1, '2024-01-01', 'Q1 2024', source, leads, deals, deals,"
        " 0, 0, 0, direct, 0 from (values ('All', 3, 2, 1), ('Web', 3, 2, 0), ('none', 0, 0, 1)) as v (source, leads, deals, direct)",
        ("leads_count = 2 where lead_source = 'Web'", "direct_deals_count = 2 where lead_source = 'none'"),
    ),
    ("analytics.cohort_conversion", "outcomes_add_up"): (
        "insert into {table} (tenant_id, snapshot_date, known_as_of, cohort_month, pipeline_id, segment, lead_source, step, stage_id, stage_name, created_count,"
        " reached_count, visited_count, reached_pct) select 'a', '2024-02-29', 1, '2024-01-01', 'p', 'All', source, step, step, step, 3, count, 0, 1"
        " from (values ('All', 'created', 3), ('All', 'won', 1), ('All', 'lost', 1), ('All', 'open', 1), ('Web', 'created', 3), ('Web', 'won', 3))"
        " as v (source, step, count)",
        ("reached_count = 2 where step = 'lost'", "reached_count = 2 where step = 'won' and lead_source = 'Web'"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("key", REPORT_TRIPS)
def test_what_does_not_add_up_is_found(clean: Settings, key: tuple[str, str]) -> None:
    [check] = [check for check in all_checks() if (check.table, check.rule) == key]
    good, broken = REPORT_TRIPS[key]
    for change in broken:
        with databases.engine(clean, "warehouse").connect() as connection:
            connection.execute(sa.text(good.format(table=key[0])))
            assert offending_rows(connection, check, 2).empty
            connection.execute(sa.text(f"update {key[0]} set {change}"))
            assert len(offending_rows(connection, check, 2)) == 1
            connection.rollback()
