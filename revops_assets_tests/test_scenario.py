"""The generated company: deterministic, cut and continued exactly, with its patterns in the events."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from revops_assets.loading.load import load_directory
from revops_assets.loading.mapping_file import read_mapping
from revops_assets.scenario import pipedrive, salesforce
from revops_assets.scenario.calendar import day_end
from revops_assets.scenario.company import HORIZON_DAYS, deals
from revops_assets.scenario.model import STAGES, WON, Plan
from revops_assets.settings import Settings
from revops_assets_tests.conftest import Query
from revops_assets_tests.test_cli import revops

MID_QUARTER = Plan(500, date(2024, 2, 14), 1, "America/New_York")
SMALL = Plan(60, date(2024, 3, 12), 3, "Europe/Berlin")


def objects(folder: Path, kind: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / f"{kind}.json").read_text().splitlines()]


@pytest.mark.parametrize("shape", ["salesforce", "pipedrive"])
def test_same_seed_same_bytes(tmp_path: Path, shape: str) -> None:
    for name, seed in (("a", "3"), ("b", "3"), ("c", "4")):
        revops("scenario", "generate", "--out", tmp_path / name, "--deals", "50", "--end-date", "2024-02-29", "--seed", seed,
               "--format", shape)  # fmt: skip
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert len(files) == {"salesforce": 24, "pipedrive": 8}[shape]  # with the manifest and what it was generated with
    different = [name for name in files if (tmp_path / "a" / name).read_bytes() != (tmp_path / "b" / name).read_bytes()]
    assert different == []
    assert any((tmp_path / "a" / name).read_bytes() != (tmp_path / "c" / name).read_bytes() for name in files)


def test_a_cut_undoes_everything_after_it(tmp_path: Path) -> None:
    """What a cut export says of any instant before the cut is what the full one says."""
    cut = datetime(2023, 12, 1, 5, tzinfo=UTC)
    salesforce.write(tmp_path / "full", SMALL, day_end(SMALL, SMALL.end_date))
    salesforce.write(tmp_path / "cut", SMALL, cut)
    for kind, stamp in (
        ("OpportunityFieldHistory", "CreatedDate"),
        ("Task", "ActivityDateTime"),
        ("LeadHistory", "CreatedDate"),
    ):
        before = [row for row in objects(tmp_path / "full", kind) if datetime.fromisoformat(row[stamp]) < cut]
        assert objects(tmp_path / "cut", kind) == before
        assert len(before) > 10
    for row in objects(tmp_path / "cut", "Opportunity"):
        assert datetime.fromisoformat(row["SystemModstamp"]) < cut


def test_next_days_add_up_to_the_later_export(tmp_path: Path, clean: Settings, source: Query) -> None:
    """Load a company and three deltas: the state is that of the company three days later, late records apart."""
    out = tmp_path / "out"
    arguments = ["--deals", "120", "--end-date", "2024-03-29", "--seed", "5"]
    revops("scenario", "generate", "--out", out, *arguments)
    mapping = read_mapping("salesforce")
    load_directory(clean, out, mapping, "steps")
    for day in ("2024-03-30", "2024-03-31", "2024-04-01"):
        assert f"day-{day}" in revops("scenario", "next-day", "--out", out)
        load_directory(clean, out / f"day-{day}", mapping, "steps")
    revops("scenario", "generate", "--out", tmp_path / "at-once", *arguments, "--cut", "2024-04-02T00:00+00:00")
    load_directory(clean, tmp_path / "at-once", mapping, "once")
    for table in (
        "opportunities",
        "opportunity_history",
        "leads",
        "subscriptions",
        "tickets",
        "contacts",
        "orders",
        "forecast_calls",
    ):
        columns = source("select string_agg(quote_ident(attname), ', ') from pg_attribute where attrelid = %s::regclass and attnum > 0"
                         " and attname not in ('tenant_id', 'load_id', 'line_no', 'known_from', 'known_to')", f"crm.{table}")[0][0]  # fmt: skip
        both = f"select {columns} from crm.{table} where tenant_id = %s"
        assert (
            source(f"(({both}) except ({both})) union all (({both}) except ({both}))", "steps", "once", "once", "steps")
            == []
        )
    late = source("select count(*) from crm.activities where tenant_id = 'once' and activity_id not in"
                  " (select activity_id from crm.activities where tenant_id = 'steps')")  # fmt: skip
    assert late[0][0] <= 3


def test_next_day_without_a_scenario(tmp_path: Path) -> None:
    assert revops("scenario", "next-day", "--out", tmp_path, status=1) == (
        f"revops: {tmp_path} holds no .scenario.json: run `revops scenario generate --out {tmp_path}` first\n"
    )


def test_half_way_through_the_quarter_about_63_percent_of_the_target_is_closed(tmp_path: Path) -> None:
    salesforce.write(tmp_path, MID_QUARTER, day_end(MID_QUARTER, MID_QUARTER.end_date))
    [target] = [float(row["QuotaAmount"]) for row in objects(tmp_path, "ForecastingQuota")
                if row["QuotaOwnerId"] is None and row["StartDate"] == "2024-01-01"]  # fmt: skip
    won = [float(row["Amount"] or 0) for row in objects(tmp_path, "Opportunity")
           if row["StageName"] == WON and "2024-01-01" <= row["CloseDate"] <= "2024-02-14"]  # fmt: skip
    assert target == 13_000_000
    assert 0.60 < sum(won) / target < 0.66


def test_multi_threaded_deals_win_more() -> None:
    end = day_end(MID_QUARTER, MID_QUARTER.end_date)
    closed: dict[bool, list[bool]] = {True: [], False: []}
    for deal in deals(MID_QUARTER):
        if deal.closed_at(end):
            engaged = {
                activity.contact_id for activity in deal.activities if activity.is_answered and activity.at < end
            }
            closed[len(engaged - {None}) >= 3].append(deal.state(end)["StageName"] == WON)
    rates = {many: sum(won) / len(won) for many, won in closed.items()}
    assert min(len(won) for won in closed.values()) > 50
    assert rates[True] > rates[False] + 0.2


def test_legal_review_takes_about_12_days_where_5_are_expected() -> None:
    end = day_end(MID_QUARTER, MID_QUARTER.end_date)
    stays: dict[str, list[float]] = {stage.name: [] for stage in STAGES}
    for deal in deals(MID_QUARTER):
        moves = [change for change in deal.changes if change.field == "StageName" and change.at < end]
        for here, after in pairwise(moves):
            if here.value in stays:
                stays[here.value].append((after.at - here.at) / timedelta(days=1))
    mean = {name: sum(days) / len(days) for name, days in stays.items()}
    ratio = {stage.name: mean[stage.name] / stage.expected_days for stage in STAGES}
    assert 10.5 < mean["Legal Review"] < 13.5
    assert max(ratio, key=lambda name: ratio[name]) == "Legal Review"
    assert all(0.7 < value < 1.6 for name, value in ratio.items() if name != "Legal Review")


def test_everything_that_goes_wrong_in_real_crms_goes_wrong_here() -> None:
    end = day_end(MID_QUARTER, MID_QUARTER.end_date)
    seen: Counter[str] = Counter()
    for deal in deals(MID_QUARTER):
        if deal.created_at >= end:
            continue
        state = deal.state(end)
        moves = [change.value for change in deal.changes if change.field == "StageName"]
        dates = [change.value for change in deal.changes if change.field == "CloseDate"]
        seen["no owner"] += state["OwnerId"] is None
        seen["no amount"] += state["Amount"] is None
        seen["no close date"] += dates[0] is None
        seen["no source"] += deal.lead_source is None
        seen["deleted"] += deal.deleted_at is not None
        seen["pushed"] += len([d for d in dates if d]) > 2
        seen["back to discovery"] += "Proposal" in moves and moves.count("Discovery") > 1
        seen["reopened"] += any(a == "Closed Lost" for a in moves[:-1])
        seen["re-owned"] += len({change.value for change in deal.changes if change.field == "OwnerId"}) > 1
        seen["re-priced"] += len({change.value for change in deal.changes if change.field == "Amount"}) > 1
        seen["late activity"] += any(activity.arrives_at > activity.at for activity in deal.activities)
    assert {what for what, count in seen.items() if count == 0} == set()
    assert len(seen) == 11


def test_hours_are_those_of_the_business_time_zone() -> None:
    zone = ZoneInfo(MID_QUARTER.timezone)
    drawn = [deal.created_at for deal in deals(MID_QUARTER)]
    assert {at.astimezone(zone).hour for at in drawn} == set(range(8, 18))
    assert {at.astimezone(zone).weekday() for at in drawn} == {0, 1, 2, 3, 4}


def test_the_pipedrive_shape_tells_the_same_deals(tmp_path: Path) -> None:
    pipedrive.write(tmp_path, SMALL)
    end = day_end(SMALL, SMALL.end_date)
    lines = (tmp_path / "deal_changes.csv").read_text().splitlines()[1:]
    created = [line for line in lines if ",add_time," in line]
    assert len(created) == sum(deal.created_at < end for deal in deals(SMALL))
    moves = sum(
        change.value in {stage.name for stage in STAGES} and change.at < end
        for deal in deals(SMALL) for change in deal.changes if change.field == "StageName"
    )  # fmt: skip
    assert sum(",stage_id," in line for line in lines) == moves


def test_the_company_loads_whole_in_both_shapes(tmp_path: Path, clean: Settings, source: Query) -> None:
    salesforce.write(tmp_path / "sf", SMALL, day_end(SMALL, SMALL.end_date))
    pipedrive.write(tmp_path / "pd", SMALL)
    for shape, folder in (("salesforce", "sf"), ("pipedrive", "pd")):
        result = load_directory(clean, tmp_path / folder, read_mapping(shape), shape)
        assert result.rows_rejected == 0
        assert result.rows_inserted > 500
    assert source("select count(*) from crm.opportunities where tenant_id = 'salesforce' and record is null") == [(0,)]
    # The state that Salesforce wrote down itself is the one that its history tells.
    assert source(
        "select o.opportunity_id from crm.opportunities as o inner join lateral (select new_value from crm.opportunity_history as h"
        " where h.tenant_id = o.tenant_id and h.opportunity_id = o.opportunity_id and field = 'stage_id'"
        " order by changed_at desc, known_from desc, line_no desc limit 1) as h on h.new_value <> o.stage_id"
    ) == []  # fmt: skip


def test_a_company_of_any_end_date() -> None:
    """Where the future that is told ends at a weekend, too, no deal begins after it."""
    for day in range(14):
        plan = Plan(120, date(2026, 11, 29) - timedelta(days=day), 7, "UTC")
        horizon = day_end(plan, plan.end_date + timedelta(days=HORIZON_DAYS))
        assert all(deal.created_at < horizon and deal.changes for deal in deals(plan))
