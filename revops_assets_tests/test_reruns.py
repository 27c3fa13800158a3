"""After late, edited and deleted records the days that were stale, built again, equal a clean rebuild."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from revops_assets.catalogue import DAILY_DATASETS
from revops_assets.datasets.ledger import note_days, prepare_days
from revops_assets.datasets.replace import replace_window
from revops_assets.datasets.window import ReadAt, Window
from revops_assets.errors import RevopsError
from revops_assets.invalidation.look_back import read_calendar, reads
from revops_assets.invalidation.plan import _spans, _with_riders
from revops_assets.invalidation.rules import invalidation_rules
from revops_assets.orchestration.runs import planned
from revops_assets.settings import Settings
from revops_assets.warehouse import databases
from revops_assets.warehouse.sql_files import dataset_files
from revops_assets_tests.building import build_planned, materialize
from revops_assets_tests.company import FIRST, LAST, PLAN, twins
from revops_assets_tests.conftest import DAILY_STATE, SEEDS, Put, Query, materialize_in_dagster, query
from revops_assets_tests.stored import STAMPS, stored
from revops_assets_tests.test_cli import revops
from revops_assets_tests.test_odd_records import still_open
from revops_assets_tests.test_time import DAYS

__all__ = ["twins"]
WHOLE = 'tag:"revops/built"="full_refresh"'
NOT_SAID = (*STAMPS, "known_as_of")


def changes(
    settings: Settings, seed: int, days_back: Sequence[int] = (0, 1, 2, 5, 9, 20, 60, 150)
) -> dict[str, list[dict[str, Any]]]:
    """Random records: late, edited, deleted, in the past of the company."""
    chance = random.Random(seed)
    zone = ZoneInfo(PLAN.timezone)

    def at() -> datetime:
        day = LAST - timedelta(days=chance.choice(days_back))
        return datetime.combine(day, datetime.min.time(), zone) + timedelta(minutes=chance.randrange(1440))

    def some(table: str, columns: str, count: int, where: str = "true") -> list[dict[str, Any]]:
        found = query(
            settings, "source", f"select {columns} from crm.{table} where tenant_id = 'full' and {where} order by 1"
        )
        names = [name.split(" as ")[-1].strip() for name in columns.split(",")]
        return [dict(zip(names, row, strict=True)) for row in chance.sample(found, min(count, len(found)))]

    loaded: dict[str, list[dict[str, Any]]] = {}
    history = []
    for n, deal in enumerate(some("opportunities", "opportunity_id, stage_id, owner_id", 5)):
        field, value = chance.choice(
            [("stage_id", "Proposal"), ("stage_id", "Closed Won"), ("stage_id", "Closed Lost"), ("amount", "12345"),
             ("owner_id", deal["owner_id"]), ("close_date", "2024-05-15"), ("forecast_category", "Commit"),
             ("discount_pct", "35"), ("next_step", "call")])  # fmt: skip
        history.append({"history_id": f"late{seed}-{n}", "opportunity_id": deal["opportunity_id"], "field": field,
                        "old_value": None, "new_value": value, "changed_at": at()})  # fmt: skip
    for edited in some("opportunity_history", "history_id, opportunity_id, field, old_value, new_value", 2):
        history.append(edited | {"changed_at": at(), "modified_at": datetime(2024, 4, 2, 12, tzinfo=zone)})
    loaded["opportunity_history"] = history
    done = "activity_id, type, opportunity_id, contact_id, rep_id, is_done, is_answered"
    loaded["activities"] = [
        record | {"occurred_at": at(), "modified_at": datetime(2024, 4, 2, 12, tzinfo=zone), "is_deleted": n == 0}
        for n, record in enumerate(some("activities", done, 4))
    ] + [
        record | {"activity_id": f"new{seed}-{n}", "occurred_at": at()}
        for n, record in enumerate(some("activities", done, 3, "type in ('meeting', 'call')"))
    ]
    loaded["opportunities"] = [
        deal | {"is_deleted": True, "modified_at": at()}
        for deal in some("opportunities", "opportunity_id, stage_id, created_at", 1)
    ]
    if seed % 2:  # the history begins earlier than it did
        loaded["opportunities"].append({"opportunity_id": f"early{seed}", "stage_id": "Proposal", "created_at": "2023-06-15Z",
                                        "amount": 5, "close_date": "2024-04-20"})  # fmt: skip
    else:
        loaded["stage_benchmarks"] = [
            record | {"expected_days": 3, "modified_at": at()}
            for record in some("stage_benchmarks", "stage_benchmark_id, stage_id", 1)
        ]
        loaded["quotas"] = [
            record | {"amount": 1, "modified_at": at()}
            for record in some("quotas", "quota_id, rep_id, period_start, period_end", 1, "period_start = '2024-01-01'")
        ]
    loaded["opportunity_contacts"] = [
        role | {"role": "Champion", "modified_at": at()}
        for role in some("opportunity_contacts", "opportunity_contact_id, opportunity_id, contact_id, created_at", 2)
    ]
    for table, key, said in (("accounts", "account_id", {"segment": "Elsewhere"}), ("contacts", "contact_id", {})):
        loaded[table] = [record | {"name": "Renamed", "modified_at": at(), **said} for record in some(table, key, 2)]
    loaded["reps"] = [
        record | {"manager_id": None, "modified_at": at()} for record in some("reps", "rep_id, name, region", 1)
    ]
    loaded["leads"] = [
        lead | ({"is_deleted": True} if n == 0 else {"source": "Fair"}) | {"modified_at": at()}
        for n, lead in enumerate(some("leads", "lead_id, status, created_at, source", 3))
    ]
    calls = some(
        "forecast_calls",
        "call_id, rep_id, submitted_by, kind, category, period_start",
        3,
        "period_start >= '2023-10-01'",
    )
    loaded["forecast_calls"] = [
        call
        | {
            "amount": 777,
            "submitted_at": at(),
            "modified_at": datetime(2024, 4, 2, 12, tzinfo=zone),
            "is_deleted": n == 0,
        }
        for n, call in enumerate(calls)
    ] + [call | {"call_id": f"late{seed}-{n}", "amount": 999, "submitted_at": at()} for n, call in enumerate(calls)]
    loaded["lead_history"] = [
        lead | {"history_id": f"late{seed}-{n}", "field": "status", "new_value": "Working", "changed_at": at()}
        for n, lead in enumerate(some("leads", "lead_id", 3))
    ]
    return loaded


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_asked_for_makes_it_as_a_clean_rebuild(twins: Settings, put: Put, warehouse: Query, seed: int) -> None:
    before = stored(warehouse, without=NOT_SAID)
    put("full", **changes(twins, seed))
    materialize(twins, WHOLE)
    asked = set()
    while runs := planned(twins):
        assert {tenant for run in runs for tenant in run.tenants} == {"full"}
        run = runs[0]
        # What is stale, and what the run builds at any rate: it may ask for days that it is yet to come to.
        asked |= set(warehouse("select dataset, tenant_id, snapshot_date from ops.stale_partitions"))
        days = [run.first + timedelta(days=n) for n in range((run.last - run.first).days + 1)]
        asked |= {(name, "full", day) for name in run.datasets for day in days}
        build_planned(twins, run)
    after = stored(warehouse, without=NOT_SAID)
    warehouse(f"truncate {', '.join(DAILY_DATASETS)}, ops.partition_ledger, ops.stale_partitions")
    materialize(twins, DAYS, str(FIRST), str(LAST), tenants=["full"])
    clean = stored(warehouse, without=NOT_SAID)
    rebuilt = {key[1:] for key in clean}
    assert {key: value for key, value in after.items() if key[1:] in rebuilt} == clean
    changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    in_vain = {key for key in asked if before.get(key) == after.get(key)}
    print(
        f"seed {seed}: of {len(before)} partitions {len(changed)} changed, {len(asked)} were built, {len(in_vain)} in vain"
    )
    with databases.engine(twins, "warehouse").begin() as connection:
        calendar = read_calendar(connection)
    # What looks back on a day that was stale may be stale, and built, within one run.
    behind = {
        (name, tenant, day)
        for name, tenant, day in changed
        if any(
            (dep, tenant, back) in asked
            for dep, kind in DAILY_DATASETS[name].looks_back_on.items()
            for back in reads(kind, day, calendar)
        )
    }
    assert changed & before.keys() <= asked | behind
    assert changed and len(in_vain) < len(asked) * 0.7


def test_every_table_that_daily_datasets_read_has_its_rule() -> None:
    """A dataset that reads a table built by full refresh stands in the table's rule; so does every column that it names."""
    files = dataset_files()
    for name, daily in DAILY_DATASETS.items():
        for dep in sorted(set(daily.deps) - DAILY_DATASETS.keys()):
            if dep.startswith(("reference.", "crm.")):
                continue  # its rows' own days, all columns: dated_rule; what is known now: metrics.request_stale_days
            base = BEHIND_VIEWS.get(dep, dep)
            rule = invalidation_rules()[base]
            assert f"'{name}'" in rule, f"{name} reads {dep}"
            named = {token for token in re.findall(r"\w+", files[name].select)}
            if dep == "staging.coverage_dates":
                for since in named & files[dep].columns.keys() - {"tenant_id"}:
                    matters = OF_SEVERAL.get(since, (since.removesuffix("_since"),))
                    assert all(f"('{matter}', '{name}')" in rule for matter in matters), (name, since)
            columns = set(files[base].columns) & named - {"tenant_id"}
            missing = columns - set(re.findall(r"\w+", rule))
            assert not missing - NAMED_FOR_OTHERS.get((name, dep), set()), (name, dep, missing)


# Views of one table, and matters that a column of staging.coverage_dates is about where it is about several.
BEHIND_VIEWS = {"staging.stage_visits": "staging.deal_visits", "staging.coverage_dates": "staging.source_coverage"}
OF_SEVERAL = {"money_since": ("amount", "close_date"), "outcomes_since": ("won", "lost")}
# Names of columns that the dataset has from elsewhere.
NAMED_FOR_OTHERS = {
    ("dashboard.rep_driver_comparison", "staging.closing_facts"): {"average_discount"},
    ("staging.deal_days", "staging.pipeline_stages"): {"pipeline_id"},
    ("analytics.cohort_conversion", "staging.pipeline_stages"): {"pipeline_id"},
    # It names the load of a restatement that other columns make.
    ("semantic.metric_values", "staging.metric_input_days"): {"newest_load"},
}


@pytest.mark.parametrize(
    ("asked", "standing", "expected"),
    [
        # days in a row are one run
        ({1: "ab", 2: "ab", 3: "ab"}, {}, [(1, 3, "ab", [])]),
        # a gap makes two; a day that stands alone rides with the next run that may take its datasets
        ({1: "a", 2: "a", 5: "a", 6: "a"}, {}, [(1, 2, "a", []), (5, 6, "a", [])]),
        ({1: "a", 5: "a", 6: "a"}, {}, [(5, 6, "a", [1])]),
        ({1: "a", 5: "b", 6: "b"}, {}, [(1, 1, "a", []), (5, 6, "b", [])]),
        ({1: "a", 5: "b", 6: "b"}, {5: "a", 6: "a"}, [(5, 6, "ab", [1])]),
        # a day on which more is asked joins where the rest stands there, else has a run of its own
        ({1: "a", 2: "ab"}, {1: "b"}, [(1, 2, "ab", [])]),
        ({1: "a", 2: "ab"}, {}, [(2, 2, "ab", [1])]),
        # days before the first partition (0) cannot be a run's range
        ({-3: "a", -2: "a", 4: "a"}, {}, [(4, 4, "a", [-3, -2])]),
        ({-3: "a", 4: "b"}, {2: "a", 3: "a"}, [(3, 3, "a", [-3]), (4, 4, "b", [])]),
        ({-2: "a", -1: "a", 0: "a", 1: "a"}, {}, [(0, 1, "a", [-2, -1])]),
    ],
)  # fmt: skip
def test_the_plan_of_runs(asked: dict[int, str], standing: dict[int, str], expected: list[Any]) -> None:
    zero = date(2024, 1, 1)

    def day(n: int) -> date:
        return zero + timedelta(days=n)

    there = {(name, day(n)) for days in (asked, standing) for n, names in days.items() for name in names}
    spans = _spans([(day(n), frozenset(names)) for n, names in sorted(asked.items())], there)
    found = [
        (
            (run.first - zero).days,
            (run.last - zero).days,
            "".join(sorted(run.datasets)),
            [(d - zero).days for d in also],
        )
        for run, also in _with_riders(spans, zero, there)
    ]
    assert sorted(found) == expected


def test_a_day_asked_for_while_it_is_written_stays_asked_for(clean: Settings, put: Put, warehouse: Query) -> None:
    """A write strikes out what had been asked when it began to read: what is asked after that may not be in its rows."""
    put(
        "a",
        pipeline_stages=[{"stage_id": "s"}],
        opportunities=[{"opportunity_id": "d", "stage_id": "s", "created_at": "2024-01-01Z"}],
    )
    materialize(clean, '+key:"staging/deal_days"', "2024-01-08")
    ask = (
        "insert into ops.stale_partitions (dataset, tenant_id, snapshot_date, reason) values ('staging.deal_days', 'a', '2024-01-08', '{}')"
        " on conflict (dataset, tenant_id, snapshot_date) do update set request_id = default, reason = excluded.reason"
    )
    file, at = dataset_files()["staging.deal_days"], ReadAt(1, {"a": "2024-02-01Z"}, {"a": "2024-02-01Z"})
    window = Window("snapshot_date", date(2024, 1, 8), date(2024, 1, 9), ("a",))
    warehouse(ask.format("before"))
    for reason, left in (("during", [("during",)]), (None, [])):
        with databases.engine(clean, "warehouse").begin() as connection:
            prepare_days(connection, file.table, at, window)
            if reason:
                warehouse(ask.format(reason))  # by another session, which commits
            replace_window(connection, file, at, window)
            note_days(connection, file, at, window, "a run")
        assert warehouse("select reason from ops.stale_partitions") == left


def test_a_company_that_comes_later_gets_the_days_that_others_have(clean: Settings, put: Put, warehouse: Query) -> None:
    since_january = {
        "pipeline_stages": [{"stage_id": "s"}],
        "opportunities": [{"opportunity_id": "d", "stage_id": "s", "created_at": "2024-01-01Z"}],
    }
    put("a", **since_january)
    materialize(clean, '+key:"staging/deal_days"', "2024-01-08", "2024-01-09")
    put("b", **since_january)
    materialize(clean, WHOLE)
    asked = warehouse("select tenant_id, snapshot_date::text from ops.stale_partitions where dataset = 'staging.deal_days' order by 1, 2")  # fmt: skip
    assert [row for row in asked if row[1] < "2024-02-01"] == [("b", "2024-01-08"), ("b", "2024-01-09")]


def test_the_command_builds_what_is_asked_for(put: Put, clean: Settings, warehouse: Query) -> None:
    """In a process of its own: nothing else has defined the datasets there."""
    put("a", opportunities=[still_open("o", 30)])
    materialize(clean, DAILY_STATE, "2024-03-07")
    warehouse("delete from staging.deal_days")
    warehouse("insert into ops.stale_partitions values ('staging.deal_days', 'a', '2024-03-07', 'a test')")
    told = revops("materialize", "--stale", PYTHONUNBUFFERED="1")
    assert "staging.deal_days" in told
    assert warehouse("select opportunity_id, snapshot_date::text from staging.deal_days") == [("o", "2024-03-07")]
    assert warehouse("select count(*) from ops.stale_partitions") == [(0,)]
    assert revops("materialize", "--stale") == "No partitions are stale.\n"


def test_what_came_with_a_release_is_built_with_what_it_reads(put: Put, clean: Settings, warehouse: Query) -> None:
    """As after an upgrade: the days stand, the new dataset does not, nor do the quarter ends that it looks back on."""
    put("a", opportunities=[still_open("o", 30, created_at="2023-08-01Z")])
    materialize(clean, '+key:"dashboard/next_best_actions"', "2024-03-07")
    ends = "select distinct snapshot_date::text from ops.partition_ledger where dataset = 'staging.deal_days' and snapshot_date < '2024-01-01'"
    before = warehouse(ends)
    assert ("2023-09-30",) in before
    warehouse(
        "delete from ops.partition_ledger where dataset = 'analytics.flag_outcomes' or snapshot_date < '2024-01-01'"
    )
    warehouse("insert into ops.stale_partitions values ('analytics.flag_outcomes', 'a', '2024-03-07', 'a new dataset')")
    [run] = planned(clean)
    assert {"analytics.flag_outcomes", "staging.deal_days", "staging.rep_days"} <= run.datasets
    build_planned(clean, run)
    assert warehouse("select count(*) from ops.stale_partitions") == [(0,)]
    assert ("2023-09-30",) in warehouse(ends)
    assert planned(clean) == []


def test_a_view_is_nothing_to_run(clean: Settings) -> None:
    with pytest.raises(RevopsError, match="selects no assets that can be built"):
        materialize_in_dagster(clean, 'key:"staging/stage_visits"')
