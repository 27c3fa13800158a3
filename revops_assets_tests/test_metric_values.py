"""What approved metrics were, day by day: what is stored, what is told of a change, and what adds up."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from revops_assets.errors import RevopsError
from revops_assets.registry import store
from revops_assets.registry.definition import Metric, metric_of
from revops_assets.registry.run import run
from revops_assets.registry.sync import import_definitions
from revops_assets.registry.values import Stored, period_start, previous_start, stored_values, total
from revops_assets.settings import Settings
from revops_assets.warehouse import databases
from revops_assets_tests.building import build_stale, materialize
from revops_assets_tests.conftest import Put, Query, materialize_in_dagster
from revops_assets_tests.test_stage_visits import deal, moves

BEHIND = "group:staging and not tag:revops/built=daily"
VALUES = 'key:"semantic/metric_values"'
REVENUE = {
    "id": "revenue/sold", "description": "Completed orders.", "unit": "USD", "grain": "monthly", "table_name": "orders",
    "sql": "select date_trunc('month', order_date)::date as period, sum(total_amount) as value from orders where status = 'completed' group by 1",
}  # fmt: skip
Told = list[tuple[Any, ...]]


def order(key: str, placed: str, completed: str | None, amount: int, **columns: Any) -> dict[str, Any]:
    return {
        "order_id": key, "ordered_at": f"2024-{placed}Z", "completed_at": completed and f"2024-{completed}Z", "amount": amount,
        "status": "completed" if completed else "open", **columns,
    }  # fmt: skip


def define(settings: Settings, *definitions: dict[str, Any], approve: bool = True) -> None:
    with databases.engine(settings, "warehouse").begin() as connection:
        for one in definitions:
            metric = metric_of(one)
            store.put(connection, metric)
            if approve:
                store.approve(connection, metric.id, "a test")


def build(settings: Settings, first: str, last: str = "") -> None:
    materialize(settings, BEHIND)
    materialize(settings, VALUES, first, last)


@pytest.fixture
def told(warehouse: Query) -> Any:
    """Rows of the stored values: day, period, value, value before, whether it is a restatement."""

    def ask(metric: str = "revenue/sold") -> Told:
        return [
            (f"{day:%m-%d}", f"{period:%m-%d}", *numbers)
            for day, period, *numbers in warehouse(
                "select snapshot_date, period, value::int, value_before::int, is_restatement from semantic.metric_values"
                " where metric_id = %s order by snapshot_date, period", metric,
            )
        ]  # fmt: skip

    return ask


@pytest.mark.parametrize(
    ("grain", "day", "start", "before"),
    [
        ("monthly", "2024-03-31", "2024-03-01", "2024-02-01"), ("monthly", "2024-01-01", "2024-01-01", "2023-12-01"), ("yearly", "2024-02-29", "2024-01-01", "2023-01-01"),
        ("quarterly", "2024-03-31", "2024-01-01", "2023-10-01"), ("quarterly", "2024-04-01", "2024-04-01", "2024-01-01"), ("weekly", "2024-01-07", "2024-01-01", "2023-12-25"),
        ("daily", "2024-03-01", "2024-03-01", "2024-02-29"), (None, "2024-03-01", "2024-03-01", "2024-03-01"),
    ],
)  # fmt: skip
def test_periods(grain: Any, day: str, start: str, before: str) -> None:
    given = date.fromisoformat(day)
    assert (str(period_start(grain, given)), str(previous_start(grain, given))) == (start, before)


def test_the_running_and_the_previous_period_and_what_was_restated(
    clean: Settings, put: Put, warehouse: Query, told: Any
) -> None:
    """Two orders of January; a third of it is told in March, when it was completed, and deleted the day after."""
    define(clean, REVENUE)
    put(
        "a",
        opportunities=[deal("Proposal")],
        orders=[order("1", "01-10", "01-10", 100), order("2", "02-05", "02-05", 30)],
    )
    build(clean, "2024-03-01", "2024-03-05")
    assert told() == [
        ("03-01", "01-01", 100, None, False), ("03-01", "02-01", 30, None, False), ("03-02", "02-01", 30, 30, False), ("03-03", "02-01", 30, 30, False),
        ("03-04", "02-01", 30, 30, False), ("03-05", "02-01", 30, 30, False),
    ]  # fmt: skip
    load = put("a", orders=[order("3", "01-20", "03-03 10:00", 50, modified_at="2024-03-03 10:00Z")])
    put("a", orders=[order("3", "01-20", "03-03 10:00", 50, modified_at="2024-03-04 09:00Z", is_deleted=True)])
    materialize(clean, BEHIND)
    asked = warehouse("select count(*) from ops.stale_partitions where dataset = 'semantic.metric_values'")
    assert asked == [(5,)]
    build_stale(clean)
    assert [row for row in told() if row[1] == "01-01"] == [
        ("03-01", "01-01", 100, None, False), ("03-03", "01-01", 150, 100, True), ("03-04", "01-01", 100, 150, True),
    ]  # fmt: skip
    [brought] = warehouse("select load_seq from crm_remote.loads where load_id = %s", load)
    by = warehouse("select restated_by_load from semantic.metric_values where is_restatement order by snapshot_date")
    assert by == [brought, (brought[0] + 1,)]
    after = told()
    with databases.engine(clean, "warehouse").connect() as connection:
        sold = store.get(connection, "revenue/sold").metric
        for day, january in (("2024-03-02", 100), ("2024-03-03", 150), ("2024-03-05", 100)):
            found = stored_values(connection, sold, "a", date.fromisoformat(day))
            assert [(str(row["period"]), row["value"]) for row in found.rows] == [
                ("2024-01-01", january),
                ("2024-02-01", 30),
            ]
    warehouse("truncate semantic.metric_values, semantic.metric_runs, ops.partition_ledger")
    for day in ("2024-03-05", "2024-03-03", "2024-03-01", "2024-03-04", "2024-03-02"):  # in whatever order
        materialize(clean, VALUES, day)
    build_stale(clean)
    assert told() == after


def test_a_period_whose_records_are_gone_is_null_and_no_longer_told(clean: Settings, put: Put, told: Any) -> None:
    define(clean, REVENUE)
    sold = order("1", "02-10", "02-10", 100)
    put("a", opportunities=[deal("Proposal")], orders=[sold | {"modified_at": "2024-02-10Z"}])
    put("a", orders=[sold | {"modified_at": "2024-03-02 09:00Z", "is_deleted": True}])
    build(clean, "2024-03-01", "2024-03-03")
    assert told() == [("03-01", "02-01", 100, None, False), ("03-02", "02-01", None, 100, False)]
    with databases.engine(clean, "warehouse").connect() as connection:
        assert stored_values(connection, metric_of(REVENUE), "a").rows == []
        with pytest.raises(RevopsError, match="no values are stored for tenant 'b'"):
            stored_values(connection, metric_of(REVENUE), "b")


def test_a_metric_without_a_grain_is_of_its_day(clean: Settings, put: Put, told: Any) -> None:
    define(
        clean,
        {"id": "sales/open", "description": "d", "type": "count", "sql": "select count(*) as value from opportunities"},
    )
    put("a", opportunities=[deal("Proposal"), deal("Proposal", "d2", "2024-03-02Z")])
    build(clean, "2024-03-01", "2024-03-02")
    assert told("sales/open") == [("03-01", "03-01", 1, None, False), ("03-02", "03-02", 2, None, False)]


def test_only_what_was_approved_is_computed_and_an_edit_proposes_it_anew(
    clean: Settings, put: Put, warehouse: Query, told: Any
) -> None:
    put("a", opportunities=[deal("Proposal")], orders=[order("1", "02-10", "02-10", 100)])
    define(clean, REVENUE, approve=False)
    build(clean, "2024-03-01")
    assert told() == []
    asked = "select reason from ops.stale_partitions where dataset = 'semantic.metric_values'"
    assert warehouse(asked) == []
    define(clean, REVENUE)
    assert warehouse(asked) == [("metric revenue/sold was approved",)]
    build_stale(clean)
    assert told() == [("03-01", "02-01", 100, None, False)]
    define(
        clean, REVENUE | {"sql": REVENUE["sql"].replace("sum(total_amount)", "2 * sum(total_amount)")}, approve=False
    )
    assert warehouse(asked) == [("metric revenue/sold was updated",)]
    assert warehouse("select status, approved_by, approved_at from semantic.metric_definitions") == [
        ("proposed", None, None)
    ]
    build_stale(clean)
    assert told() == []
    actions = warehouse("select action, source from semantic.metric_audit order by audit_id")
    assert actions == [("created", "manual"), ("approved", "a test"), ("updated", "manual")]


def test_one_that_fails_stops_no_other_and_fails_its_check(
    clean: Settings, put: Put, warehouse: Query, told: Any
) -> None:
    by_zero = {"id": "sales/odd", "description": "d", "sql": "select 1 / (count(*) - 1) as value from opportunities"}
    twice = {"id": "sales/twice", "description": "d", "sql": "select stage, 1 as value from opportunities union all select stage, 2 from opportunities"}  # fmt: skip
    put("a", opportunities=[deal("Proposal")], orders=[order("1", "02-10", "02-10", 100)])
    define(clean, REVENUE, by_zero, twice)
    materialize(clean, BEHIND)
    result = materialize_in_dagster(clean, VALUES, "2024-03-01")
    assert told() == [("03-01", "02-01", 100, None, False)]
    failed = warehouse("select metric_id, error from semantic.metric_runs where error is not null order by 1")
    assert [(metric, error) for metric, error in failed] == [
        ("sales/odd", "sales/odd: division by zero"),
        ("sales/twice", 'sales/twice: gives two rows for 2024-03-01 {"stage": "Proposal"}'),
    ]
    assert [check["check"] for check in result.failed_checks] == ["definitions_ran"]


def test_two_numbers_for_one_thing_are_found(clean: Settings, put: Put, warehouse: Query) -> None:
    """Open deals and won revenue stand in marts, too; the checks name a metric that says something else."""
    define(
        clean,
        {
            "id": "sales/won_revenue", "description": "d", "grain": "daily", "unit": "USD",
            "sql": "select closed_date as period, sum(deal_value) as value, count(*) as deals from opportunities where is_won group by 1",
        },
    )  # fmt: skip
    won = deal("Won", amount=70, is_closed=True, is_won=True, closed_at="2024-03-01 10:00Z")
    put("a", opportunities=[won])
    materialize(clean, BEHIND)
    materialize(clean, f"{VALUES} or group:metrics", "2024-03-01")
    check = _check("agrees_with_marts")
    assert warehouse(check) == []
    warehouse("update semantic.metric_values set value = value + 1 where measure = 'value'")
    [found] = warehouse(check)
    assert found[2:] == ("sales/won_revenue value", "metrics.rep_daily_pipeline", Decimal(71), Decimal(70), Decimal(1))


def _check(rule: str) -> str:
    from revops_assets.datasets.checks import all_checks

    [check] = [one for one in all_checks() if (one.table, one.rule) == ("semantic.metric_values", rule)]
    return check.query


WON = {
    "id": "sales/won", "description": "d", "grain": "daily", "unit": "USD",
    "sql": "select closed_date as period, sum(deal_value) as value from opportunities where is_won group by 1",
}  # fmt: skip
OPEN = {"id": "sales/open", "description": "d", "type": "count", "sql": "select count(*) as value from opportunities"}
ASKED = "select snapshot_date::text from ops.stale_partitions where dataset = 'semantic.metric_values' order by 1"


@pytest.mark.parametrize("definitions", [(WON,), (WON, OPEN)], ids=["days without rows", "days with rows"])
def test_a_change_that_is_taken_back_is_told_on_the_day_it_is(
    clean: Settings, put: Put, warehouse: Query, told: Any, definitions: tuple[dict[str, Any], ...]
) -> None:
    """The days between keep their rows: the first one behind them is asked for all the same."""
    define(clean, *definitions)
    won = deal("Won", amount=10, is_closed=True, is_won=True, closed_at="2024-02-01Z", modified_at="2024-02-01Z")
    put("a", opportunities=[won])
    build(clean, "2024-03-01", "2024-03-08")
    put("a", opportunity_history=moves(("10", "20", "03-03 10:00"), ("20", "10", "03-06 10:00"), field="amount"))
    materialize(clean, BEHIND)
    build_stale(clean)
    found = told("sales/won")
    assert [row for row in found if row[4]] == [("03-03", "02-01", 20, 10, True), ("03-06", "02-01", 10, 20, True)]
    warehouse("truncate semantic.metric_values, semantic.metric_runs, ops.partition_ledger")
    materialize(clean, VALUES, "2024-03-01", "2024-03-08")
    assert told("sales/won") == found


@pytest.mark.parametrize(
    "brought",
    [
        {"accounts": [{"account_id": "new", "name": "n", "region": "x", "created_at": "2024-03-05Z", "modified_at": "2024-03-05Z"}]},
        {"products": [{"product_id": "new", "name": "n", "modified_at": "2024-03-05Z"}]}, {"reps": [{"rep_id": "new", "name": "n", "modified_at": "2024-03-05Z"}]},
        {"pipeline_stages": [{"stage_id": "new", "name": "n", "modified_at": "2024-03-05Z"}]}, {"orders": [order("1", "03-05", None, 100, modified_at="2024-03-05Z")]},
        {"infra_costs": [{"cost_id": "c", "amount": 2, "incurred_at": "2024-03-05Z"}]}, {"opportunities": [deal("A", "d9", "2024-03-05Z", modified_at="2024-03-05Z")]},
        {"tickets": [{"ticket_id": "c", "created_at": "2024-03-05Z", "modified_at": "2024-03-05Z"}]},
    ],
    ids=lambda tables: next(iter(tables)),
)  # fmt: skip
def test_no_day_before_a_record_s_own_is_asked_for(clean: Settings, put: Put, warehouse: Query, brought: Any) -> None:
    define(clean, REVENUE)
    account = {"account_id": "old", "name": "n", "region": "x", "modified_at": "2024-01-05Z"}
    put(
        "a",
        opportunities=[deal("A", owner_id="r")],
        accounts=[account],
        orders=[order("0", "01-10", "01-10", 9, account_id="old")],
    )
    build(clean, "2024-03-01", "2024-03-08")
    put("a", **brought)
    materialize(clean, BEHIND)
    assert all(day >= "2024-03-05" for (day,) in warehouse(ASKED))


def test_the_load_of_a_restatement_is_told_through_views_and_hangs_on_no_build(
    clean: Settings, put: Put, warehouse: Query
) -> None:
    with databases.engine(clean, "warehouse").begin() as connection:
        import_definitions(connection, clean.metrics_dir)
    subscription = {"subscription_id": "s", "account_id": "x", "mrr_amount": 5, "started_at": "2023-11-05Z", "modified_at": "2024-01-01Z"}  # fmt: skip
    old = deal("A", amount=5, close_date="2024-01-10", modified_at="2024-01-01Z")
    put(
        "a",
        opportunities=[old],
        subscriptions=[subscription],
        accounts=[{"account_id": "x", "modified_at": "2024-01-01Z"}],
    )
    build(clean, "2024-03-01", "2024-03-05")
    put(
        "a",
        subscriptions=[subscription | {"mrr_amount": 7, "modified_at": "2024-03-03 10:00Z"}],
        opportunities=[old | {"opportunity_id": "d2", "created_at": "2024-03-04Z", "modified_at": "2024-03-04 10:00Z"}],
    )
    materialize(clean, BEHIND)
    build_stale(clean)
    rows = "select metric_id, variant, measure, period, snapshot_date, value, restated_by_load from semantic.metric_values where is_restatement order by 1, 2, 3, 4, 5"
    found = warehouse(rows)
    assert {row[0] for row in found} >= {"revenue/mrr", "revenue/mrr_movements", "sales/pipeline_value"}
    assert [row for row in found if row[-1] is None] == []
    warehouse("truncate semantic.metric_values, semantic.metric_runs, ops.partition_ledger")
    materialize(clean, VALUES, "2024-03-01", "2024-03-05")
    assert warehouse(rows) == found


def test_the_running_day_is_seen_as_of_its_load(clean: Settings, put: Put, source: Query, told: Any) -> None:
    define(clean, REVENUE)
    put(
        "a",
        opportunities=[deal("A")],
        orders=[order("1", "02-10", "02-10", 100), order("2", "03-05", "03-05 18:00", 7)],
    )
    source("update crm.loads set started_at = '2024-03-05 11:00Z', finished_at = '2024-03-05 12:00Z'")
    build(clean, "2024-03-05")
    assert told() == [("03-05", "02-01", 100, None, False)]
    with databases.engine(clean, "warehouse").connect() as connection:
        sold = store.get(connection, "revenue/sold").metric
    assert [value for _, value in run(clean, sold, "a").result.rows] == [100]
    assert [value for _, value in run(clean, sold, "a", date(2024, 3, 6)).result.rows] == [100, 7]


# ------------------------------------------------------------------------------------------------- what adds up

JANUARY, FEBRUARY = date(2024, 1, 1), date(2024, 2, 1)


def stored(additivity: str | None, kind: str = "sum", unit: str = "USD", **measures: tuple[int, ...]) -> Stored:
    """Rows of January and February, each of north and south."""
    metric = Metric(
        name="m", category="c", display_name="M", description="d", sql="select 1", unit=unit, type=kind, additivity=additivity,
    )  # fmt: skip
    keys = [(period, region) for period in (JANUARY, FEBRUARY) for region in ("north", "south")]
    rows = [
        {"period": period, "region": region, **{name: Decimal(given[n]) for name, given in measures.items()}}
        for n, (period, region) in enumerate(keys)
    ]
    return Stored(metric, "whole", "a", FEBRUARY, ("region",), rows)


def test_what_adds_up_over_what() -> None:
    flow = stored(None, value=(1, 2, 3, 4))
    assert total(flow) == [{"region": "north", "value": 4}, {"region": "south", "value": 6}]
    assert total(flow, ["region"]) == [{"period": JANUARY, "value": 3}, {"period": FEBRUARY, "value": 7}]
    assert total(flow, ["period", "region"]) == [{"value": 10}]
    stock = stored("semi_additive", value=(1, 2, 3, 4))
    assert [row["value"] for row in total(stock, ["region"])] == [3, 7]
    with pytest.raises(RevopsError, match=r"c/m does not add up over time: it is a stock \(semi-additive\)"):
        total(stock)
    with pytest.raises(RevopsError, match=r"c/m does not add up \(count, non-additive\)"):
        total(stored("non_additive", "count", value=(1, 2, 3, 4)), ["region"])
    with pytest.raises(RevopsError, match="no 'plan' to add up over: there are period, region"):
        total(flow, ["plan"])


def test_a_ratio_is_its_numerators_by_its_denominators_never_a_mean() -> None:
    ratio = stored(
        None, "ratio", "percentage", value=(50, 10, 25, 0), numerator=(1, 1, 1, 0), denominator=(2, 10, 4, 0)
    )
    assert [(row["region"], round(row["value"], 4)) for row in total(ratio)] == [
        ("north", Decimal("33.3333")),
        ("south", 10),
    ]
    [row] = total(ratio, ["period", "region"])
    assert row["value"] == Decimal(300) / 16
    [north, south] = total(stored("additive", "avg", "hours", value=(0,) * 4, numerator=(0,) * 4, denominator=(0,) * 4))
    assert (north["value"], south["value"]) == (None, None)
    with pytest.raises(RevopsError, match="gives no numerator and denominator"):
        total(stored("additive", "avg", "hours", value=(1, 2, 3, 4)))
    with pytest.raises(RevopsError, match="non-additive"):
        total(stored(None, "avg", "hours", value=(1, 2, 3, 4), numerator=(1, 1, 1, 1), denominator=(1, 1, 1, 1)))
