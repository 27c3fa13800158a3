"""Reps as of each day: exact rows by hand, and the generated company once more in pandas."""

from __future__ import annotations

import json
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest

from revops_assets.settings import Settings
from revops_assets_tests.building import materialize
from revops_assets_tests.company import GENERATED as PLAN
from revops_assets_tests.company import SAMPLED, generated
from revops_assets_tests.conftest import Export, Put, Query
from revops_assets_tests.test_deal_days import ZONE, activity, company_deals
from revops_assets_tests.test_forecast import deals_at, half_up, people, quarter_of, quota
from revops_assets_tests.test_stage_visits import deal, moves

__all__ = ["generated"]


REPS = '+key:"analytics/rep_performance"'
STAGES = [{"stage_id": "Open", "stage_order": 1}, {"stage_id": "Won", "stage_order": 8, "outcome": "won"},
          {"stage_id": "Lost", "stage_order": 9, "outcome": "lost"}]  # fmt: skip


def closed(
    key: str, outcome: str, created: str, at: str, rep: str | None, amount: int | None = None, due: str | None = None
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A deal that went from Open to its outcome on a month-day of 2024; its close date is that day unless told."""
    row = deal(outcome, key, f"2024-{created}Z", owner_id=rep, amount=amount, close_date=due or f"2024-{at}")
    return row, moves(("Open", outcome, at), deal=key)


@pytest.fixture
def company(put: Put) -> None:
    """As of 10 April: Ann won 100 and 300 and lost one, Bob won one of no amount, Cyd has a quota and nothing else."""
    found = [
        closed("w1", "Won", "01-01", "01-31", "ann", 100), closed("w2", "Won", "03-01", "04-10", "ann", 300),
        closed("l1", "Lost", "02-01", "03-01", "ann", 50), closed("w3", "Won", "02-01", "02-11", "bob"),
        closed("w4", "Won", "02-01", "03-01", None, 40), closed("w5", "Won", "02-01", "03-01", "ann", 70, due="2024-05-01"),
    ]  # fmt: skip
    put(
        "a",
        pipeline_stages=STAGES,
        reps=[{"rep_id": "ann", "name": "Ann", "manager_id": "m", "segment": "SMB"}, {"rep_id": "bob", "name": "Bob", "manager_id": "m"},
              {"rep_id": "cyd", "name": "Cyd"}, {"rep_id": "m", "name": "Mia"},
              {"rep_id": "dan", "name": "Dan", "manager_id": "m", "hire_date": "2024-06-01"}],
        quotas=[quota(f"{rep}{quarter}", rep, *quarter, amount) for rep, amount in (("ann", 910), ("bob", 1000), ("cyd", 10))
                for quarter in (("2024-01-01", "2024-03-31"), ("2024-04-01", "2024-06-30"))],
        opportunities=[*(row for row, _ in found), deal("Open", "o1", "2024-04-10Z", owner_id="bob", amount=25)],
        opportunity_history=[change for _, changes in found for change in changes],
    )  # fmt: skip


@pytest.mark.usefixtures("company")
def test_a_day_of_reps_by_hand(clean: Settings, warehouse: Query) -> None:
    materialize(clean, REPS, "2024-04-10")
    assert warehouse(
        "select rep_id, created_today_count, won_today_count, quarter_quota, quarter_won_amount, year_to_date_quota, year_won_amount, ytd_attainment,"
        " won_count, lost_count, win_rate, amount_win_rate, avg_deal_size, avg_sales_cycle_days, open_deals_count, overall_rank, total_reps,"
        " performance_tier, is_top_performer from analytics.rep_performance where snapshot_date = '2024-04-10' order by overall_rank, rep_id"
    ) == [
        # Ann's w5 is due in May only: not yet won by close date, though booked in the quarter. 910 and 10 days of the next 910.
        ("ann", 0, 1, 910, 370, 1010, 400, Decimal("0.3960"), 2, 1, Decimal("0.6667"), Decimal("0.8889"), 200, 35, 0, 1, 3, "At Risk", True),
        ("bob", 1, 0, 1000, 0, Decimal("1109.89"), 0, 0, 1, 0, 1, None, None, 10, 1, 2, 3, "At Risk", False),
        ("cyd", 0, 0, 10, 0, Decimal("11.10"), 0, 0, 0, 0, None, None, None, None, 0, 3, 3, "At Risk", False),
        ("-1", 0, 0, None, 0, None, 40, None, 1, 0, 1, 1, 40, 29, 0, None, None, None, False),
    ]  # fmt: skip


@pytest.mark.usefixtures("company")
def test_a_rep_beside_the_team_and_the_quarter_before(clean: Settings, warehouse: Query) -> None:
    materialize(clean, REPS, "2024-04-10")
    assert warehouse(
        "select rep_id, team_win_rate, team_avg_deal_size, team_avg_sales_cycle_days, win_rate_vs_team, cycle_vs_team, attainment_change_qoq,"
        " win_rate_change_qoq, rank_change_qoq from analytics.rep_performance where snapshot_date = '2024-04-10' and overall_rank is not null order by 1"
    ) == [
        # On 31 March Ann had 100 of 910 and won 1 of 2 (rank 1); the team won 3 of 4 by now, 90 days together.
        ("ann", Decimal("0.75"), 200, Decimal("26.67"), Decimal("-0.3333"), 25, Decimal("0.2861"), Decimal("0.1667"), 0),
        ("bob", Decimal("0.75"), 200, Decimal("26.67"), Decimal("0.3333"), -25, 0, 0, 0),
        ("cyd", None, None, None, None, None, 0, None, 0),
    ]  # fmt: skip


def test_a_deal_counts_for_365_days_and_for_its_year_and_quarter(put: Put, clean: Settings, warehouse: Query) -> None:
    row, changes = closed("w", "Won", "01-01", "03-31", "ann", 100)
    lost, lost_changes = closed("l", "Lost", "01-01", "03-31", "ann", 100)
    put("a", pipeline_stages=STAGES, opportunities=[row, lost], opportunity_history=[*changes, *lost_changes])
    materialize(clean, '+key:"staging/rep_closings"', "2024-03-30", "2025-04-01")
    assert warehouse(
        "with runs as (select to_char(snapshot_date, 'YYYY-MM-DD') as day, (won_today_count, quarter_won_count, year_won_amount, won_count, lost_count)::text as told"
        " from staging.rep_closings) select min(day), max(day), told from runs group by told order by 1"
    ) == [
        ("2024-03-31", "2024-03-31", "(1,1,100.00,1,1)"),  # the leap year's first quarter ends
        ("2024-04-01", "2024-12-31", "(0,0,100.00,1,1)"),
        ("2025-01-01", "2025-03-30", "(0,0,0.00,1,1)"),
    ]


def test_a_source_that_tells_of_no_won_deal_has_no_win_rate(
    export: Export, load: Any, clean: Settings, warehouse: Query
) -> None:
    load(export(users=["7,Ann,a@x,2024-01-01 00:00:00"], deal_changes=[
        "10,2024-01-01 00:00:00,add_time,2024-01-01T00:00:00", "10,2024-01-01 00:00:00,user_id,7", "10,2024-01-10 00:00:00,stage_id,1",
        "10,2024-01-12 00:00:00,lost_reason,1"]))  # fmt: skip
    materialize(clean, REPS, "2024-01-31")
    columns = "rep_id, won_count, lost_count, win_rate, year_won_amount, ytd_attainment, performance_tier, overall_rank"
    assert warehouse(f"select {columns} from analytics.rep_performance where snapshot_date = '2024-01-31'") == [
        ("7", 0, 1, None, None, None, None, None)
    ]


def test_drivers_and_what_sets_top_performers_apart(put: Put, clean: Settings, warehouse: Query) -> None:
    """Ann (the only one with bookings) has two deals, Bob one. As of 10 February's end."""
    won, changes = closed("w", "Won", "01-01", "01-20", "ann", 100)
    put(
        "a",
        pipeline_stages=STAGES,
        reps=[{"rep_id": "ann", "name": "Ann"}, {"rep_id": "bob", "name": "Bob"}],
        quotas=[quota("1", "ann", "2024-01-01", "2024-03-31", 910), quota("2", "bob", "2024-01-01", "2024-03-31", 910)],
        opportunities=[won, deal("Open", "d1", "2024-01-01Z", owner_id="ann", discount_pct=10), deal("Open", "d2", "2024-01-05Z", owner_id="ann"),
                       deal("Open", "d3", "2024-01-05Z", owner_id="bob", discount_pct=4)],
        opportunity_history=changes,
        activities=[activity("1", "01-11"), activity("2", "01-14", contact="c2"), activity("3", "02-10", "email"), activity("4", "01-13", "call"),
                    activity("5", "02-01", opportunity_id="d3"), activity("6", "02-11", opportunity_id="d3"),
                    activity("7", "02-05", is_done=False)],
        opportunity_contacts=[{"opportunity_contact_id": "x", "opportunity_id": "d1", "contact_id": "c1", "role": "Champion", "created_at": "2024-01-02Z"}],
    )  # fmt: skip
    materialize(clean, '+key:"analytics/top_performer_patterns"', "2024-02-10")
    columns = "rep_id, metric_name, metric_value, deals_count, top_performer_value"
    assert warehouse(
        f"select {columns} from analytics.rep_drivers where snapshot_date = '2024-02-10' order by 1, 2"
    ) == [
        # d1 had activities on 14 January (27 days ago) and 10 February; 13 January is out of the four weeks.
        ("ann", "activities_per_deal_week", Decimal("0.25"), 2, Decimal("0.25")),
        ("ann", "average_discount", Decimal("0.1"), 1, Decimal("0.1")), ("ann", "champion_identified_rate", Decimal("0.5"), 2, Decimal("0.5")),
        ("ann", "days_to_first_meeting", 10, 1, 10), ("ann", "economic_buyer_engaged_rate", 0, 2, 0),
        ("ann", "stakeholders_engaged", 1, 2, 1),
        ("bob", "activities_per_deal_week", Decimal("0.25"), 1, Decimal("0.25")), ("bob", "average_discount", Decimal("0.04"), 1, Decimal("0.1")),
        ("bob", "champion_identified_rate", 0, 1, Decimal("0.5")), ("bob", "days_to_first_meeting", 27, 1, 10),
        ("bob", "economic_buyer_engaged_rate", 0, 1, 0), ("bob", "stakeholders_engaged", 1, 1, 1),
    ]  # fmt: skip
    patterns = "select metric_name, top_performers_count, difference from analytics.top_performer_patterns where snapshot_date = '2024-02-10' order by 1"
    assert warehouse(patterns) == [
        ("activities_per_deal_week", 1, 0), ("average_discount", 1, Decimal("0.06")), ("champion_identified_rate", 1, Decimal("0.5")),
        ("days_to_first_meeting", 1, -17), ("economic_buyer_engaged_rate", 1, 0), ("stakeholders_engaged", 1, 0),
    ]  # fmt: skip


# ------------------------------------------------------------------------------------------------- in pandas


def share(part: Any, whole: Any, places: int = 4) -> Decimal | None:
    return half_up(Decimal(str(part)) / Decimal(str(whole)), places) if whole else None


def reps_on(day: date, quotas: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The definitions once more: figures of each rep, without what compares them with an earlier day."""
    told, everybody = deals_at(day), people(day)
    start, end = quarter_of(day)
    is_won, is_lost = told["line"] == "Closed Won", told["line"] == "Lost"
    is_open = ~(is_won | is_lost)
    due = told["close_date"].where(told["close_date"].notna(), told["closed_on"])

    def between(first: date, last: date) -> pd.Series:
        return due.map(lambda at: isinstance(at, date) and first <= at <= last)

    year, lately = between(date(day.year, 1, 1), day), between(day - timedelta(days=364), day)
    rows: dict[str, dict[str, Any]] = {}
    for rep in everybody.itertuples():
        mine = told["rep_id"] == rep.rep_id
        own = {
            found["StartDate"]: Decimal(found["QuotaAmount"]) for found in quotas if found["QuotaOwnerId"] == rep.rep_id
        }
        to_date = sum(
            (amount * ((min(day, quarter_of(date.fromisoformat(first))[1]) - date.fromisoformat(first)).days + 1)
             / ((quarter_of(date.fromisoformat(first))[1] - date.fromisoformat(first)).days + 1)
             for first, amount in own.items() if date.fromisoformat(first).year == day.year and date.fromisoformat(first) <= day),
            Decimal(0),
        )  # fmt: skip
        won, lost = told[mine & is_won & lately], told[mine & is_lost & lately]
        counted = mine & (
            is_open
            | (
                (is_won | is_lost)
                & (lately | (is_won & (between(start, quarter_of(end + timedelta(days=1))[1]) | year)))
            )
        )
        if not (own and rep.is_active) and not counted.any():
            continue
        amounts = [amount for amount in won["amount"] if amount is not None and not pd.isna(amount)]
        lost_amounts = [amount for amount in lost["amount"] if amount is not None and not pd.isna(amount)]
        rows[rep.rep_id] = {
            "team_id": rep.team_id, "is_active": rep.is_active,
            "created_today_count": int(mine_at_creation(day, rep.rep_id)),
            "won_today_count": int((mine & is_won & (told["closed_on"] == day)).sum()),
            "lost_today_count": int((mine & is_lost & (told["closed_on"] == day)).sum()),
            "rep_name": rep.rep_name, "segment": rep.segment if isinstance(rep.segment, str) else None,
            "region": rep.region if isinstance(rep.region, str) else None, "quarter_quota": own.get(str(start)),
            "quarter_won_count": int((mine & is_won & between(start, end)).sum()),
            "open_amount": sum(told[mine & is_open]["amount"].dropna(), Decimal(0)),
            "quarter_won_amount": sum(told[mine & is_won & between(start, end)]["amount"].dropna(), Decimal(0)),
            "year_won_amount": sum(told[mine & is_won & year]["amount"].dropna(), Decimal(0)),
            "year_to_date_quota": half_up(to_date, 2) if own else None,
            "won_count": len(won), "lost_count": len(lost), "win_rate": share(len(won), len(won) + len(lost)),
            "amount_win_rate": share(sum(amounts), sum(amounts) + sum(lost_amounts)),
            "avg_deal_size": share(sum(amounts), len(amounts), 2),
            "avg_sales_cycle_days": share(Decimal(str(won["cycle"].sum())) / 86400, len(won), 2),
            "open_deals_count": int((mine & is_open).sum()),
            "mean_health_score": share(told[mine & is_open]["health"].sum(), (mine & is_open).sum(), 2),
            "_deals": (won, lost, amounts), "_name": rep.rep_name,
        }  # fmt: skip
        rows[rep.rep_id]["quarter_attainment"] = share(
            rows[rep.rep_id]["quarter_won_amount"], rows[rep.rep_id]["quarter_quota"] or 0
        )
        rows[rep.rep_id]["ytd_attainment"] = share(
            rows[rep.rep_id]["year_won_amount"], rows[rep.rep_id]["year_to_date_quota"] or 0
        )
    active = [key for key, row in rows.items() if row["is_active"]]
    least = Decimal(-10)
    ranking = sorted((key for key in active if (rows[key]["ytd_attainment"], rows[key]["win_rate"]) != (None, None)), key=lambda key: (-(rows[key]["ytd_attainment"] if rows[key]["ytd_attainment"] is not None else least),
                                              -(rows[key]["win_rate"] if rows[key]["win_rate"] is not None else least), rows[key]["_name"]))  # fmt: skip
    with_quota = sum(rows[key]["ytd_attainment"] is not None for key in active)
    for key, row in rows.items():
        team = [rows[other]["_deals"] for other in active if rows[other]["team_id"] == row["team_id"]]
        rest = [rows[other]["_deals"] for other in active if rows[other]["team_id"] == row["team_id"] and other != key]
        others_won = sum(len(found) for found, _, _ in rest)
        won = sum(len(found) for found, _, _ in team)
        amounts = [amount for _, _, found in team for amount in found]
        attainment = row["ytd_attainment"]
        row |= {
            "overall_rank": ranking.index(key) + 1 if key in ranking else None,
            "total_reps": len(ranking) if key in active else None,
            "_rest_win_rate": share(others_won, others_won + sum(len(found) for _, found, _ in rest)),
            "_rest_cycle": share(sum(Decimal(str(found["cycle"].sum())) for found, _, _ in rest) / 86400, others_won, 2),
            "team_win_rate": share(won, won + sum(len(found) for _, found, _ in team)),
            "team_avg_deal_size": share(sum(amounts), len(amounts), 2),
            "team_avg_sales_cycle_days": share(sum(Decimal(str(found["cycle"].sum())) for found, _, _ in team) / 86400, won, 2),
            "is_top_performer": key in ranking and attainment is not None and ranking.index(key) < max(1, with_quota // 4),
            "performance_tier": None if attainment is None or key not in active
            else next(name for name, least in (("Top Performer", "1.10"), ("On Track", "0.90"), ("Needs Improvement", "0.70"), ("At Risk", "-1"))
                      if attainment >= Decimal(least)),
        }  # fmt: skip
    return rows


def mine_at_creation(day: date, rep: str) -> int:
    """Deals created on the day that the rep owns at its end."""
    from revops_assets.scenario.calendar import day_end

    end = day_end(PLAN, day)
    return sum(
        found.created_at.astimezone(ZONE).date() == day and (found.state(end)["OwnerId"] or "-1") == rep
        and not (found.deleted_at and found.deleted_at < end) for found in company_deals()
    )  # fmt: skip


def test_the_generated_company_s_reps(generated: Settings, warehouse: Query) -> None:
    with (generated.home / "generated" / "ForecastingQuota.json").open() as handle:
        quotas = [json.loads(line) for line in handle]
    for day in SAMPLED:
        expected, before = reps_on(day, quotas), reps_on(quarter_of(day)[0] - timedelta(days=1), quotas)
        for key, row in expected.items():
            then = before.get(key, {})
            for name, change in (("ytd_attainment", "attainment_change_qoq"), ("win_rate", "win_rate_change_qoq")):
                now, past = row[name], then.get(name)
                row[change] = now - past if now is not None and past is not None else None
            past = then.get("overall_rank")
            row["rank_change_qoq"] = past - row["overall_rank"] if past and row["overall_rank"] else None
            for name, own, rest in (
                ("win_rate_vs_team", "win_rate", "_rest_win_rate"), ("cycle_vs_team", "avg_sales_cycle_days", "_rest_cycle"),
            ):  # fmt: skip
                known = row["is_active"] and row[own] is not None and row[rest] is not None
                row[name] = row[own] - row[rest] if known else None
            for name in ("_deals", "_name", "_rest_win_rate", "_rest_cycle"):
                del row[name]
        columns = list(next(iter(expected.values())))
        rows = warehouse(
            f"select rep_id, {', '.join(columns)} from analytics.rep_performance where snapshot_date = %s", day
        )
        built = {key: dict(zip(columns, values, strict=True)) for key, *values in rows}
        assert built.keys() == expected.keys()
        for key, row in expected.items():
            assert built[key] == row, (day, key)
        assert len(rows) >= 10
