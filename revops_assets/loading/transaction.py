"""The steps of one load, in one transaction: read, stage, merge, log."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, TextIO

from psycopg2 import sql
from psycopg2.extensions import cursor as PgCursor

from revops_assets.errors import RevopsError
from revops_assets.loading.copy import copy_rows
from revops_assets.loading.gone import stage_gone
from revops_assets.loading.lines import Reject
from revops_assets.loading.mapping import Mapping
from revops_assets.loading.progress import Tell, silent
from revops_assets.loading.records import Survey, records
from revops_assets.loading.result import LoadResult, TooManyRejects
from revops_assets.loading.staging import Staging
from revops_assets.loading.targets import key_of

QUARANTINED_SHOWN = 10
TOLD_EVERY = 2000
STILL_KNOWN = 9223372036854775807


class LoadTransaction:
    """The steps of one load, on one cursor, in its transaction.

    `surveys`: the files that each of the mapping's objects is read from. `day_zone`: the business time zone.
    """

    def __init__(
        self,
        cursor: PgCursor,
        mapping: Mapping,
        tenant: str,
        directory: str,
        surveys: dict[str, list[Survey]],
        rejects: TextIO,
        day_zone: str = "UTC",
        tell: Tell = silent,
    ) -> None:
        self.cursor, self.mapping, self.tenant, self.directory = cursor, mapping, tenant, directory
        self.surveys, self.rejects, self.day_zone = surveys, rejects, day_zone
        self.tell, self.step, self.steps = tell, 0, 1
        self.rejected: Counter[str] = Counter()
        self.read: Counter[str] = Counter()
        self.source = mapping.raw_schema or mapping.name
        self.load_id = 0
        self.looked_into = {file for specs in mapping.tables.values() for spec in specs for file in spec.looks_into}
        # What the same file says under another mapping, or in another business time zone, replaces what it said before.
        self.mapping_sha256 = hashlib.sha256(f"{mapping.sha256} {day_zone}".encode()).hexdigest()

    def run(self) -> LoadResult:
        """Do it all; the caller commits."""
        self._execute("select set_config('timezone', %s, true)", self.mapping.timezone)  # of times without a zone
        self._execute("select set_config('revops.day_zone', %s, true)", self.day_zone)
        # One load of a tenant's source at a time: which export is current is decided here.
        self._execute("select pg_advisory_xact_lock(hashtextextended(%s, 1))", f"{self.tenant}/{self.source}")
        self._execute("select crm.start_load(%s, %s, %s)", self.tenant, self.mapping.name, self.directory)
        self.load_id = self._scalar()
        self._execute("update crm.loads set day_zone = %s where load_id = %s", self.day_zone, self.load_id)
        fed = [*self.mapping.tables, *(["opportunities"] if self.mapping.fold_opportunities else [])]
        self._create_staging(dict.fromkeys(fed))
        files, remapped = self._compare()
        stale = {key for key, file in files.items() if not file["is_unchanged"]}
        needed = {file for key in stale for _, spec in self.mapping.tables_of(key) for file in spec.looks_into}
        for key in sorted(self.looked_into - self.surveys.keys()):
            self._create_relation(key)  # what is not in the export: nothing is found there
        # What others look into is read first, and stays until they have been staged.
        to_read = sorted(stale | (needed & files.keys()), key=lambda key: key not in self.looked_into)
        self.steps = len(to_read) + 1
        for self.step, key in enumerate(to_read):
            self._read(key, files[key])
            if key not in self.looked_into:
                self._stage(key)
        for key in sorted(stale & self.looked_into):
            self._stage(key)
        self._check_rejects()
        self._check_required(files)
        self._write_rejects()
        staging = self._staging()
        for table, specs in self.mapping.tables.items():
            for spec in specs:
                if spec.rows:
                    staging.rows(table, spec)
        stage_gone(self.cursor, self.mapping, self.load_id, self.tenant, stale, self._rejected_records())
        # One file may be read as several objects: its records count once
        # (itself, where lists within its records are objects, too).
        keys = sorted(files, key=lambda key: not self.mapping.files[key].explode)
        once = {files[key]["file_name"]: files[key] for key in keys}.values()
        unchanged = sum(file["rows_read"] - file["rows_rejected"] for file in once if file["is_unchanged"])
        read = sum(file["rows_read"] for file in once)
        self._execute(
            "update crm.loads set rows_read = %s, rows_unchanged = %s where load_id = %s", read, unchanged, self.load_id
        )
        authoritative = [
            t for t, specs in self.mapping.tables.items() if any(spec.source in remapped for spec in specs)
        ]
        self.tell("merging into crm", read, self.steps - 1, self.steps)
        self._execute(
            "select crm.finish_load(%s, %s, 'pg_temp', %s)",
            self.load_id,
            self.mapping.fold_opportunities,
            authoritative,
        )
        load_seq = self._scalar()
        self._check_merge_rejects()
        self._write_files(files, load_seq)
        return self._result(load_seq, files)

    # ------------------------------------------------------------------------------------------ reading

    def _compare(self) -> tuple[dict[str, dict[str, Any]], set[str]]:
        """Each object's entry in the log of files, unchanged or not; and those whose mapping is another than before."""
        files: dict[str, dict[str, Any]] = {}
        remapped = set()
        for key, found in self.surveys.items():
            parts = [part.sha256 for part in found]
            for other in sorted({f for _, spec in self.mapping.tables_of(key) for f in spec.looks_into}):
                parts += [part.sha256 for part in self.surveys.get(other, [])]
            sha256 = parts[0] if len(parts) == 1 else hashlib.sha256(" ".join(parts).encode()).hexdigest()
            names = found[0].name if len(found) == 1 else f"{found[0].name} and {len(found) - 1} more"
            file: dict[str, Any] = {
                "file_key": key, "file_name": names, "sha256": sha256, "rows_read": 0, "rows_rejected": 0,
                "is_unchanged": False,
            }  # fmt: skip
            self._execute(
                "select rows_read, rows_rejected, mapping_sha256 from crm.load_files where tenant_id = %s"
                " and source = %s and file_key = %s and sha256 = %s and known_to = %s and known_from > (select"
                " coalesce(max(undone_by), 0) from crm.loads where tenant_id = %s)",  # what was said twice came once
                self.tenant, self.source, key, sha256, STILL_KNOWN, self.tenant,
            )  # fmt: skip
            if same := self.cursor.fetchone():
                if same[2] == self.mapping_sha256:
                    file |= {"rows_read": same[0], "rows_rejected": same[1], "is_unchanged": True}
                else:
                    remapped.add(key)
            files[key] = file
        return files, remapped

    def _relation(self, key: str) -> sql.Composable:
        """Where a file's records go, all text: the raw schema's table, or a temporary one."""
        if self.mapping.is_raw(key):
            return sql.Identifier(str(self.mapping.raw_schema), f"{key}_lines")
        return sql.Identifier("pg_temp", f"file_{key}")

    def _create_relation(self, key: str) -> None:
        columns = sql.SQL(", ").join(
            sql.SQL("{} text").format(sql.Identifier(name)) for name in self.mapping.files[key].fields
        )
        statement = (
            "create temporary table {} (load_id bigint, file_name text, line_no bigint, {}, extra jsonb) on commit drop"
        )
        self._drop(self._relation(key))
        self._execute(sql.SQL(statement).format(self._relation(key), columns))

    def _drop(self, relations: sql.Composable) -> None:
        """What another mapping of the same export left in the transaction."""
        self._execute(sql.SQL("drop table if exists {}").format(relations))

    def _read(self, key: str, counts: dict[str, Any]) -> None:
        """Read all files of an object into its relation; an unchanged one is read again for others to look into."""
        file, is_raw = self.mapping.files[key], self.mapping.is_raw(key)
        relation = self._relation(key)
        own = ["load_id", "line_no"] if is_raw else ["load_id", "file_name", "line_no"]
        if not is_raw:
            self._create_relation(key)
        read, rejected = Counter[str](), Counter[str]()

        def good_rows() -> Iterator[list[object]]:
            for found in self.surveys[key]:
                # Giving up early needs an upper bound of the records: a CSV's lines; JSON may have all in one.
                allowed = float("inf") if found.is_json else self.mapping.max_reject_share * found.lines
                self.tell(found.name, 0, self.step, self.steps)
                for record in records(found, file, keep_whole=not is_raw, is_raw=is_raw):
                    read[found.name] += 1
                    if read[found.name] % TOLD_EVERY == 0:
                        self.tell(found.name, read[found.name], self.step, self.steps)
                    if isinstance(record, Reject):
                        rejected[found.name] += 1
                        if not counts["is_unchanged"]:
                            self._reject(found.name, record)
                            if rejected[found.name] > allowed:
                                raise self._too_many(found.name, rejected[found.name], None)
                    else:
                        line_no, values, extra = record
                        yield [self.load_id, *([] if is_raw else [found.name]), line_no, *values, extra]

        names = sql.SQL(", ").join(map(sql.Identifier, [*own, *file.fields, "extra"]))
        copy_rows(self.cursor, sql.SQL("{} ({})").format(relation, names), good_rows())
        self._execute(sql.SQL("analyze {}").format(relation))
        if not counts["is_unchanged"]:
            counts |= {"rows_read": read.total(), "rows_rejected": rejected.total()}
            counts["missing_fields"] = sorted(self._unseen(key)) if read else []
            for name in read:  # one file may be read as several objects
                self.read[name] = max(self.read[name], read[name])
                self.rejected[name] = max(self.rejected[name], rejected[name])

    def _unseen(self, key: str) -> set[str]:
        """Fields that no part of the object has."""
        seen = set().union(*(part.seen for part in self.surveys[key]))
        return {name for name in self.mapping.files[key].fields if name not in seen}

    def _reject(self, file_name: str, reject: Reject) -> None:
        print(json.dumps([file_name, reject.line_no, reject.reason, reject.record]), file=self.rejects)

    # ------------------------------------------------------------------------------------------ staging

    def _staging(self) -> Staging:
        return Staging(self.cursor, self.mapping, self._relation, self.load_id, self.tenant, self.day_zone)

    def _create_staging(self, fed: Iterable[str]) -> None:
        self._execute("select table_name from crm.canonical_tables")
        tables = [sql.Identifier("pg_temp", table) for (table,) in self.cursor.fetchall()]
        self._drop(sql.SQL(", ").join(tables))
        create = sql.SQL("create temporary table {} (like {} including defaults) on commit drop")
        for table in fed:
            self._execute(create.format(sql.Identifier("pg_temp", table), sql.Identifier("crm_staging", table)))

    def _stage(self, key: str) -> None:
        """Fill the staging of every table that comes from a file, whose records as they came are then done with."""
        staging, name = self._staging(), self.surveys[key][0].name
        for table, spec in self.mapping.tables_of(key):
            if spec.changes:
                staging.changes(table, key, spec, name)
            else:
                staging.table(table, key, spec, name, self._unseen(key))
        if not self.mapping.is_raw(key) and key not in self.looked_into:
            self._execute(sql.SQL("truncate {}").format(self._relation(key)))  # gives its disk space back at once

    # ------------------------------------------------------------------------------------------ what was refused

    def _check_rejects(self) -> None:
        for name, count in self.rejected.items():
            if count > self.mapping.max_reject_share * self.read[name]:
                raise self._too_many(name, count, self.read[name])

    def _check_merge_rejects(self) -> None:
        """The same for records that the merge refused."""
        self._execute(
            "select file_name, count(*) from crm.load_rejects where load_id = %s and kind = 'rejected'"
            " and file_name is not null group by file_name",
            self.load_id,
        )
        for name, count in self.cursor.fetchall():
            if self.read[name] and count > self.mapping.max_reject_share * self.read[name]:
                self._execute(
                    "select file_name, line_no, reason, record from crm.load_rejects"
                    " where load_id = %s and kind = 'rejected' order by file_name <> %s, file_name, line_no",
                    self.load_id, name,
                )  # fmt: skip
                self.rejects.seek(0)
                self.rejects.truncate()
                self.rejects.writelines(json.dumps(row) + "\n" for row in self.cursor)
                raise self._too_many(name, count, self.read[name])

    def _too_many(self, name: str, rejected: int, read: int | None) -> TooManyRejects:
        _, line_no, reason, _ = next(entry for entry in spooled(self.rejects) if entry[0] == name)
        count = f"{rejected} of {read}" if read is not None else f"at least {rejected}"
        return TooManyRejects(
            f"{self.directory}: {count} records of {name} cannot be loaded, more than the mapping's"
            f" {self.mapping.max_reject_share:.0%}; nothing was loaded. The first: {name} line {line_no}: {reason}"
        )

    def _check_required(self, files: dict[str, dict[str, Any]]) -> None:
        """A required object gives at least one record, or the tenant has some of its already."""
        for key, file in files.items():
            if not self.mapping.files[key].required or self.mapping.is_raw(key):
                continue
            if file["rows_read"] > file["rows_rejected"] or (file["rows_read"] == 0 and self._is_known(key)):
                continue
            raise RevopsError(
                f"{self.directory}: {file['file_name']} holds no record that can be loaded; nothing was loaded"
            )

    def _is_known(self, key: str) -> bool:
        for table, _ in self.mapping.tables_of(key):
            self._execute(
                sql.SQL("select exists (select from crm.{} where tenant_id = %s)").format(
                    sql.Identifier(f"{table}_current")
                ),
                self.tenant,
            )
            if self._scalar():
                return True
        return False

    def _rejected_records(self) -> list[str]:
        return [record for *_, record in spooled(self.rejects)]

    def _write_rejects(self) -> None:
        rows = ([self.load_id, self.tenant, "rejected", *row] for row in spooled(self.rejects))
        copy_rows(self.cursor, sql.SQL("crm.load_rejects"), rows)

    # ------------------------------------------------------------------------------------------ the log

    def _write_files(self, files: dict[str, dict[str, Any]], load_seq: int) -> None:
        for file in files.values():
            if file["is_unchanged"]:
                continue
            self._execute(
                "update crm.load_files set known_to = %s where tenant_id = %s and source = %s and file_key = %s"
                " and known_to = %s",
                load_seq, self.tenant, self.source, file["file_key"], STILL_KNOWN,
            )  # fmt: skip
            self._execute(
                "insert into crm.load_files (load_id, tenant_id, source, file_key, file_name, sha256, mapping_sha256,"
                " rows_read, rows_rejected, known_from) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
                self.load_id, self.tenant, self.source, file["file_key"], file["file_name"], file["sha256"],
                self.mapping_sha256, file["rows_read"], file["rows_rejected"], load_seq,
            )  # fmt: skip

    def _result(self, load_seq: int, files: dict[str, dict[str, Any]]) -> LoadResult:
        self._execute(
            "select rows_read, rows_inserted, rows_updated, rows_unchanged, rows_rejected, rows_conflicting,"
            " earliest_business_at from crm.loads where load_id = %s",
            self.load_id,
        )
        totals = dict(zip([column.name for column in self.cursor.description or ()], self._row(), strict=True))
        self._execute("select * from crm.load_tables where load_id = %s order by table_name", self.load_id)
        names = [column.name for column in self.cursor.description or ()]
        tables = [dict(zip(names, row, strict=True)) for row in self.cursor.fetchall()]
        for table in tables:
            self._execute(
                sql.SQL(
                    "select count(*) from crm.{} as v where v.tenant_id = %s and v.known_from = %s and v.is_deleted and"
                    " exists (select from crm.{} as p where p.tenant_id = v.tenant_id and p.{key} = v.{key}"
                    " and p.known_from < v.known_from)"
                ).format(
                    sql.Identifier(f"{table['table_name']}_current"), sql.Identifier(f"{table['table_name']}_versions"),
                    key=sql.Identifier(key_of(table["table_name"])),
                ),
                self.tenant, load_seq,
            )  # fmt: skip
            table["rows_deleted"] = self._scalar() if table["rows_inserted"] + table["rows_updated"] else 0
        self._execute(
            "select kind, file_name, line_no, reason from crm.load_rejects where load_id = %s"
            " order by kind desc, file_name, line_no limit %s",
            self.load_id, QUARANTINED_SHOWN,
        )  # fmt: skip
        quarantined = [
            dict(zip(("kind", "file", "line", "reason"), row, strict=True)) for row in self.cursor.fetchall()
        ]
        return LoadResult(
            self.tenant,
            self.mapping.name,
            self.load_id,
            load_seq,
            **totals,
            rows_deleted=sum(table["rows_deleted"] for table in tables),
            files=list(files.values()),
            tables=tables,
            quarantined=quarantined,
            notes=self._notes(),
        )

    def _notes(self) -> list[str]:
        """What answers of an API said of records that are not in them."""
        notes = []
        for found in self.surveys.values():
            answers = [part.answer for part in found if part.answer.envelopes]
            records, total = sum(a.records for a in answers), max((a.total for a in answers), default=0)
            is_cut = bool(answers) and sum(a.cut for a in answers) >= sum(a.envelopes for a in answers)
            if is_cut or records < total:
                count = (
                    f"{records:,} of {total:,} records"
                    if total
                    else f"{records:,} records and says that there are more"
                )
                notes.append(f"{found[0].name} holds {count}: the answers that follow are missing")
        return sorted(set(notes))

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
