"""What must hold of every daily dataset, whatever it says: docs/decisions/0006."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from revops_assets.assets.spec import asset_key
from revops_assets.catalogue import DAILY_DATASETS
from revops_assets.definitions import defs
from revops_assets.invalidation.run_tags import TENANTS_TAG
from revops_assets.loading.load import load_directory
from revops_assets.loading.mapping_file import read_mapping
from revops_assets.settings import Settings
from revops_assets_tests.building import build_stale, materialize
from revops_assets_tests.company import ALL, PLAN, twins, write_twin
from revops_assets_tests.conftest import Query, query
from revops_assets_tests.stored import STAMPS, Stored, datasets_of, of_tenant, stored

__all__ = ["twins"]
FIRST, LAST = date(2024, 3, 31), date(2024, 4, 1)
GRAPH = defs.resolve_asset_graph()
DAILY = sorted(".".join(key.path) for key in GRAPH.get_all_asset_keys() if GRAPH.get(key).is_partitioned)
DAYS = " or ".join(f'key:"{table.replace(".", "/")}"' for table in DAILY)  # where what they read is there already
Forget = Callable[..., None]


def each_day() -> Iterator[str]:
    for n in range((LAST - FIRST).days + 1):
        yield str(FIRST + timedelta(days=n))


@pytest.fixture
def forget(clean: Settings) -> Forget:
    """Forget every daily row, or those since a day."""

    def since(day: date | None = None) -> None:
        if day is None:
            query(clean, "warehouse", f"truncate {', '.join(DAILY)}, ops.partition_ledger")
            return
        for table in DAILY:
            query(clean, "warehouse", f"delete from {table} where {DAILY_DATASETS[table].day_column} >= %s", day)
        query(clean, "warehouse", "delete from ops.partition_ledger where snapshot_date >= %s", day)

    return since


@pytest.mark.usefixtures("twins")
def test_a_range_is_its_days_one_by_one_and_twice_is_once(clean: Settings, warehouse: Query, forget: Forget) -> None:
    full = ["full"]
    forget()
    materialize(clean, DAYS, str(FIRST), str(LAST), tenants=full)
    at_once = stored(warehouse)
    assert datasets_of(at_once) == set(DAILY)
    materialize(clean, DAYS, str(FIRST), str(LAST), tenants=full)
    assert stored(warehouse) == at_once
    forget()
    first, *others = each_day()
    with dg.DagsterInstance.ephemeral() as instance:  # a partition's run, as a backfill of many runs makes them
        keys = {asset_key(table) for table in DAILY}
        job = defs.resolve_implicit_global_asset_job_def().get_subset(asset_selection=keys, asset_check_selection=set())
        assert job.execute_in_process(instance=instance, partition_key=first, tags={TENANTS_TAG: "full"}).success
    for day in others:
        materialize(clean, DAYS, day, tenants=full)
    assert stored(warehouse) == at_once
    forget(FIRST)
    for day in reversed(list(each_day())):
        materialize(clean, DAYS, day, tenants=full)
    build_stale(clean)  # what compared itself with a day that was not there
    assert stored(warehouse) == at_once


def test_nothing_after_a_day_s_end_changes_the_day(
    tmp_path: Path, twins: Settings, warehouse: Query, forget: Forget
) -> None:
    """The export cut at the end of a day says of that day, and of those before it, what the full one says."""
    clean = twins
    forget()
    cut = date(2024, 2, 29)
    write_twin(tmp_path / "cut", cut)
    load_directory(clean, tmp_path / "cut", read_mapping("salesforce"), "cut")
    materialize(clean, ALL, str(cut - timedelta(days=2)), str(cut), tenants=["full", "cut"])
    materialize(clean, DAYS, str(cut - timedelta(days=4)), tenants=["full", "cut"])  # a week's last day
    both = stored(warehouse, without=("tenant_id", "action_id", *STAMPS))
    assert datasets_of(both) == set(DAILY)
    assert of_tenant(both, "full") == of_tenant(both, "cut")


def test_an_earlier_known_time_gives_the_earlier_rows(twins: Settings, warehouse: Query) -> None:
    clean = twins
    # What is stored of a metric hangs on which days before it are.
    full = ["full"]
    materialize(clean, 'key:"semantic/metric_values"', str(FIRST - timedelta(days=7)), str(LAST), tenants=full)
    first = since_first(warehouse)
    # A change of stage that happened on the 20th of March, an activity of the 25th and a deletion: all told late.
    [(deal, stage)] = query(
        clean, "source", "select opportunity_id, stage_id from crm.opportunities where not is_closed order by 1 limit 1"
    )
    [(load,)] = query(clean, "source", "select crm.start_load('full', 'late')")
    query(clean, "source", "insert into crm_staging.opportunity_history (load_id, history_id, opportunity_id, field, old_value, new_value, changed_at)"
          " values (%s, 'late', %s, 'stage_id', %s, 'Procurement', '2024-03-20Z')", load, deal, stage)  # fmt: skip
    query(clean, "source", "insert into crm_staging.activities (load_id, activity_id, opportunity_id, type, contact_id, occurred_at, is_done)"
          " values (%s, 'late', %s, 'meeting', 'c', '2024-03-25Z', true)", load, deal)  # fmt: skip
    query(clean, "source", "insert into crm_staging.opportunities (load_id, opportunity_id, created_at, is_deleted, modified_at)"
          " select %s, opportunity_id, created_at, true, '2024-03-30Z' from crm.opportunities where not is_closed and opportunity_id > %s"
          " order by 2 limit 1", load, deal)  # fmt: skip
    query(clean, "source", "select crm.finish_load(%s)", load)
    materialize(clean, ALL, str(FIRST), str(LAST), tenants=full)
    later = since_first(warehouse, "known_as_of")
    [(known,)] = query(
        clean, "warehouse", "select min(known_as_of) from ops.partition_ledger where snapshot_date < %s", FIRST
    )
    # The days before the range, which it compares itself with, are read again too.
    days = (str(FIRST - timedelta(days=7)), str(LAST))
    materialize(clean, DAYS, *days, known_as_of=known, tenants=full)  # with everything upstream
    assert since_first(warehouse) == first
    days = {key for key, found in since_first(warehouse, "known_as_of").items() if found != later.get(key)}
    assert "staging.deal_days" in {table for table, _, _ in days}


def since_first(warehouse: Query, *without: str) -> Stored:
    found = stored(warehouse, without=(*STAMPS, *without))
    return {key: value for key, value in found.items() if key[2] >= FIRST}


def test_a_run_for_one_tenant_leaves_the_others_alone(twins: Settings, warehouse: Query) -> None:
    clean = twins
    before = of_tenant(stored(warehouse, without=()), "other")
    query(
        clean,
        "warehouse",
        "update enriched.deal_health_scores set health_score = 1; delete from staging.deal_days where tenant_id = 'full'"
        " and snapshot_date = '2024-04-01'",
    )
    changed = of_tenant(stored(warehouse, without=()), "other")
    materialize(clean, DAYS, str(LAST), tenants=["full"])
    assert of_tenant(stored(warehouse, without=()), "other") == changed != before
    same = (*STAMPS, "known_as_of", "tenant_id", "action_id")
    materialize(clean, DAYS, str(LAST))
    both = stored(warehouse, without=same)
    assert of_tenant(both, "full") == of_tenant(both, "other")


@pytest.mark.usefixtures("twins")
def test_every_open_deal_stands_in_one_band_and_one_category(clean: Settings, warehouse: Query, source: Query) -> None:
    zone = ZoneInfo(PLAN.timezone)
    for day in each_day():
        end = datetime.combine(date.fromisoformat(day) + timedelta(days=1), datetime.min.time(), zone).astimezone(UTC)
        [(open_deals, money)] = source(
            "select count(*), sum(amount) from crm.opportunities_as_of(%s) where not is_closed", end
        )
        for select in (
            "select count(*), sum(amount) from staging.deal_days where snapshot_date = %s",
            "select count(*) filter (where health_category is not null), sum(amount) from enriched.deal_health_scores"
            " inner join staging.deal_days using (tenant_id, snapshot_date, opportunity_id) where snapshot_date = %s",
            "select sum(n), sum(money) from (select forecast_category, count(*) as n, sum(amount) as money from staging.deal_days"
            " where snapshot_date = %s group by 1) as c",
        ):
            assert warehouse(select, day) == [(open_deals, money)], (day, select)
        # The reads of the past in the source and the days in the warehouse are two ways to one state.
        columns = "opportunity_id, amount, close_date, coalesce(owner_id, '-1')"
        assert warehouse(f"select {columns} from staging.deal_days where snapshot_date = %s order by 1", day) == source(
            f"select {columns} from crm.opportunities_as_of(%s) where not is_closed order by 1", end
        )
