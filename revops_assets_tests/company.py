"""Generated companies, built once each: every test that asks for one gets copies of the databases as they were then.

The tests of one company run in one process (conftest.py), so that it is built in no other.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import psycopg2
import pytest
from psycopg2 import sql

from revops_assets.loading.load import load_directory
from revops_assets.loading.mapping_file import read_mapping
from revops_assets.registry.sync import import_definitions
from revops_assets.scenario import salesforce
from revops_assets.scenario.calendar import day_end
from revops_assets.scenario.model import Plan
from revops_assets.settings import Settings
from revops_assets.warehouse import databases
from revops_assets_tests.building import materialize
from revops_assets_tests.conftest import commit_without_waiting, set_business_zone

# It has reopened, re-owned, re-priced, pushed, merged, deleted and late records; the days cross the end of a quarter and
# a change of clocks, those before them hold a leap day.
PLAN = Plan(60, date(2024, 4, 2), 11, "Europe/Berlin", quarters=3)
FIRST, LAST = date(2024, 3, 29), date(2024, 4, 2)
# A stock with variants, a ratio over months, deals, users; test_registry has them all.
DEFINITIONS = (
    "starter/revenue/mrr", "revenue_operations/revenue/net_revenue_retention", "starter/sales/pipeline_value",
    "starter/product_usage/feature_adoption",
)  # fmt: skip
SHOWN = "group:reference or group:staging or group:enriched or group:analytics or group:dashboard or group:ai"
ALL = f"{SHOWN} or group:metrics or group:semantic"

# One that is large enough to be compared with what its generator knows: a leap day, a quarter's last day and first one,
# and one more.
GENERATED = Plan(300, date(2024, 4, 2), 21, "Europe/Berlin", quarters=5)
SAMPLED = (date(2024, 2, 29), date(2024, 3, 31), date(2024, 4, 1))

COPIED: tuple[databases.Database, ...] = ("source", "warehouse")


@pytest.fixture
def twins(clean: Settings, tmp_path: Path, learns_from_few: None) -> Iterator[Settings]:
    """Two tenants, full and other, with the same company, built from FIRST to LAST."""

    def make() -> None:
        set_business_zone(clean, PLAN.timezone)
        write_twin(tmp_path / "full", PLAN.end_date)
        for tenant in ("full", "other"):
            load_directory(clean, tmp_path / "full", read_mapping("salesforce"), tenant)
        with databases.engine(clean, "warehouse").begin() as connection:
            for name in DEFINITIONS:
                import_definitions(connection, clean.metrics_dir / f"{name}.yml")
        materialize(clean, ALL, str(FIRST), str(LAST))

    with copies(clean, "twins", make):
        yield clean


def write_twin(folder: Path, last: date) -> None:
    """Its export at a day's end. It sells in one region and two teams: most of a build is rows of groups like these."""
    salesforce.write(folder, PLAN, day_end(PLAN, last))
    users = folder / "User.json"
    text = re.sub('"Region__c":"[^"]+"', '"Region__c":"West"', users.read_text())
    for manager, other in (("005M0003", "005M0001"), ("005M0004", "005M0002")):
        text = text.replace(f'"ManagerId":"{manager}"', f'"ManagerId":"{other}"')
    users.write_text(text)


@pytest.fixture
def generated(clean: Settings) -> Iterator[Settings]:
    """Tenant a, whose export stays in generated/ beside the databases: SAMPLED and the plan's last day are built."""

    def make() -> None:
        set_business_zone(clean, GENERATED.timezone)
        salesforce.write(clean.home / "generated", GENERATED, day_end(GENERATED, GENERATED.end_date))
        load_directory(clean, clean.home / "generated", read_mapping("salesforce"), "a")
        materialize(clean, SHOWN, str(SAMPLED[0]))
        materialize(clean, f'({SHOWN}) and tag:"revops/built"="daily"', str(SAMPLED[1]), str(GENERATED.end_date))

    with copies(clean, "generated", make):
        yield clean


@contextmanager
def copies(settings: Settings, kept: str, make: Callable[[], None]) -> Iterator[None]:
    """In the block the databases are as `make` leaves them; the first one of a name in a run makes them, later ones get
    copies. After it they are as before it."""
    names = {database: databases.name_of(settings, database) for database in COPIED}
    _alter(settings, "alter database {0} rename to {1}", [(name, f"{name}_aside") for name in names.values()])
    try:
        is_kept = _exists(settings, f"{names['source']}_{kept}")
        made_from = kept if is_kept else "aside"
        copy = "create database {0} template {1}"
        _alter(settings, copy, [(name, f"{name}_{made_from}") for name in names.values()])
        commit_without_waiting(settings)
        if not is_kept:
            make()
            _alter(settings, copy, [(f"{name}_{kept}", name) for name in names.values()])
        yield
    finally:
        _alter(settings, "drop database if exists {0}", [(name,) for name in names.values()])
        _alter(settings, "alter database {1} rename to {0}", [(name, f"{name}_aside") for name in names.values()])


def _exists(settings: Settings, name: str) -> bool:
    connection = databases.open_connection(settings, databases.server_url(settings))
    with connection, connection.cursor() as cursor:
        cursor.execute("select exists (select from pg_database where datname = %s)", (name,))
        [(found,)] = cursor.fetchall()
    connection.close()
    return bool(found)


def _alter(settings: Settings, statement: str, names: list[tuple[str, ...]]) -> None:
    """Run a statement about databases that nobody may be connected to."""
    for database in COPIED:
        databases.engine(settings, database).dispose()
    connection = databases.open_connection(settings, databases.server_url(settings))
    connection.autocommit = True
    with connection.cursor() as cursor:
        for around in names:
            leave(cursor, around)
            cursor.execute(sql.SQL(statement).format(*map(sql.Identifier, around)))
    connection.close()


def leave(cursor: psycopg2.extensions.cursor, names: tuple[str, ...]) -> None:
    """End every session of these databases, and wait until they are over."""
    given_up = time.monotonic() + 20
    while True:
        cursor.execute(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = any(%s)", (list(names),)
        )
        if cursor.fetchall() == [(0,)]:
            return
        assert time.monotonic() < given_up, f"somebody stays in {names}"
        time.sleep(0.01)
