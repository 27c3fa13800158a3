"""One server and one set of databases for the whole run; every test begins with empty tables.

The embedded PostgreSQL by default, or the server in REVOPS_TEST_DATABASE_URL, under names of this run only.
"""

from __future__ import annotations

import csv
import gc
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg2
import pytest

from revops_assets.loading.load import load_directory
from revops_assets.loading.mapping_file import read_mapping
from revops_assets.loading.result import LoadResult
from revops_assets.settings import PROJECT_ROOT, SQL_DIR, Env, Settings, get_settings
from revops_assets.warehouse import databases, embedded
from revops_assets.warehouse.calendar import fill_calendar
from revops_assets.warehouse.databases import driver_connection
from revops_assets.warehouse.roles import roles
from revops_assets.warehouse.upgrade import upgrade


def has_room(folder: Path) -> bool:
    """Whether files may lie in memory: creating and removing them on a disk took the kernel a part of every test."""
    return folder.is_dir() and os.access(folder, os.W_OK) and shutil.disk_usage(folder).free > 8 * 2**30


# The server's files, and what tests and Dagster write to the temporary folder.
IN_MEMORY = Path("/dev/shm")
if has_room(IN_MEMORY):
    os.environ["TMPDIR"] = tempfile.tempdir = str(IN_MEMORY)

# What somebody's own installation is told is no business of the tests.
for name in [name for name in os.environ if name.startswith("REVOPS_") and not name.startswith("REVOPS_TEST_")]:
    del os.environ[name]

TEST_SERVER = os.environ.get("REVOPS_TEST_DATABASE_URL")
TEST_TABLESPACE = os.environ.get("REVOPS_TEST_TABLESPACE")  # of that server, on a faster disk than its own
REAL_EXPORT = PROJECT_ROOT.parent / "shared" / "data" / "pipedrive"

# Of two random courses one is tested on the embedded server, the other on one beside it; more prove more. Odd ones move
# the beginning of a company's history (test_reruns).
SEEDS = range(TEST_SERVER is None, int(os.environ.get("REVOPS_TEST_SEEDS", "1" if TEST_SERVER else "2")))

LONGEST = ("test_unwritten", "test_roles", "test_reruns", "test_time", "test_upgrade", "test_histories")

# Fixtures that are copies of what the first of them made (company.py).
COMPANIES = {"twins", "generated", "counted"}

Query = Callable[..., list[tuple[Any, ...]]]


def pytest_itemcollected(item: pytest.Item) -> None:
    """The tests of a generated company run in the worker that builds it."""
    for company in COMPANIES.intersection(getattr(item, "fixturenames", ())):
        item.add_marker(pytest.mark.xdist_group(company))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The longest first, so that no worker waits for another's at the end. On another server only what asks a database
    anything is tested: the rest was, on the embedded one."""
    items.sort(key=lambda item: item.path.stem not in LONGEST)
    if TEST_SERVER:
        asking = [item for item in items if "settings" in getattr(item, "fixturenames", ())]
        config.hook.pytest_deselected(items=[item for item in items if item not in asking])
        items[:] = asking


def pytest_collection_finish() -> None:
    """What has been imported stays: the garbage collector need not look at it again and again; nor so often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


@pytest.fixture(scope="session")
def settings() -> Iterator[Settings]:
    """Settings of this run, also in the environment, so that Dagster and subprocesses see the same."""
    home = Path(tempfile.mkdtemp(prefix="revops-test-"))
    os.environ.update(REVOPS_HOME=str(home), REVOPS_TIMEZONE="UTC", REVOPS_ENV="dev", REVOPS_DATABASE_PREFIX="")
    os.environ.pop("REVOPS_DATABASE_URL", None)
    if TEST_SERVER:
        os.environ.update(REVOPS_DATABASE_URL=TEST_SERVER, REVOPS_DATABASE_PREFIX=f"test{os.getpid()}_")
    get_settings.cache_clear()
    settings = get_settings()
    try:
        if not TEST_SERVER:
            forget_crashes(settings)
        upgrade(settings)
        if TEST_TABLESPACE:
            move_to(settings, TEST_TABLESPACE)
        commit_without_waiting(settings)
        yield settings
    finally:
        if TEST_SERVER:
            drop_databases(settings)
        else:
            embedded.stop(home)
        shutil.rmtree(home, ignore_errors=True)


def databases_of(settings: Settings) -> set[str]:
    """Names of this run's databases."""
    return {
        databases.name_of(settings.for_env(env), db)  # type: ignore[arg-type]
        for env in ("dev", "prod")
        for db in ("source", "warehouse", "dagster")
    }


def forget_crashes(settings: Settings) -> None:
    """The server of a test run is thrown away: nothing of it need reach the disk."""
    off = [f"alter system set {name} = off" for name in ("fsync", "full_page_writes")]
    on_server(settings, *off, "select pg_reload_conf()")


def commit_without_waiting(settings: Settings) -> None:
    """Tests need not survive a crash of the machine: commits do not wait for the disk (a crash of the server is safe)."""
    on_server(settings, *(f'alter database "{db}" set synchronous_commit = off' for db in databases_of(settings)))


def move_to(settings: Settings, tablespace: str) -> None:
    """Let the files of this run's databases, and of their copies, lie in a tablespace."""
    on_server(settings, *(f'alter database "{db}" set tablespace "{tablespace}"' for db in databases_of(settings)))


def on_server(settings: Settings, *statements: str) -> None:
    """Run statements that are about databases, or the whole server."""
    connection = databases.open_connection(settings, databases.server_url(settings))
    connection.autocommit = True
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
    connection.close()


def drop_databases(settings: Settings) -> None:
    """Remove what a run put on somebody's server."""
    connection = databases.open_connection(settings, databases.server_url(settings))
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("select datname from pg_database where starts_with(datname, %s)", (settings.database_prefix,))
        for (name,) in cursor.fetchall():
            cursor.execute(f'drop database "{name}" with (force)')
        for name in roles(settings).names.values():
            cursor.execute(f'drop role if exists "{name}"')
    connection.close()


@pytest.fixture
def clean(settings: Settings) -> Settings:
    """Empty source and warehouses."""
    for environment in (settings.for_env("dev"), settings.for_env("prod")):
        empty(
            environment,
            "warehouse",
            "'pipedrive', 'reference', 'staging', 'enriched', 'analytics', 'dashboard', 'ai', 'dyno_crm', 'metrics', 'ops', 'semantic'",
        )
    empty(settings, "source", "'crm', 'crm_staging', 'pipedrive_raw'")
    return settings


KEPT = "'canonical_tables', 'calendar', 'calendar_settings', 'seal_secret'"


def empty(settings: Settings, database: databases.Database, schemas: str) -> None:
    """Truncate the tables that hold rows: most hold none, and truncating a table costs a file."""
    with transaction(settings, database) as cursor:
        cursor.execute(
            "select string_agg(format('%I.%I', relnamespace::regnamespace, relname), ', ') from pg_class"
            f" where relnamespace::regnamespace::text in ({schemas}) and relkind = 'r' and relname not in ({KEPT})"
            " and pg_relation_size(oid) > 0"
        )
        [(filled,)] = cursor.fetchall()
        if filled:
            cursor.execute(f"truncate {filled} cascade")
        if database == "source":
            cursor.execute("alter sequence crm.load_seq restart; alter table crm.loads alter column load_id restart")


@contextmanager
def transaction(settings: Settings, database: databases.Database) -> Iterator[psycopg2.extensions.cursor]:
    """A cursor of the connection that this process keeps; the block is one transaction, its settings end with it."""
    with databases.engine(settings, database).begin() as connection, driver_connection(connection).cursor() as cursor:
        yield cursor
        cursor.execute("reset all")


@pytest.fixture
def source(clean: Settings) -> Query:
    """Run SQL in the source database and get its rows."""
    return lambda statement, *params: query(clean, "source", statement, *params)


@pytest.fixture
def warehouse(clean: Settings) -> Query:
    """Run SQL in the dev warehouse and get its rows."""
    return lambda statement, *params: query(clean, "warehouse", statement, *params)


def query(settings: Settings, database: databases.Database, statement: str, *params: Any) -> list[tuple[Any, ...]]:
    with transaction(settings, database) as cursor:
        cursor.execute(statement, params or None)
        return cursor.fetchall() if cursor.description else []  # uuids as the driver reads them: as objects


@pytest.fixture
def rows(warehouse: Query) -> Callable[..., list[tuple[Any, ...]]]:
    """What a table of daily metrics says of a tenant: month and day, then its own columns."""
    columns = {
        "daily_lead_funnel": "lead_source, total_leads, new_leads, sqls, opportunities_created",
        "lead_stage_snapshot": "lead_status, leads_in_status, avg_lead_age_days::float",
        "rep_daily_activity": "rep_id, rep_name, calls, emails, meetings, total_activities",
        "rep_daily_pipeline": "rep_id, opportunities_created, pipeline_amount_created::float, closed_won_opportunities,"
        " revenue_won::float, created_without_amount, won_without_amount",
        "run_log": "rows_written, known_as_of",
    }
    return lambda table, tenant="a": warehouse(
        f"select to_char(metric_date, 'MM-DD'), {columns[table]} from metrics.{table} where tenant_id = %s order by 1, 2",
        tenant,
    )


# ---------------------------------------------------------------------------------------------- exports

HEADERS = {
    "activity": "activity_id,type,assigned_to_user,deal_id,done,due_to",
    "activity_types": "id,name,active,type",
    "deal_changes": "deal_id,change_time,changed_field_key,new_value",
    "fields": "ID,FIELD_KEY,NAME,FIELD_VALUE_OPTIONS",
    "stages": "stage_id,stage_name",
    "users": "id,name,email,modified",
}
DEFAULTS = {
    "activity_types": ["1,Sales Call 1,Yes,meeting", "2,Sales Call 2,Yes,sc_2"],
    "stages": ["1,Lead Generation", "2,Qualified lead", "3,Needs Assessment"],
}

Export = Callable[..., Path]


@pytest.fixture
def export(tmp_path: Path) -> Export:
    """Write a Pipedrive export: lines by file; files not named have a few lines or only their header."""
    made = 0

    def write(**lines: list[str] | None) -> Path:
        nonlocal made
        made += 1
        folder = tmp_path / f"export{made}"
        folder.mkdir()
        for name, header in HEADERS.items():
            rows = lines.get(name, DEFAULTS.get(name, []))
            if rows is not None:
                (folder / f"{name}.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
        return folder

    return write


@pytest.fixture
def load(clean: Settings) -> Callable[..., LoadResult]:
    """Load a folder with the Pipedrive mapping."""
    return lambda folder, tenant="default", dry_run=False, mapping="pipedrive": load_directory(
        clean, folder, read_mapping(mapping), tenant, dry_run
    )


Put = Callable[..., int]


@pytest.fixture
def put(clean: Settings) -> Put:
    """Load rows by crm_staging, as another tool would: put("a", opportunities=[{...}], ...) is one load of tenant a."""

    def write(tenant: str, **tables: list[dict[str, Any]]) -> int:
        [(load,)] = query(clean, "source", "select crm.start_load(%s, 'test')", tenant)
        with transaction(clean, "source") as cursor:
            for table, rows in tables.items():
                for row in rows:
                    places = ", ".join(["%s"] * len(row))
                    statement = f"insert into crm_staging.{table} (load_id, {', '.join(row)}) values (%s, {places})"
                    cursor.execute(statement, (load, *row.values()))
        query(clean, "source", "select crm.finish_load(%s)", load)
        return int(load)

    return write


@pytest.fixture
def rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Append lines to a reference file, in a copy of sql/reference."""
    shutil.copytree(SQL_DIR / "reference", tmp_path / "sql" / "reference")
    monkeypatch.setattr("revops_assets.datasets.dated_reference.SQL_DIR", tmp_path / "sql")

    def append(name: str, lines: str) -> None:
        with (tmp_path / "sql" / "reference" / f"{name}.csv").open("a") as handle:
            handle.write(lines)

    return append


@pytest.fixture
def learns_from_few(rules: Callable[[str, str], None]) -> None:
    """The companies of a test learn from a few deals, so that what is learned is there to be compared."""
    lines = [
        f"{tenant},,{name},{number}\n"
        for tenant in ("full", "cut", "other")
        for name, number in (("learn_won", 5), ("learn_lost", 5))
    ]
    rules("thresholds", "".join(lines))


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def materialize_in_dagster(settings: Settings, selection: str, first: str = "", last: str = "", **options: Any) -> Any:
    """Build assets as `revops materialize` does, daily ones for the days from first to last, with their checks.

    Dagster's events stay in memory, which takes half the time.
    """
    from revops_assets.datasets.partitions import checked_range
    from revops_assets.orchestration.runs import run_assets

    days = checked_range(first, last or first) if first else None
    with dg.DagsterInstance.ephemeral() as instance:
        return run_assets(settings, selection, days, instance, **options)


# Deals as of each day, and everything that they are built from.
DAILY_STATE = '+key:"staging/deal_days"'


@pytest.fixture
def business_zone(clean: Settings) -> Iterator[Callable[[str], None]]:
    """Set the calendar's time zone for one test."""
    yield lambda timezone: set_business_zone(clean, timezone)
    set_business_zone(clean, clean.timezone)


def set_business_zone(settings: Settings, timezone: str) -> None:
    """Lay out the calendar in a time zone; each is computed once: two hundred years of days are quicker copied."""
    kept = f"calendars.in_{re.sub('[^a-z]', '_', timezone.lower())}"
    if query(settings, "warehouse", "select to_regclass(%s)", kept) == [(None,)]:
        with databases.connect(settings, "warehouse") as connection:
            fill_calendar(connection, settings.model_copy(update={"timezone": timezone}))
        query(
            settings, "warehouse", f"create schema if not exists calendars; create table {kept} as table ops.calendar"
        )
    else:
        query(
            settings, "warehouse",
            f"truncate ops.calendar; insert into ops.calendar table {kept}; update ops.calendar_settings set timezone = %s; analyze ops.calendar",
            timezone,
        )  # fmt: skip


def build(settings: Settings, env: Env = "dev", job: str = "funnel") -> Any:
    """Run a job as the command line does; Dagster's events stay in memory."""
    from revops_assets.orchestration.runs import run_job

    with dg.DagsterInstance.ephemeral() as instance:
        return run_job(settings, job, env, instance)
