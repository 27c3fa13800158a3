"""Random companies and loads, late ones, too: what is stored is what the definitions give, and what a clean rebuild is."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from revops_assets.registry import store
from revops_assets.registry.guard import check
from revops_assets.registry.run import readers, sql_of
from revops_assets.registry.sync import import_definitions
from revops_assets.registry.values import stored_values
from revops_assets.settings import SQL_DIR, Settings
from revops_assets.warehouse import databases
from revops_assets_tests.building import build_stale, materialize
from revops_assets_tests.conftest import Put, Query
from revops_assets_tests.test_metric_values import BEHIND, VALUES

ROWS = "select snapshot_date, metric_id, variant, measure, period, dimensions::text, value, value_before, is_restatement, restated_by_load from semantic.metric_values order by 1, 2, 3, 4, 5, 6"  # fmt: skip
DAYS = 7
MADE_AT = {"orders": "ordered_at", "subscriptions": "started_at", "subscription_changes": "changed_at", "user_events": "occurred_at", "tickets": "created_at", "accounts": "created_at", "opportunities": "created_at"}  # fmt: skip
IDS = {"opportunity_history": "history_id", "subscription_changes": "change_id", "user_events": "event_id", "opportunities": "opportunity_id", "pipeline_stages": "stage_id", "exchange_rates": "rate_id"}  # fmt: skip
SALES = {"pipeline_id": "sales"}
Row = dict[str, Any]
Rows = list[tuple[str, Row]]


class Company:
    """Records as they were loaded last, and what loads may bring of them."""

    def __init__(self, rng: random.Random, first: date) -> None:
        self.rng, self.first, self.known = rng, first, dict[str, dict[str, Row]]()

    def at(self, low: int = -45, high: int = DAYS) -> datetime:
        day = datetime.combine(self.first, datetime.min.time()) + timedelta(days=self.rng.randint(low, high))
        return day + timedelta(minutes=self.rng.choice([0, self.rng.randrange(1440)]))

    def one(self, table: str) -> str | None:
        return self.rng.choice(sorted(self.known[table])) if table in self.known else None

    def put(self, table: str, key: str | None = None, **columns: Any) -> tuple[str, Row]:
        """A new record, or a version of one that there is."""
        records = self.known.setdefault(table, {})
        key = key or f"{table[:2]}{len(records)}"
        records[key] = records.get(key, {}) | {IDS.get(table, f"{table[:-1]}_id"): key} | columns
        return table, {name: f"{cell}Z" if isinstance(cell, datetime) else cell for name, cell in records[key].items()}

    def record(self, chance: float = 0) -> Rows:
        """A new record, or by chance a version of one: without a time, late, or deleted."""
        rng, pick, table = self.rng, self.rng.choice, self.rng.choice([*MADE_AT])
        key = self.one(table) if rng.random() < chance else None
        made = self.known[table][key][MADE_AT[table]] if key else self.at()
        changed = pick([None, self.at(-5), self.at(0)] if key else [None, made])
        said: Row = {MADE_AT[table]: made, "modified_at": changed, "is_deleted": bool(key) and rng.random() < 0.3}
        account, number, is_won = {"account_id": self.one("accounts")}, rng.randint(1, 9), pick([False, True])
        done, closed = made + timedelta(hours=rng.randint(0, 400)), max(made, self.at(-30)) if is_won else None
        if table in ("subscription_changes", "user_events"):
            said = {MADE_AT[table]: self.at(), "is_deleted": said["is_deleted"]}
        said |= {
            "orders": account | {"completed_at": pick([None, made, done]), "status": pick(["completed", "open"]), "channel": pick("xy"), "amount": number},
            "tickets": account | {"resolved_at": pick([None, done])},
            "subscriptions": account | {"product_id": pick("pq"), "mrr_amount": number, "ended_at": pick([None, self.at(-20)])},
            "subscription_changes": {"subscription_id": self.one("subscriptions"), "kind": pick(["new", "upgrade"]), "mrr_delta_amount": number - 4},
            "user_events": account | {"user_id": pick("uvw"), "feature": pick("fg")},
            "accounts": {"region": pick("ns"), "segment": pick("pq"), "merged_into_id": pick([None, None, key])},
            "opportunities": account | SALES | {
                "stage_id": "Won" if is_won else pick("AB"), "is_closed": is_won, "is_won": is_won, "closed_at": closed, "owner_id": pick(["r", "s", None]),
                "amount": pick([None, 10, 20]), "currency": pick(["USD", "EUR"]), "probability": 50, "close_date": pick([None, self.at().date()]),
            },
        }[table]  # fmt: skip
        return [self.put(table, key, **said)]

    def there_and_back(self) -> Rows:
        """A change of a deal that was won long ago, taken back two days later."""
        field, old, new = self.rng.choice([("amount", "10", "20"), ("owner_id", "r", "s")])
        at, of = self.at(1, DAYS - 3), {"opportunity_id": "op0", "field": field}
        return [self.put("opportunity_history", **of, old_value=a, new_value=b, changed_at=when) for a, b, when in ((old, new, at), (new, old, at + timedelta(2)))]  # fmt: skip

    def name_or_rate(self) -> Rows:
        pick, at = self.rng.choice, self.at(0)
        table, key, more = pick([("products", "p", {}), ("reps", "r", {}), ("reps", "s", {}), ("pipeline_stages", "A", SALES)])  # fmt: skip
        return [pick([self.put(table, key, name=pick("xyz"), modified_at=at, **more), self.put("exchange_rates", currency="EUR", rate=pick([2, 4]), start_date=at.date())])]  # fmt: skip


def differences(settings: Settings, days: list[date]) -> Iterator[str]:
    """Where what is stored is not what a definition gives."""

    def comparable(rows: Any, texts: list[str]) -> list[str]:
        shown = [{n: f"{float(c):.9g}" if isinstance(c, int | float | Decimal) and n not in texts else str(c) for n, c in row.items() if not n.startswith("restated")} for row in rows]  # fmt: skip
        return sorted(str(sorted(row.items())) for row in shown)

    with databases.engine(settings, "warehouse").connect() as connection, readers(settings) as session:
        for day in days:
            session.bind("a", day)
            for metric, variant in [(m, v) for m in store.approved(connection) for v in (None, *m.sql_variants)]:
                found = session.fetch(metric.id, check(sql_of(metric, variant)))
                gives = [dict(zip(found.columns, row, strict=True)) for row in found.rows]
                gives = [row for row in gives if any(row[n] is not None for n in found.numbers - {*metric.dimensions})]
                stored = stored_values(connection, metric, "a", day, variant).rows
                if comparable(stored, metric.dimensions) != comparable(gives, metric.dimensions):
                    yield f"{day} {metric.id} {variant}: {stored} is stored, it gives {gives}"


CASES = [(0, date(2024, 2, 26), "America/New_York", 0), (5, date(2024, 12, 29), "Pacific/Auckland", 4)]


@pytest.mark.parametrize(("seed", "first", "zone", "others"), CASES)
def test_random_loads(clean: Settings, put: Put, warehouse: Query, business_zone: Any, seed: int, first: date, zone: str, others: int) -> None:  # fmt: skip
    rng = random.Random(seed)
    business_zone(zone)
    with databases.engine(clean, "warehouse").begin() as connection:
        import_definitions(connection, SQL_DIR / "semantic")
        ids = [one.metric.id for one in store.list_all(connection)]
        for gone in set(ids) - {"sales/won_revenue", *rng.sample(ids, others)}:
            store.delete(connection, gone)

    def load(records: Rows) -> None:
        put("a", **{table: [row for name, row in records if name == table] for table, _ in records})
        materialize(clean, BEHIND)

    company = Company(rng, first)
    made = company.at(-40, -35)
    won = {"stage_id": "Won", "is_closed": True, "is_won": True, "amount": 10, "closed_at": made, "owner_id": "r"}
    begun = [company.put("pipeline_stages", s, outcome="won" if s == "Won" else "open", **SALES) for s in ("A", "B", "Won")]  # fmt: skip
    begun += [company.put("opportunities", created_at=made, modified_at=made, **won, **SALES) for _ in range(3)]
    load([*begun, company.put("exchange_rates", currency="USD", rate=1, is_home=True)] + [record for _ in range(12) for record in company.record()])  # fmt: skip
    days = [first + timedelta(n) for n in range(DAYS) if n != DAYS - 3]
    spans = ((days[0], days[-3]), (days[-2], days[-1]))
    for span in spans:
        materialize(clean, VALUES, *map(str, span))
    for change in (company.there_and_back(), company.record(0.8), company.name_or_rate() + company.record(0.8)):
        load(change)
        build_stale(clean)
        assert list(differences(clean, days)) == []
    new = {"modified_at": (at := company.at(3, DAYS - 1)), "created_at": at, "amount": 1}
    load([company.put("reps", "z", modified_at=at), company.put("accounts", "z", modified_at=at, region="n"), company.put("opportunities", "z", stage_id="A", owner_id="z", account_id="z", **new)])  # fmt: skip
    asked = warehouse("select snapshot_date from ops.stale_partitions where dataset = 'semantic.metric_values'")
    assert [day for (day,) in asked if day < at.date() - timedelta(1)] == []  # a day off by the clocks of New York
    build_stale(clean)
    stored = warehouse(ROWS)
    warehouse("truncate semantic.metric_values, semantic.metric_runs, ops.partition_ledger")
    for span in spans:
        materialize(clean, VALUES, *map(str, span))
    assert (list(differences(clean, days)), warehouse(ROWS)) == ([], stored)
