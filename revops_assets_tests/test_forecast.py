"""Forecasts as of each day: exact rows by hand, and the generated company once more in pandas."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from revops_assets.scenario.calendar import day_end
from revops_assets.scenario.model import MANAGERS, REPS, WON
from revops_assets.settings import Settings
from revops_assets_tests.building import materialize
from revops_assets_tests.company import GENERATED as PLAN
from revops_assets_tests.company import SAMPLED, generated
from revops_assets_tests.conftest import Export, Put, Query
from revops_assets_tests.test_deal_days import (
    ZONE,
    as_told,
    close_date,
    company_deals,
    elapsed,
    whole,
)
from revops_assets_tests.test_health import score_of
from revops_assets_tests.test_stage_visits import deal, moves

__all__ = ["generated"]


FORECAST = '+key:"analytics/forecast_confidence"'
TOTAL = "team_id = 'All' and segment = 'All' and region = 'All'"
STAGE = [{"stage_id": "Proposal", "stage_order": 4}, {"stage_id": "Won", "stage_order": 9, "outcome": "won"}]


def quota(key: str, rep: str | None, start: str, end: str, amount: int, **columns: Any) -> dict[str, Any]:
    return {
        "quota_id": key,
        "rep_id": rep,
        "period_start": start,
        "period_end": end,
        "amount": amount,
        "modified_at": "2024-01-01Z",
        **columns,
    }


def test_a_forecast_by_hand(put: Put, clean: Settings, warehouse: Query) -> None:
    """Only velocity is told; Proposal should take 10 days. At 10 March's end: 5 days (score 100), 14 (70), 66 (10)."""
    put(
        "a",
        pipeline_stages=STAGE,
        reps=[{"rep_id": "r1", "name": "Ann", "manager_id": "m1", "segment": "SMB"}, {"rep_id": "m1", "name": "Mia"}],
        quotas=[quota("all", None, "2024-01-01", "2024-03-31", 2000), quota("r1", "r1", "2024-01-01", "2024-06-30", 1820)],
        opportunities=[
            deal("Proposal", "d1", "2024-03-06Z", amount=1000, close_date="2024-03-31", forecast_category="Commit", owner_id="r1"),
            deal("Proposal", "d2", "2024-02-26Z", amount=500, close_date="2024-01-01", forecast_category="Best Case", owner_id="r1"),
            deal("Proposal", "d3", "2024-01-05Z", amount=300, close_date="2024-03-20", owner_id=None),
            deal("Proposal", "d4", "2024-03-06Z", close_date="2024-03-20", forecast_category="Commit", owner_id="r1"),
            deal("Proposal", "d5", "2024-03-06Z", amount=900, close_date="2024-03-20", forecast_category="Omitted", owner_id="r1"),
            deal("Proposal", "d6", "2024-03-06Z", amount=700, close_date="2024-04-01", forecast_category="Commit", owner_id="r1"),
            deal("Proposal", "d7", "2024-03-06Z", amount=800, close_date="2024-07-01", forecast_category="Commit", owner_id="r1"),
            deal("Won", "w1", "2024-01-05Z", amount=400, close_date="2024-03-01", owner_id="r1"),
            deal("Won", "w2", "2024-01-05Z", amount=90, close_date="2023-12-31", owner_id="r1"),
        ],
        opportunity_history=[
            # Won while r1 had it; r2 was given it the day after, and gets no credit. w2's date lies in the quarter before.
            *moves(("Proposal", "Won", "03-01"), deal="w1"), *moves(("Proposal", "Won", "03-01"), deal="w2"),
            *moves(("r1", "r2", "03-02"), deal="w1", field="owner_id"), *moves((None, "400", "01-06"), deal="w1", field="amount"),
        ],
    )  # fmt: skip
    materialize(clean, FORECAST, "2024-03-10")
    rows = warehouse(
        "select quarter, line, deals_count, without_amount_count, amount, weighted_amount, target, gap_to_target, shortfall_pct, risk_level,"
        f" ai_forecast, week_number from analytics.forecast_confidence where {TOTAL} and snapshot_date = '2024-03-10' order by quarter, line"
    )
    nothing = (None,) * 5
    assert rows == [
        ("Q1 2024", "Best Case", 1, 0, 500, 200, *nothing, 10),
        ("Q1 2024", "Closed Won", 1, 0, 400, 400, *nothing, 10),
        ("Q1 2024", "Commit", 2, 1, 1000, 950, *nothing, 10),
        ("Q1 2024", "Pipeline", 1, 0, 300, 30, *nothing, 10),
        ("Q1 2024", "TOTAL FORECAST", 5, 1, 2200, 1580, 2000, -420, Decimal("0.2100"), "Critical", 1580, 10),
        ("Q2 2024", "Best Case", 0, 0, 0, 0, *nothing, 0),
        ("Q2 2024", "Closed Won", 0, 0, 0, 0, *nothing, 0),
        ("Q2 2024", "Commit", 1, 0, 700, 665, *nothing, 0),
        ("Q2 2024", "Pipeline", 0, 0, 0, 0, *nothing, 0),
        # No target of the company: what its reps are to sell, half of r1's half-year.
        ("Q2 2024", "TOTAL FORECAST", 1, 0, 700, 665, 910, -245, Decimal("0.2692"), None, 665, 0),
    ]
    assert warehouse(
        "select team_name, segment, region, amount, target from analytics.forecast_confidence where quarter = 'Q1 2024' and line = 'TOTAL FORECAST'"
        " and snapshot_date = '2024-03-10' and team_id <> 'All' and segment <> 'All' and region <> 'All' order by 1"
    ) == [("Mia", "SMB", "Unknown", 1900, 910), ("No manager", "Unknown", "Unknown", 0, None), ("Unassigned", "Unknown", "Unknown", 300, None)]  # fmt: skip


@pytest.mark.parametrize(
    ("target", "risk"), [(1000, "Low"), (1111, "Medium"), (1112, "High"), (1250, "High"), (1251, "Critical")]
)
def test_the_size_of_the_shortfall_is_the_risk(
    put: Put, clean: Settings, warehouse: Query, target: int, risk: str
) -> None:
    won = deal("Won", "w", "2024-01-05Z", amount=1000, close_date="2024-01-20")
    put(
        "a",
        pipeline_stages=STAGE,
        opportunities=[won],
        opportunity_history=moves(("Proposal", "Won", "01-20"), deal="w"),
        quotas=[quota("all", None, "2024-01-01", "2024-03-31", target)],
    )
    materialize(clean, FORECAST, "2024-01-31")
    totals = f"from analytics.forecast_confidence where {TOTAL} and line = 'TOTAL FORECAST'"
    assert warehouse(f"select risk_level {totals} and quarter = 'Q1 2024'") == [(risk,)]
    assert warehouse(f"select target, risk_level {totals} and quarter = 'Q2 2024'") == [(None, None)]


def test_a_source_without_money_has_counts_and_no_figures(
    export: Export, load: Any, clean: Settings, warehouse: Query
) -> None:
    load(export(deal_changes=["10,2024-01-01 00:00:00,add_time,2024-01-01T00:00:00", "10,2024-01-10 00:00:00,stage_id,1"]))  # fmt: skip
    materialize(clean, FORECAST, "2024-01-31")
    rows = warehouse(
        "select distinct amount, weighted_amount, target, ai_forecast, ai_forecast_confidence, confidence_basis, risk_level"
        " from analytics.forecast_confidence"
    )
    assert rows == [(None,) * 7]


def test_the_file_s_quota_takes_the_place_of_the_source_s_for_the_days_they_share(
    put: Put, clean: Settings, warehouse: Query, rules: Callable[[str, str], None]
) -> None:
    reps = [{"rep_id": rep, "name": rep} for rep in ("r1", "r2")]
    put(
        "a",
        reps=reps,
        opportunities=[deal("A", owner_id="r1")],
        quotas=[quota("1", "r1", "2024-01-01", "2024-03-31", 910), quota("2", "r1", "2024-04-01", "2024-06-30", 910),
                quota("3", "r2", "2024-01-01", "2024-03-31", 91)],
    )  # fmt: skip
    rules("quotas", "a,2024-02-10,q,r1,2024-02-01,2024-03-31,600\n")
    materialize(clean, '+key:"staging/quota_days"', "2024-02-09", "2024-02-10")
    columns = "rep_id, quarter_target, next_quarter_target, year_to_date_target"
    assert warehouse(
        f"select to_char(snapshot_date, 'MM-DD'), {columns} from staging.quota_days order by 1, 2"
    ) == [
        # 40 of 91 days; then the file's 600 for 60 days instead of the source's first quarter, 10 of them so far.
        ("02-09", "All", 1001, 910, 440), ("02-09", "r1", 910, 910, 400), ("02-09", "r2", 91, None, 40),
        ("02-10", "All", 691, 910, 141), ("02-10", "r1", 600, 910, 100), ("02-10", "r2", 91, None, 41),
    ]  # fmt: skip


# ------------------------------------------------------------------------------------------------- in pandas

WEIGHTS = {
    "Commit": ("0.95", "0.75", "0.50"),
    "Best Case": ("0.50", "0.40", "0.25"),
    "Pipeline": ("0.30", "0.20", "0.10"),
}
LINES = ["Closed Won", "Commit", "Best Case", "Pipeline"]


def test_a_deal_is_of_its_account_s_segment(put: Put, load: Any, clean: Settings, warehouse: Query) -> None:
    """Ann sells to SMB. Big is of her segment until 10 February, Enterprise since; Odd has none; Won was bought by Big."""
    put(
        "a",
        pipeline_stages=[{"stage_id": "Open", "stage_order": 1}, {"stage_id": "Won", "stage_order": 2, "outcome": "won"}],
        reps=[{"rep_id": "ann", "name": "Ann", "segment": "SMB"}],
        quotas=[quota("q", "ann", "2024-01-01", "2024-03-31", 1000)],
        accounts=[{"account_id": "big", "name": "Big", "segment": "SMB", "modified_at": "2024-01-01Z"}, {"account_id": "odd", "name": "Odd"}],
        opportunities=[
            deal("Open", "o1", "2024-01-02Z", owner_id="ann", account_id="big", amount=100, close_date="2024-03-20", forecast_category="Commit"),
            deal("Open", "o2", "2024-01-02Z", owner_id="ann", account_id="odd", amount=10, close_date="2024-03-20", forecast_category="Commit"),
            deal("Open", "o3", "2024-01-02Z", owner_id="ann", amount=1, close_date="2024-03-20", forecast_category="Commit"),
            deal("Won", "w", "2024-01-02Z", owner_id="ann", account_id="big", amount=1000, close_date="2024-02-05"),
        ],
        opportunity_history=moves(("Open", "Won", "02-05"), deal="w"),
    )  # fmt: skip
    everything = (
        '+key:"dashboard/dashboard_kpis" or +key:"analytics/stage_velocity" or +key:"analytics/rep_performance"'
    )
    materialize(clean, everything, "2024-02-01", "2024-02-14")
    put(
        "a",
        accounts=[{"account_id": "big", "name": "Big", "segment": "Enterprise", "modified_at": "2024-02-10 12:00Z"}],
    )
    materialize(clean, 'tag:"revops/built"="full_refresh"')
    asked = "select to_char(min(snapshot_date), 'MM-DD'), to_char(max(snapshot_date), 'MM-DD'), min(dataset) from ops.stale_partitions"
    assert warehouse(asked) == [("02-10", "02-14", "analytics.forecast_backtest")]
    materialize(clean, everything, "2024-02-01", "2024-02-14")
    kpis = (
        "select to_char(snapshot_date, 'MM-DD'), segment, closed_won_amount, open_pipeline_amount, quarter_target from dashboard.dashboard_kpis"
        " where snapshot_date in ('2024-02-09', '2024-02-10') and quarter = 'Q1 2024' and team_filter = 'All' and region = 'All' order by 1, 2"
    )
    assert warehouse(kpis) == [
        ("02-09", "All", 1000, 111, 1000), ("02-09", "SMB", 1000, 111, 1000),
        ("02-10", "All", 1000, 111, 1000), ("02-10", "Enterprise", 1000, 100, None), ("02-10", "SMB", 0, 11, 1000),
    ]  # fmt: skip
    velocity = (
        "select to_char(snapshot_date, 'MM-DD'), segment, completed_count, deals_in_stage from analytics.stage_velocity"
        " where snapshot_date in ('2024-02-09', '2024-02-10') and stage_id = 'Open' and team_id = 'All' and region = 'All' order by 1, 2"
    )
    assert warehouse(velocity) == [
        ("02-09", "All", 1, 3), ("02-09", "SMB", 1, 3), ("02-10", "All", 1, 3), ("02-10", "Enterprise", 1, 1), ("02-10", "SMB", 0, 2)
    ]  # fmt: skip
    # The rep's figures are the rep's, whoever bought.
    assert warehouse(
        "select distinct segment, quarter_won_amount from analytics.rep_performance where snapshot_date > '2024-02-05'"
    ) == [("SMB", 1000)]


KEYS = ["quarter", "team_id", "segment", "region", "line"]
GROUPS = ["team_id", "segment", "region"]


def half_up(value: Decimal, places: int) -> Decimal:
    """Rounded as PostgreSQL rounds."""
    return value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


def quarter_of(day: date) -> tuple[date, date]:
    start = date(day.year, (day.month - 1) // 3 * 3 + 1, 1)
    return start, (start + timedelta(days=95)).replace(day=1) - timedelta(days=1)


def label(day: date) -> str:
    return f"Q{(day.month - 1) // 3 + 1} {day.year}"


def people(day: date) -> pd.DataFrame:
    """Everybody, and nobody (-1), with their teams."""
    rows = [
        (rep.id, rep.name, rep.manager_id or "none", rep.segment, rep.region, PLAN.end_date - timedelta(days=rep.tenure_days) <= day)
        for rep in [*MANAGERS, *REPS]
    ]  # fmt: skip
    frame = pd.DataFrame([*rows, ("-1", "Unassigned", "-1", None, None, False)],
                         columns=["rep_id", "rep_name", "team_id", "segment", "region", "is_active"])  # fmt: skip
    return frame


def deals_at(day: date) -> pd.DataFrame:
    """Every deal that exists at a day's end, open ones with their health, won and lost ones with who is credited."""
    end, rows = day_end(PLAN, day), []
    for found in company_deals():
        if found.created_at >= end or (found.deleted_at and found.deleted_at < end):
            continue
        state, closed_at = found.state(end), found.closed_at(end)
        row = {
            "id": found.id, "account_segment": found.account.segment, "amount": Decimal(state["Amount"]) if state["Amount"] else None,
            "close_date": date.fromisoformat(due) if (due := close_date(found, end)) else None,
            "created_on": found.created_at.astimezone(ZONE).date(), "closed_on": None, "cycle": None, "health": None,
        }  # fmt: skip
        if closed_at:
            row["closed_on"] = closed_at.astimezone(ZONE).date()
            owner = found.state(day_end(PLAN, row["closed_on"]))["OwnerId"]  # type: ignore[arg-type]
            row |= {"line": "Closed Won" if state["StageName"] == WON else "Lost", "rep_id": owner or "-1"}
            row["cycle"] = round(elapsed(whole(found.created_at), whole(closed_at)) * 86400)
        else:
            told = as_told(found, day)
            row |= {"line": state["ForecastCategoryName"] or "Pipeline", "rep_id": told["owner_id"]}
            row["health"] = score_of({**told, "day": str(day)}, str(state["StageName"]))["health_score"]
        rows.append(row)
    return pd.DataFrame(rows)


def spread(frame: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Each row once for every combination of its groups and All."""
    filled = frame.assign(segment=frame["segment"].fillna("Unknown"), region=frame["region"].fillna("Unknown"))
    for kept in product([True, False], repeat=3):
        yield filled.assign(**{name: filled[name] if keep else "All" for name, keep in zip(GROUPS, kept, strict=True)})


def end_of_week(start: date, end: date, week: int) -> date:
    return start + timedelta(days=7 * week - 1) if week < 13 else end - timedelta(days=1)


def lines_on(day: date) -> pd.DataFrame:
    """Counts and sums by quarter, group and line."""
    everybody, told = people(day), deals_at(day)
    start, end = quarter_of(day)
    quarters, parts = ((start, end), quarter_of(end + timedelta(days=1))), []
    in_reach = told["close_date"].map(lambda at: at is not None and start <= at <= quarters[1][1]) & told["line"].isin(
        LINES
    )
    members = {(rep, None) for rep in everybody[everybody["is_active"]]["rep_id"]} | set(
        told[in_reach][["rep_id", "account_segment"]].itertuples(index=False, name=None)
    )
    for first, last in quarters:
        due = told[in_reach & told["close_date"].map(lambda at, a=first, b=last: at is not None and a <= at <= b)]
        weighted = [
            None if row.amount is None else row.amount if row.line == "Closed Won"
            else row.amount * Decimal(WEIGHTS[row.line][0 if row.health >= 80 else 1 if row.health >= 60 else 2])
            for row in due.itertuples()
        ]  # fmt: skip
        due = due.assign(weighted=weighted)[["rep_id", "account_segment", "line", "amount", "weighted"]].assign(n=1)
        grid = pd.DataFrame(
            [(*member, line, None, None, 0) for member, line in product(members, LINES)], columns=due.columns
        )
        whole = pd.concat([due, grid]).merge(everybody, on="rep_id").assign(quarter=label(first))
        parts.append(
            whole.assign(segment=whole["account_segment"].where(whole["account_segment"].notna(), whole["segment"]))
        )
    rows = pd.concat(frame for part in parts for frame in spread(part))
    rows["zero"] = [
        Decimal(0) if amount is None else amount
        for amount in rows["amount"].astype(object).where(rows["amount"].notna(), None)
    ]
    rows["weighted"] = [
        Decimal(0) if amount is None else amount
        for amount in rows["weighted"].astype(object).where(rows["weighted"].notna(), None)
    ]
    rows["bare"] = rows["amount"].isna() * rows["n"]
    summed = rows.groupby(KEYS).agg(
        n=("n", "sum"), bare=("bare", "sum"), amount=("zero", "sum"), weighted=("weighted", "sum")
    )
    return summed


def wape(past: list[tuple[Decimal, Decimal]]) -> Decimal:
    """Errors' sizes as a share of what was sold."""
    return sum((error for error, _ in past), Decimal(0)) / sum(actual for _, actual in past)


def test_the_generated_company_s_forecasts(generated: Settings, warehouse: Query) -> None:
    cents = Decimal("0.01")
    begun = min(found.created_at for found in company_deals()).astimezone(ZONE).date()
    errors: dict[tuple[Any, ...], tuple[Decimal, Decimal]] = {}  # and actuals, by quarter's first day, week and group
    for quarter in (
        date(2022, 10, 1),
        date(2023, 1, 1),
        date(2023, 4, 1),
        date(2023, 7, 1),
        date(2023, 10, 1),
        date(2024, 1, 1),
    ):
        start, end = quarter_of(quarter)
        if end < begun:
            continue
        final = lines_on(end)
        for week in range(1, 14):
            week_end = end_of_week(start, end, week)
            if week_end < begun:
                continue
            totals = lines_on(week_end).groupby(KEYS[:4])["weighted"].sum()
            for (name, *group), forecast in totals.items():
                if name == label(start) and (name, *group, "Closed Won") in final.index:
                    actual = final.loc[(name, *group, "Closed Won"), "amount"]
                    if actual > 0:
                        errors[(start, week, *group)] = (abs(forecast.quantize(cents, ROUND_HALF_UP) - actual), actual)
    recorded = {("default", *key): found for key, found in errors.items()} | {
        (method, quarter_of(day)[0], week, *group): (error, actual)
        for method, day, week, error, actual, *group in warehouse(
            "select method, snapshot_date, week_number, abs(error_amount), actual_amount, team_id, segment, region"
            " from analytics.forecast_backtest where actual_amount > 0 and error_amount is not null and method <> 'default'"
        )
    }
    assert len({method for method, *_ in recorded}) == 6
    with (generated.home / "generated" / "ForecastingQuota.json").open() as handle:
        quotas = [json.loads(line) for line in handle]
    chosen: set[str] = set()
    for day in SAMPLED:
        expected = lines_on(day)
        start, end = quarter_of(day)
        week = min((day - start).days // 7 + 1, 13)
        targets: dict[tuple[str, ...], Decimal] = {}
        everybody = people(day).set_index("rep_id")
        for found in quotas:
            name, amount = label(date.fromisoformat(found["StartDate"])), Decimal(found["QuotaAmount"])
            if found["QuotaOwnerId"] is None:
                targets[(name, "All", "All", "All")] = amount
                continue
            rep = everybody.loc[found["QuotaOwnerId"]]
            for kept in product([True, False], repeat=3):
                group = tuple(rep[column] if keep else "All" for column, keep in zip(GROUPS, kept, strict=True))
                if group != ("All", "All", "All"):
                    targets[(name, *group)] = targets.get((name, *group), Decimal(0)) + amount
        rows = warehouse(
            "select quarter, team_id, segment, region, line, deals_count, without_amount_count, amount, weighted_amount, target,"
            " gap_to_target, ai_forecast_confidence, confidence_basis, backtest_quarters, method, ai_forecast from analytics.forecast_confidence"
            " where snapshot_date = %s", day,
        )  # fmt: skip
        built = {row[:5]: row[5:] for row in rows}
        forecasts: dict[tuple[str, ...], dict[str, Decimal]] = {}
        for name, forecast, *group in warehouse(
            "select method, forecast_amount, team_id, segment, region from analytics.forecast_methods where snapshot_date = %s", day
        ):  # fmt: skip
            forecasts.setdefault(tuple(group), {})[name] = forecast
        assert len(built) == len(expected) / 4 * 5 > 200
        for key, told in expected.iterrows():
            assert built[key][:4] == (
                told["n"],
                told["bare"],
                told["amount"],
                told["weighted"].quantize(cents, ROUND_HALF_UP),
            ), (
                day,
                key,
            )
        for group, told in expected.groupby(KEYS[:4]):
            total = sum((amount.quantize(cents, ROUND_HALF_UP) for amount in told["weighted"]), Decimal(0))
            target = targets.get(group)  # type: ignore[call-overload]
            trust, basis, count, method, says = None, "next quarter", 0, "default", total
            if group[0] == label(start):
                judged = []
                for name, forecast in forecasts[group[1:]].items():
                    then, now, around = (
                        [recorded[key] for key in recorded if key[0] == name and key[1] < start and key[2] in weeks and key[3:] == group[1:]]
                        for weeks in ([max(week - 1, 1)], [week], range(week - 1, week + 2))
                    )  # fmt: skip
                    quarters = {key[1] for key in recorded if key[0] == name and key[1] < start and abs(key[2] - week) <= 1 and key[3:] == group[1:]}  # fmt: skip
                    is_told = len(quarters) >= 2 and forecast is not None
                    if is_told or name == "default":
                        judged.append(
                            (not is_told, wape(around) if is_told else 0, name != "default", name, forecast, then, now)
                        )
                *_, method, says, then, now = min(judged, key=lambda found: found[:4])
                count = min(len(then), len(now))
                basis = "backtest" if count >= 3 else "too few quarters"
                if count >= 3:
                    last, following = (end_of_week(start, end, number) for number in (week - 1, week))
                    passed = min(Decimal((day - last).days) / (following - last).days, Decimal(1)) if week > 1 else 1
                    wrong = wape(then) + (wape(now) - wape(then)) * passed
                    trust = half_up(max(Decimal(0), 1 - wrong), 4)
                chosen.add(method)
            row = built[(*group, "TOTAL FORECAST")]  # type: ignore[misc]
            assert row[:6] == (told["n"].sum(), told["bare"].sum(), told["amount"].sum(), total, target,
                               None if target is None else says - target), (day, group)  # fmt: skip
            assert row[6:] == (trust, basis, count, method, says), (day, group)
    assert len(chosen) > 2


def test_what_was_forecast_and_what_came_of_it(put: Put, clean: Settings, warehouse: Query) -> None:
    """100 is won on 20 January, 300 stands in Commit (a pace of 10 or less: health 100) and is lost on the last day."""
    put(
        "a",
        pipeline_stages=[*STAGE, {"stage_id": "Lost", "stage_order": 10, "outcome": "lost"}],
        opportunities=[deal("Won", "w", "2024-01-10Z", amount=100, close_date="2024-01-20"),
                       deal("Lost", "l", "2024-03-22Z", amount=300, close_date="2024-03-31", forecast_category="Commit"),
                       deal("Proposal", "d", "2024-04-01Z", amount=10, close_date="2024-04-30")],
        opportunity_history=[*moves(("Proposal", "Won", "01-20"), deal="w"), *moves(("Proposal", "Lost", "03-31"), deal="l")],
    )  # fmt: skip
    materialize(clean, FORECAST, "2024-04-14")
    rows = warehouse(
        "select week_number, to_char(week_end, 'MM-DD'), forecast_amount, actual_amount, error_amount, absolute_percentage_error, bias"
        f" from analytics.forecast_backtest where {TOTAL} and method = 'default' and week_number in (2, 3, 12, 13) order by 1"
    )
    assert rows == [
        (2, "01-14", 30, 100, -70, Decimal("0.7"), Decimal("-0.7")),  # Pipeline, five days in its stage: 0.30 x 100
        (3, "01-21", 100, 100, 0, 0, 0),
        (12, "03-24", 385, 100, 285, Decimal("2.85"), Decimal("2.85")),
        # The day before the last, on which the deal still stands in Commit: the last day knows what came.
        (13, "03-30", 385, 100, 285, Decimal("2.85"), Decimal("2.85")),
    ]  # fmt: skip
    confidence = f"select ai_forecast_confidence, confidence_basis, backtest_quarters from analytics.forecast_confidence where {TOTAL} and line = 'TOTAL FORECAST' and quarter = 'Q2 2024'"
    assert warehouse(confidence) == [(None, "too few quarters", 1)]


def test_confidence_is_from_what_all_quarters_sold_and_moves_between_weeks(
    clean: Settings, warehouse: Query, put: Put
) -> None:
    """Three quarters sold 100, 900 and 1; the first two were forecast right but for 70 and 90, the tiny one 8 times over."""
    put(
        "a",
        pipeline_stages=STAGE,
        opportunities=[deal("Proposal", "d", "2023-04-01Z", amount=10, close_date="2024-04-30")],
    )
    materialize(clean, FORECAST, "2024-04-07", "2024-06-30")
    group = "'All', 'All', 'All', 'All'"
    for end, actual, first, second in (
        ("2023-09-30", 100, 30, 100),
        ("2023-12-31", 900, 990, 900),
        ("2024-03-31", 1, 9, 1),
    ):
        warehouse("delete from analytics.forecast_backtest where snapshot_date = %s", end)
        for week, forecast in ((1, first), (2, second), (12, second), (13, first)):
            warehouse(
                "insert into analytics.forecast_backtest (tenant_id, snapshot_date, quarter, team_id, team_name, segment, region, method,"
                " week_number, week_end, forecast_amount, actual_amount, error_amount, known_as_of)"
                f" select 'a', day, quarter, {group}, 'default', {week}, day, {forecast}, {actual}, {forecast - actual}, 1 from ops.calendar where day = '{end}'"
            )
    materialize(clean, 'key:"analytics/forecast_errors"', "2024-03-31")
    materialize(clean, 'key:"analytics/forecast_confidence"', "2024-04-07", "2024-06-30")
    told = dict(warehouse(
        "select to_char(snapshot_date, 'MM-DD'), ai_forecast_confidence from analytics.forecast_confidence"
        f" where {TOTAL} and line = 'TOTAL FORECAST' and quarter = 'Q2 2024' and confidence_basis = 'backtest' and backtest_quarters = 3"
    ))  # fmt: skip
    # Wrong by 70 + 90 + 8 of 1001 at the first week's end, by nothing at the second's; in week 13, of 8 days, the same way back.
    assert {day: told[day] for day in ("04-07", "04-08", "04-13", "04-14", "06-23", "06-24", "06-29", "06-30")} == {
        "04-07": Decimal("0.8322"), "04-08": Decimal("0.8561"), "04-13": Decimal("0.9760"), "04-14": 1,
        "06-23": 1, "06-24": Decimal("0.9720"), "06-29": Decimal("0.8322"), "06-30": Decimal("0.8322"),
    }  # fmt: skip
    other = f"select distinct ai_forecast_confidence, confidence_basis, risk_level from analytics.forecast_confidence where {TOTAL} and line = 'TOTAL FORECAST'"
    assert warehouse(f"{other} and quarter = 'Q3 2024'") == [(None, "next quarter", None)]


def test_the_whole_graph_builds_where_the_source_tells_little(
    tmp_path: Path, export: Export, load: Any, clean: Settings, warehouse: Query
) -> None:
    """Pipedrive's export has no amounts, close dates, contacts or quotas: counts and durations are there, the rest is null."""
    lines = [f"{deal},2024-01-0{deal} 00:00:00,add_time,2024-01-0{deal}T00:00:00" for deal in range(1, 6)]
    lines += [
        f"{deal},2024-01-{deal + stage * 3:02d} 12:00:00,stage_id,{stage}"
        for deal in range(1, 6)
        for stage in (1, 2, 3)
    ]
    lines += ["1,2024-01-01 00:00:00,user_id,7", "1,2024-01-20 00:00:00,lost_reason,1"]
    load(
        export(
            users=["7,Ann,a@x,2024-01-01 00:00:00"],
            deal_changes=lines,
            activity=["1,meeting,7,2,True,2024-01-10T00:00:00"],
        )
    )
    materialize(
        clean, "group:reference or group:staging or group:enriched or group:analytics", "2024-01-19", "2024-01-31"
    )
    told = (
        ("analytics.stage_velocity", "completed_count > 0", "amount_in_stage"), ("analytics.process_bottlenecks", "avg_days > 0", "amount_in_bottleneck"),
        ("analytics.rep_performance", "lost_count > 0", "coalesce(year_won_amount, avg_deal_size, win_rate)"),
        ("analytics.forecast_confidence", "deals_count = 0", "coalesce(amount, ai_forecast, target)"),
        ("analytics.pipeline_health_summary", "deals_count > 0", "amount"), ("analytics.rep_drivers", "metric_name = 'activities_per_deal_week'", "null"),
        ("analytics.process_variants", "share > 0", "win_rate"), ("analytics.rework_analysis", "entries_count > 0", "null"),
    )  # fmt: skip
    for table, there, missing in told:
        assert warehouse(f"select count(*) > 0, count({missing}) from {table} where {there}") == [(True, 0)], table
    assert warehouse("select count(*) from analytics.swing_deals") == [(0,)]
