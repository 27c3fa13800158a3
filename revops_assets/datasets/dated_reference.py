"""Reference data dated in both clocks: files under sql/reference/ whose rows begin with tenant_id and valid_from.

A row holds from valid_from on (empty: always), for one tenant or for all (*), until a later row of the same key; a
tenant's own rows take the place of the common ones from their first day on. Every version of a file is kept with the
transaction time at which it was taken over, so that a run at an earlier transaction time sees what held then.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import psycopg2
import sqlalchemy as sa
from psycopg2 import sql
from psycopg2.extensions import connection as PgConnection

from revops_assets.errors import RevopsError
from revops_assets.loading.copy import copy_rows
from revops_assets.settings import SQL_DIR, Settings
from revops_assets.warehouse import databases

STILL_KNOWN = 9223372036854775807
# Topics of which every key is read: without one nothing can be computed.
COMPLETE = ("thresholds",)
# What a release added to such a file held before as well: a run at an earlier transaction time needs it, too.
ADDED = sql.SQL("""union all
    select v.* from {versions} as v
    where v.tenant_id = '*' and v.known_from > (select ops.known_as_of())
        and exists (
            select from {versions} as k
            where k.known_from <= (select ops.known_as_of()) and k.known_to > (select ops.known_as_of())
        )
        and not exists (
            select from {versions} as e where e.tenant_id = '*' and e.{key} = v.{key} and e.known_from < v.known_from
        )""")


@dataclass(frozen=True)
class Topic:
    """One file: its columns after tenant_id and valid_from, the first of them the key of what is dated together."""

    name: str
    path: Path
    columns: tuple[str, ...]

    @property
    def key(self) -> str:
        """Column whose rows are replaced together."""
        return self.columns[0]

    @property
    def identity(self) -> tuple[str, ...]:
        """Columns that tell the rows of one tenant and day apart: the key, and where a key has several rows their
        thresholds."""
        return (self.key, *(name for name in self.columns if name.endswith(("_at_least", "at_most", "at_least"))))


def topics() -> Iterator[Topic]:
    """Every dated file, by name."""
    for path in sorted((SQL_DIR / "reference").glob("*.csv")):
        with path.open(newline="", encoding="utf-8") as handle:
            header = next(csv.reader(handle))
        if header[:2] == ["tenant_id", "valid_from"]:
            yield Topic(path.stem, path, tuple(header[2:]))


def take_over_files(connection: PgConnection, settings: Settings) -> None:
    """Bring every changed file into its versions table, under a load number of its own.

    In the caller's transaction; one file at a time over all processes. RevopsError names the file and line that do not
    fit; such a file takes no load number.
    """
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(hashtextextended('reference files', 3))")
        cursor.execute("select name, sha256 from ops.reference_files")
        known = dict(cursor.fetchall())
        for topic in topics():
            sha256 = hashlib.sha256(topic.path.read_bytes()).hexdigest()
            if known.get(topic.name) == sha256:
                continue
            versions = sql.Identifier("reference", f"{topic.name}_versions")
            read = sql.Identifier("pg_temp", topic.name)
            names = sql.SQL(", ").join(map(sql.Identifier, ["tenant_id", "valid_from", *topic.columns]))
            cursor.execute(
                sql.SQL(
                    "create temporary table {} (like {} including all) on commit drop;"
                    " alter table {} alter known_from drop not null"
                ).format(read, versions, read)
            )
            try:
                rows = copy_rows(cursor, sql.SQL("{} ({})").format(read, names), _rows(topic))
            except (psycopg2.DataError, psycopg2.IntegrityError) as error:
                raise _misfit(topic, error) from None
            seq = _note(settings, topic, rows)
            cursor.execute(
                sql.SQL("update {} set known_to = %s where known_to = %s").format(versions), (seq, STILL_KNOWN)
            )
            cursor.execute(
                sql.SQL("insert into {} ({}, known_from) select {}, %s from {}; drop table {}").format(
                    versions, names, names, read, read
                ),
                (seq,),
            )
            cursor.execute(
                "insert into ops.reference_files values (%s, %s, %s) on conflict (name)"
                " do update set sha256 = excluded.sha256, known_from = excluded.known_from",
                (topic.name, sha256, seq),
            )


def effective(topic: Topic) -> sql.Composed:
    """SELECT of what holds for each tenant and span of days, at the session's transaction time; the table's columns."""
    key, columns = sql.Identifier(topic.key), sql.SQL(", ").join(map(sql.Identifier, topic.columns))
    versions = sql.Identifier("reference", f"{topic.name}_versions")
    return sql.SQL("""
with known as (
    select * from {versions} where known_from <= (select ops.known_as_of()) and known_to > (select ops.known_as_of())
    {more}
),
own as (
    select tenant_id, {key}, min(valid_from) as since from known where tenant_id <> '*' group by tenant_id, {key}
),
tenants as (
    select distinct tenant_id from crm_remote.loads
    where tenant_id is not null and load_seq <= (select ops.known_as_of())
),
applicable as (
    select t.tenant_id, k.valid_from, true as is_default, {k_columns}
    from known as k
    cross join tenants as t
    left join own as o on o.tenant_id = t.tenant_id and o.{key} = k.{key}
    where k.tenant_id = '*' and (o.since is null or k.valid_from < o.since)
    union all
    select tenant_id, valid_from, false, {columns} from known where tenant_id <> '*'
),
spans as (
    select tenant_id, {key}, valid_from,
        lead(valid_from, 1, 'infinity') over (partition by tenant_id, {key} order by valid_from) as valid_to
    from (select distinct tenant_id, {key}, valid_from from applicable) as a
)
select a.tenant_id, a.valid_from, s.valid_to, a.is_default, {a_columns}
from applicable as a
inner join spans as s using (tenant_id, {key}, valid_from)
""").format(
        versions=versions,
        more=ADDED.format(versions=versions, key=key) if topic.name in COMPLETE else sql.SQL(""),
        key=key,
        columns=columns,
        k_columns=sql.SQL(", ").join(sql.SQL("k.{}").format(sql.Identifier(name)) for name in topic.columns),
        a_columns=sql.SQL(", ").join(sql.SQL("a.{}").format(sql.Identifier(name)) for name in topic.columns),
    )


def _rows(topic: Topic) -> Iterator[list[str]]:
    with topic.path.open(newline="", encoding="utf-8") as handle:
        reader = csv.reader(handle)
        width = len(next(reader))
        lines: dict[tuple[str, ...], int] = {}
        for row in reader:
            where = f"{topic.path.name} line {reader.line_num}"
            if len(row) != width:
                raise RevopsError(f"{where}: {len(row)} fields where the header has {width}")
            tenant, since, *values = row
            if not tenant:
                raise RevopsError(f"{where}: tenant_id is empty; * is all tenants")
            try:
                valid_from = str(date.fromisoformat(since)) if since else "-infinity"
            except ValueError:
                raise RevopsError(f"{where}: valid_from {since!r} is not a date of the form YYYY-MM-DD") from None
            said = (tenant, valid_from, *(values[topic.columns.index(name)] for name in topic.identity))
            if said in lines:
                raise RevopsError(f"{where}: {', '.join(filter(None, said))} stands in line {lines[said]} already")
            lines[said] = reader.line_num
            yield [tenant, valid_from, *values]


def _note(settings: Settings, topic: Topic, rows: int) -> int:
    """A load number for the change, taken in the source database."""
    note = sa.text("select crm.note_change(:name, :rows)")
    with databases.engine(settings, "source").begin() as connection:
        return int(connection.execute(note, {"name": f"reference/{topic.name}", "rows": rows}).scalar_one())


def _misfit(topic: Topic, error: psycopg2.Error) -> RevopsError:
    where = (error.diag.context or "").split(",")
    line = f" ({', '.join(part.strip() for part in where[1:])})" if len(where) > 1 else ""
    return RevopsError(f"{topic.path.name}: {error.diag.message_primary}{line}")
