"""The steps of one load, in one transaction: read, stage, merge, log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, TextIO

from psycopg2 import sql
from psycopg2.extensions import cursor as PgCursor

from revops_assets.errors import RevopsError
from revops_assets.loading.copy import copy_rows
from revops_assets.loading.lines import Reject
from revops_assets.loading.mapping import FITTING, Mapping, TableSpec, column_expression
from revops_assets.loading.records import Survey, records

SET_ASIDE_SHOWN = 10


@dataclass
class LoadResult:
    """What a load did. Counts of `files` are of records in files, the others of canonical records."""

    tenant: str
    source: str
    load_id: int
    load_seq: int | None = None
    rows_read: int = 0
    rows_inserted: int = 0
    rows_updated: int = 0
    rows_unchanged: int = 0
    rows_rejected: int = 0
    rows_conflicting: int = 0
    earliest_business_at: datetime | None = None
    files: list[dict[str, Any]] = field(default_factory=list)
    tables: list[dict[str, Any]] = field(default_factory=list)
    set_aside: list[dict[str, Any]] = field(default_factory=list)  # the first rejected and conflicting records
    dry_run: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return asdict(self)


class TooManyRejects(RevopsError):
    """More records were refused than the mapping allows."""


class LoadTransaction:
    """The steps of one load, on one cursor, in its transaction."""

    def __init__(
        self,
        cursor: PgCursor,
        mapping: Mapping,
        tenant: str,
        directory: str,
        surveys: dict[str, Survey],
        rejects: TextIO,
    ) -> None:
        self.cursor, self.mapping, self.tenant, self.directory = cursor, mapping, tenant, directory
        self.surveys, self.rejects = surveys, rejects
        self.rejected = 0
        self.unchanged: set[str] = set()
        # Giving up early needs an upper bound of the records: a CSV's lines; an array may have all of its in one.
        lines = sum(found.lines for found in surveys.values())
        has_json = any(file.is_json for file in mapping.files.values())
        self.allowed = float("inf") if has_json else mapping.max_reject_share * lines
        self.remapped: set[str] = set()
        self.source = mapping.raw_schema or mapping.name
        self.load_id = 0

    def run(self) -> LoadResult:
        """Do it all; the caller commits."""
        self._execute("select set_config('timezone', %s, true)", self.mapping.timezone)  # of dates without a zone
        self._check_mapping()
        # One load of a tenant's source at a time: which export is current is decided here.
        self._execute("select pg_advisory_xact_lock(hashtextextended(%s, 1))", f"{self.tenant}/{self.source}")
        self._execute("select crm.start_load(%s, %s, %s)", self.tenant, self.mapping.name, self.directory)
        self.load_id = self._scalar()
        for table in [*self.mapping.tables, *(["opportunities"] if self.mapping.fold_opportunities else [])]:
            self._create_staging(table)
        files = []
        for key in self.mapping.files:
            if key in self.surveys:
                files.append(self._read_file(key))
                self._stage_file(key)
        read = sum(file["rows_read"] for file in files)
        if self.rejected > self.mapping.max_reject_share * read:
            raise self._too_many(read)
        self._write_rejects()
        for table, spec in self.mapping.tables.items():
            if spec.rows:
                self._stage_constants(table, spec)
        unchanged = sum(file["rows_read"] - file["rows_rejected"] for file in files if file["is_unchanged"])
        self._execute(
            "update crm.loads set rows_read = %s, rows_unchanged = %s where load_id = %s",
            read, unchanged, self.load_id,
        )  # fmt: skip
        # What the same file says under another mapping replaces what it said before, whichever looks newer.
        tables = [table for table, spec in self.mapping.tables.items() if spec.source in self.remapped]
        self._execute(
            "select crm.finish_load(%s, %s, 'pg_temp', %s)", self.load_id, self.mapping.fold_opportunities, tables
        )
        load_seq = self._scalar()
        self._write_files(files, load_seq)
        result = self._result(load_seq, files)
        if result.rows_rejected > self.mapping.max_reject_share * read:
            self._execute(
                "select file_name, line_no, reason, record from crm.load_rejects"
                " where load_id = %s and kind = 'rejected' order by file_name, line_no",
                self.load_id,
            )
            self.rejected = result.rows_rejected
            self.rejects.seek(0)
            self.rejects.truncate()
            self.rejects.writelines(json.dumps(row) + "\n" for row in self.cursor)
            raise self._too_many(read)
        return result

    # ------------------------------------------------------------------------------------------ steps

    def _check_mapping(self) -> None:
        """The mapping's tables and columns exist; what the database says of them is the truth."""
        self._execute(
            "select c.relname, jsonb_object_agg(a.attname, format_type(a.atttypid, a.atttypmod))"
            " filter (where a.attname not in ('load_id', 'file_name', 'line_no')) from pg_class as c"
            " inner join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped"
            " where c.relnamespace = 'crm_staging'::regnamespace and c.relkind = 'r' group by 1"
        )
        known: dict[str, dict[str, str]] = {name: types for name, types in self.cursor.fetchall()}
        for table, spec in self.mapping.tables.items():
            if table not in known:
                raise RevopsError(
                    f"mapping {self.mapping.name}: tables.{table}: no such table; there are {sorted(known)}"
                )
            where = f"mapping {self.mapping.name}: tables.{table}"
            for column in [*spec.columns, *(name for row in spec.rows for name in row)]:
                if column not in known[table]:
                    raise RevopsError(
                        f"mapping {self.mapping.name}: tables.{table}: crm.{table} has no column {column}"
                    )
            for column, origin in spec.columns.items():
                kind = known[table][column]
                if spec.source and origin.field and not origin.values and kind in FITTING:
                    given = self.mapping.files[spec.source].fields[origin.field].type
                    if given not in FITTING[kind]:
                        raise RevopsError(
                            f"{where}.columns.{column}: the column is {kind}, so the"
                            f" field {origin.field} must be {' or '.join(sorted(FITTING[kind]))}, not {given}"
                        )

    def _relation(self, key: str) -> sql.Identifier:
        """Where a file's records go, all text: the raw schema's table, or a temporary one."""
        if self.mapping.raw_schema:
            return sql.Identifier(self.mapping.raw_schema, f"{key}_lines")
        return sql.Identifier("pg_temp", f"file_{key}")

    def _read_file(self, key: str) -> dict[str, Any]:
        found, file = self.surveys[key], self.mapping.files[key]
        counts: dict[str, Any] = {
            "file_key": key, "file_name": found.path.name, "sha256": found.sha256,
            "rows_read": 0, "rows_rejected": 0, "is_unchanged": False,
        }  # fmt: skip
        self._execute(
            "select rows_read, rows_rejected, mapping_sha256 from crm.load_files where tenant_id = %s and source = %s"
            " and file_key = %s and sha256 = %s and known_to = 9223372036854775807",
            self.tenant, self.source, key, found.sha256,
        )  # fmt: skip
        if same := self.cursor.fetchone():
            if same[2] == self.mapping.sha256:
                self.unchanged.add(key)
                return counts | {"rows_read": same[0], "rows_rejected": same[1], "is_unchanged": True}
            self.remapped.add(key)
        relation = self._relation(key)
        if not self.mapping.raw_schema:
            columns = sql.SQL(", ").join(sql.SQL("{} text").format(sql.Identifier(name)) for name in file.fields)
            statement = "create temporary table {} (load_id bigint, line_no bigint, {}, extra jsonb) on commit drop"
            self._execute(sql.SQL(statement).format(relation, columns))

        def good_rows() -> Iterator[list[object]]:
            for record in records(found, file, keep_whole=not self.mapping.raw_schema):
                counts["rows_read"] += 1
                if isinstance(record, Reject):
                    counts["rows_rejected"] += 1
                    self._reject(found.path.name, record)
                else:
                    line_no, values, extra = record
                    yield [self.load_id, line_no, *values, extra]

        names = sql.SQL(", ").join(map(sql.Identifier, ["load_id", "line_no", *file.fields, "extra"]))
        copy_rows(self.cursor, sql.SQL("{} ({})").format(relation, names), good_rows())
        self._execute(sql.SQL("analyze {}").format(relation))
        return counts

    def _reject(self, file_name: str, reject: Reject) -> None:
        self.rejected += 1
        print(json.dumps([file_name, reject.line_no, reject.reason, reject.record]), file=self.rejects)
        if self.rejected > self.allowed:
            raise self._too_many(None)

    def _too_many(self, read: int | None) -> TooManyRejects:
        file_name, line_no, reason, _ = next(spooled(self.rejects))
        count = f"{self.rejected} of {read}" if read is not None else f"at least {self.rejected}"
        return TooManyRejects(
            f"{self.directory}: {count} records cannot be loaded, more than the mapping's"
            f" {self.mapping.max_reject_share:.0%}; nothing was loaded. The first: {file_name} line {line_no}: {reason}"
        )

    def _write_rejects(self) -> None:
        rows = ([self.load_id, self.tenant, "rejected", *row] for row in spooled(self.rejects))
        copy_rows(self.cursor, sql.SQL("crm.load_rejects"), rows)

    def _create_staging(self, table: str) -> None:
        target, origin = sql.Identifier("pg_temp", table), sql.Identifier("crm_staging", table)
        statement = "create temporary table {} (like {} including defaults) on commit drop"
        self._execute(sql.SQL(statement).format(target, origin))

    def _stage_file(self, key: str) -> None:
        """Fill the staging of every table that comes from a file, whose records as they came are then done with."""
        if key in self.unchanged:
            return
        for table, spec in self.mapping.tables.items():
            if spec.source == key:
                self._stage(table, key, spec)
        if not self.mapping.raw_schema:
            self._execute(sql.SQL("truncate {}").format(self._relation(key)))  # gives its disk space back at once

    def _stage_constants(self, table: str, spec: TableSpec) -> None:
        """Stage the rows that the mapping itself gives."""
        target = sql.Identifier("pg_temp", table)
        for number, row in enumerate(spec.rows, 1):
            names = sql.SQL(", ").join(map(sql.Identifier, ["load_id", "line_no", *row]))
            values = sql.SQL(", ").join(map(sql.Literal, [self.load_id, number, *row.values()]))
            self._execute(sql.SQL("insert into {} ({}) values ({})").format(target, names, values))
        self._execute(sql.SQL("analyze {}").format(target))

    def _stage(self, table: str, key: str, spec: TableSpec) -> None:
        """Fill a table's staging from a file's records, by the mapping's expressions."""
        target = sql.Identifier("pg_temp", table)
        file = self.mapping.files[key]
        self._execute(
            "select attname, format_type(atttypid, atttypmod) from pg_attribute where attrelid = %s::regclass",
            f"crm_staging.{table}",
        )
        types = dict(self.cursor.fetchall())
        expressions = sql.SQL(", ").join(
            sql.SQL("({})::{}").format(column_expression(column, file, self.mapping.timezone), sql.SQL(types[name]))
            for name, column in spec.columns.items()
        )
        columns = sql.SQL(", ").join(map(sql.Identifier, spec.columns))
        if not self.mapping.raw_schema:  # the record as received is kept beside the typed columns
            columns += sql.SQL(", record")
            expressions += sql.SQL(", r.extra")
        statement = (
            "insert into {} (load_id, file_name, line_no, {}) select r.load_id, %s, r.line_no, {} from {} as r"
            " where r.load_id = %s"
        )
        self._execute(
            sql.SQL(statement).format(target, columns, expressions, self._relation(key)),
            self.surveys[key].path.name,
            self.load_id,
        )
        self._execute(sql.SQL("analyze {}").format(target))

    def _write_files(self, files: list[dict[str, Any]], load_seq: int) -> None:
        for file in files:
            if file["is_unchanged"]:
                continue
            self._execute(
                "update crm.load_files set known_to = %s where tenant_id = %s and source = %s and file_key = %s"
                " and known_to = 9223372036854775807",
                load_seq, self.tenant, self.source, file["file_key"],
            )  # fmt: skip
            self._execute(
                "insert into crm.load_files (load_id, tenant_id, source, file_key, file_name, sha256, mapping_sha256,"
                " rows_read, rows_rejected, known_from) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
                self.load_id, self.tenant, self.source, file["file_key"], file["file_name"], file["sha256"],
                self.mapping.sha256, file["rows_read"], file["rows_rejected"], load_seq,
            )  # fmt: skip

    def _result(self, load_seq: int, files: list[dict[str, Any]]) -> LoadResult:
        self._execute(
            "select rows_read, rows_inserted, rows_updated, rows_unchanged, rows_rejected, rows_conflicting,"
            " earliest_business_at from crm.loads where load_id = %s",
            self.load_id,
        )
        totals = dict(zip([column.name for column in self.cursor.description or ()], self._row(), strict=True))
        self._execute("select * from crm.load_tables where load_id = %s order by table_name", self.load_id)
        names = [column.name for column in self.cursor.description or ()]
        tables = [dict(zip(names, row, strict=True)) for row in self.cursor.fetchall()]
        self._execute(
            "select kind, file_name, line_no, reason from crm.load_rejects where load_id = %s"
            " order by kind desc, file_name, line_no limit %s",
            self.load_id, SET_ASIDE_SHOWN,
        )  # fmt: skip
        set_aside = [dict(zip(("kind", "file", "line", "reason"), row, strict=True)) for row in self.cursor.fetchall()]
        return LoadResult(
            self.tenant,
            self.mapping.name,
            self.load_id,
            load_seq,
            **totals,
            files=files,
            tables=tables,
            set_aside=set_aside,
        )

    # ------------------------------------------------------------------------------------------ the cursor

    def _execute(self, statement: str | sql.Composable, *params: object) -> None:
        self.cursor.execute(statement, params or None)

    def _row(self) -> tuple[Any, ...]:
        row = self.cursor.fetchone()
        assert row is not None
        return row

    def _scalar(self) -> Any:
        return self._row()[0]


def spooled(rejects: TextIO) -> Iterator[list[Any]]:
    """The rejects of a load so far: file, line, reason, record."""
    rejects.seek(0)
    return map(json.loads, rejects)
