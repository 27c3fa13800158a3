"""A folder for a person or a program that queries the warehouse: how to connect, what to ask, what never to do."""

from __future__ import annotations

import configparser
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg2
import sqlalchemy as sa
from psycopg2.extensions import TRANSACTION_STATUS_INTRANS
from psycopg2.extensions import connection as PgConnection

from revops_assets.errors import RevopsError
from revops_assets.registry import store
from revops_assets.settings import Settings
from revops_assets.warehouse import databases, tenant_grants
from revops_assets.warehouse.roles import BI_SCHEMAS, METRICS_SECONDS, analyst_url

SERVICE = "revops"
PROFILE, PASSWORDS, GUIDE, METRICS, TABLES, QUERIES = (
    "pg_service.conf", ".pgpass", "CLAUDE.md", "metrics.md", "tables.md", "queries",
)  # fmt: skip
GUIDE_TEXT = """# Querying the revenue warehouse

Connect (read-only, {seconds} s a statement):

    PGSERVICEFILE={folder}/pg_service.conf PGPASSFILE={folder}/.pgpass psql "service=revops"

1. Look a metric up before you compute one: `metrics.md`, or `select id, description, unit, sql from
   semantic.metric_definitions where 'word' = any(synonyms) or name = 'word'`. If it is there, use its stored values
   (`semantic.metric_values`, see `queries/metric.sql`) and name its id.
2. Never invent a metric. If there is none, say so, and propose a definition (docs/metrics.md) to whoever keeps them; do
   not compute something close to it and call it by its name.
3. Every answer names its company (`tenant_id`), its day (`snapshot_date`: what was true at the end of that day) and how
   fresh the data is (`select * from semantic.freshness`). A row of one day is not to be added to a row of another.
4. Stocks (pipeline, MRR; `additivity` is semi_additive) do not add up over time, ratios do not add up at all: add up
   their numerator and denominator.
5. What a column means: `tables.md`, or `\\d+ schema.table`. Null is "nothing can be said", not zero.
6. Start from `queries/`: they run as they are.
"""
QUERY_TEXTS = {
    "metric": """-- A metric as of the newest day: each period reads as its newest row says.
select distinct on (v.tenant_id, v.period, v.dimensions)
    v.tenant_id, v.period, v.dimensions, v.value, v.snapshot_date, v.is_restatement
from semantic.metric_values as v
where v.metric_id = 'revenue/mrr' and v.variant = 'whole' and v.measure = 'value'
order by v.tenant_id, v.period, v.dimensions, v.snapshot_date desc;
""",
    "find_a_metric": """-- Which metrics there are, what they mean, and the SQL that computes them.
select d.id, d.display_name, d.unit, d.additivity, d.description, d.synonyms
from semantic.metric_definitions as d
where d.status = 'approved'
order by d.id;
""",
    "key_figures": """-- Key figures of each company's newest day, whole company.
select distinct on (k.tenant_id, k.quarter)
    k.tenant_id, k.snapshot_date, k.quarter, k.closed_won_amount, k.quarter_target, k.ai_forecast, k.risk_level
from dashboard.dashboard_kpis as k
where k.team_id = 'All' and k.segment = 'All' and k.region = 'All'
order by k.tenant_id, k.quarter, k.snapshot_date desc;
""",
    "next_best_actions": """-- What most needs somebody, on each company's newest day.
select a.tenant_id, a.snapshot_date, a.priority_rank, a.opportunity_name, a.action_type, a.action_reason
from dashboard.next_best_actions as a
where a.snapshot_date = (
    select max(n.snapshot_date) from dashboard.next_best_actions as n where n.tenant_id = a.tenant_id
)
order by a.tenant_id, a.priority_score desc, a.opportunity_id
limit 20;
""",
    "freshness": """-- How fresh the data is.
select f.tenant_id, f.newest_load_at, min(f.newest_day) as oldest_dataset, max(f.newest_day) as newest_day
from semantic.freshness as f
group by f.tenant_id, f.newest_load_at
order by f.tenant_id;
""",
}
COLUMNS = """
select n.nspname || '.' || r.relname as table_id, obj_description(r.oid) as about, a.attname as name,
    format_type(a.atttypid, a.atttypmod) as type, col_description(r.oid, a.attnum) as meaning
from pg_class as r
inner join pg_namespace as n on n.oid = r.relnamespace
inner join pg_attribute as a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
where r.relkind in ('r', 'v') and has_table_privilege(:role, r.oid, 'select')
    and (n.nspname = any(:schemas) or n.nspname = 'semantic')
order by 1, a.attnum
"""
NEWEST = "select dataset, min(newest_day)::text from semantic.freshness group by dataset"
FRESHNESS = """
select f.tenant_id, max(f.newest_load_at) as loaded_at, max(f.newest_day) as newest_day
from semantic.freshness as f
group by f.tenant_id
order by f.tenant_id
"""


def setup(settings: Settings, folder: Path, tenants: Sequence[str] = ()) -> list[Path]:
    """Write the folder; what is there of it is written anew. Returns its files.

    The analyst role reads these companies; of none that are named, what it was granted, at first every one.
    """
    url = analyst_url(settings)
    _let_in(settings, str(url.username), tenants)
    (folder / QUERIES).mkdir(parents=True, exist_ok=True)
    written = [folder / PROFILE, folder / GUIDE, folder / METRICS, folder / TABLES]
    profile = configparser.ConfigParser(interpolation=None)
    given = {"host": url.query.get("host") or url.host, "port": url.port, "dbname": url.database, "user": url.username}
    profile[SERVICE] = {key: str(value) for key, value in given.items() if value}
    with (folder / PROFILE).open("w", encoding="utf-8") as file:
        profile.write(file, space_around_delimiters=False)
    if url.password:
        written.append(folder / PASSWORDS)
        line = ":".join(_escaped(str(part or "*")) for part in (given["host"], url.port, url.database, url.username))
        _write_private(folder / PASSWORDS, f"{line}:{_escaped(str(url.password))}\n")
    with databases.engine(settings, "warehouse").connect() as connection:
        (folder / GUIDE).write_text(
            GUIDE_TEXT.format(folder=folder.resolve(), seconds=METRICS_SECONDS), encoding="utf-8"
        )
        (folder / METRICS).write_text(_metrics(connection), encoding="utf-8")
        (folder / TABLES).write_text(_tables(connection, str(url.username)), encoding="utf-8")
    for name, text in QUERY_TEXTS.items():
        (folder / QUERIES / f"{name}.sql").write_text(text, encoding="utf-8")
        written.append(folder / QUERIES / f"{name}.sql")
    return written


def _let_in(settings: Settings, role: str, tenants: Sequence[str]) -> None:
    has_any = any(one.role == role for one in tenant_grants.granted(settings))
    if tenants:
        tenant_grants.take(settings, role, ())
    if tenants or not has_any:
        tenant_grants.give(settings, role, tenants or [tenant_grants.EVERY])


def check(settings: Settings, folder: Path) -> tuple[list[str], list[dict[str, Any]]]:
    """What is wrong with the folder or with what it leads to; and how fresh each company's data is."""
    faults: list[str] = []
    told: list[dict[str, Any]] = []
    with _connected(folder) as connection, connection.cursor() as cursor:
        try:
            cursor.execute("select has_table_privilege('semantic.metric_values', 'insert')")
        except psycopg2.Error as error:
            raise RevopsError(f"the profile leads to no warehouse: {' '.join(str(error).split())}") from None
        if cursor.fetchall() != [(False,)]:
            faults.append("the profile's role may write")
        connection.rollback()
        there = {path.stem: path for path in sorted((folder / QUERIES).glob("*.sql"))}
        faults += [f"{QUERIES}/{name}.sql is gone" for name in sorted(QUERY_TEXTS.keys() - there.keys())]
        for path in there.values():
            if fault := _fault(connection, path):
                faults.append(f"{path.name}: {fault}")
        if connection.closed:
            return faults, told
        cursor.execute(FRESHNESS)
        for tenant, loaded_at, newest_day in cursor.fetchall():
            age = (datetime.now(UTC) - loaded_at).total_seconds() / 86_400 if loaded_at else None
            stale = age is None or age > settings.max_age_days
            says = f"newest load {loaded_at:%Y-%m-%d %H:%M}, newest day {newest_day}" if loaded_at else "nothing loaded"
            told.append({"tenant": tenant, "says": says, "newest_day": str(newest_day), "is_stale": stale})
            if stale:
                faults.append(f"{tenant}: the newest load is older than {settings.max_age_days:g} days")
    return faults, told


def _fault(connection: PgConnection, path: Path) -> str | None:
    """Why an example query does not run as it is."""
    try:
        text = path.read_text(encoding="utf-8")
        with connection.cursor() as cursor:
            cursor.execute(text)
            if connection.info.transaction_status != TRANSACTION_STATUS_INTRANS:
                return "it ends its transaction"
    except (psycopg2.Error, OSError, UnicodeDecodeError) as error:
        return " ".join(str(error).split())
    finally:
        if not connection.closed:
            connection.rollback()
    return None


@contextmanager
def _connected(folder: Path) -> Iterator[PgConnection]:
    """A connection by the folder's own files, as libpq reads them."""
    if not (folder / PROFILE).is_file():
        raise RevopsError(f"{folder} has no {PROFILE}: `revops analyst setup {folder}` writes one")
    before = {name: os.environ.get(name) for name in ("PGSERVICEFILE", "PGPASSFILE")}
    os.environ |= {"PGSERVICEFILE": str(folder / PROFILE), "PGPASSFILE": str(folder / PASSWORDS)}
    try:
        connection = psycopg2.connect(f"service={SERVICE}")
    except psycopg2.OperationalError as error:
        raise RevopsError(f"the profile does not work: {' '.join(str(error).split())}") from None
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
    try:
        yield connection
    finally:
        connection.close()


def _metrics(connection: sa.Connection) -> str:
    lines = ["# Metrics", "", "| id | what it is | unit | grain | adds up | also called |", "|---|---|---|---|---|---|"]
    for one in store.list_all(connection):
        metric = one.metric
        proposed = "" if one.status == "approved" else " (proposed, not yet approved)"
        cells = [metric.id, metric.description + proposed, metric.unit or "", metric.grain or ""]
        cells += [metric.adds_up.replace("_", "-"), ", ".join(metric.synonyms)]
        lines.append(f"| {' | '.join(_cell(cell) for cell in cells)} |")
    return "\n".join([*lines, ""])


def _tables(connection: sa.Connection, role: str) -> str:
    newest = {dataset: day for dataset, day in connection.execute(sa.text(NEWEST))}
    lines = ["# Tables", ""]
    table = None
    for row in connection.execute(sa.text(COLUMNS), {"role": role, "schemas": list(BI_SCHEMAS)}):
        if row.table_id != table:
            table = row.table_id
            days = f" Newest day: {newest[table]}." if table in newest else ""
            lines += [
                "",
                f"## {table}",
                "",
                f"{row.about or ''}{days}",
                "",
                "| column | type | meaning |",
                "|---|---|---|",
            ]
        lines.append(f"| {row.name} | {row.type} | {_cell(row.meaning or '')} |")
    return "\n".join([*lines, ""])


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _escaped(part: str) -> str:
    return part.replace("\\", "\\\\").replace(":", "\\:")


def _write_private(path: Path, text: str) -> None:
    """A file that only its owner reads, from its first moment on."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
