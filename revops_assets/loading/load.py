"""One load: an export's files into raw and canonical tables of the source database, in one transaction."""

from __future__ import annotations

import hashlib
import re
import tempfile
from itertools import islice
from pathlib import Path
from typing import TextIO

import psycopg2
from psycopg2 import sql

from revops_assets.errors import RevopsError, Unreachable
from revops_assets.loading.copy import copy_rows
from revops_assets.loading.find import detect_mapping, files_in, find_files, name_in
from revops_assets.loading.manifest import NAME as MANIFEST
from revops_assets.loading.manifest import read_manifest
from revops_assets.loading.mapping import Mapping
from revops_assets.loading.mapping_file import read_mapping
from revops_assets.loading.progress import Tell, silent
from revops_assets.loading.records import Survey, survey
from revops_assets.loading.result import LoadResult, TooManyRejects
from revops_assets.loading.transaction import LoadTransaction, spooled
from revops_assets.settings import Settings
from revops_assets.warehouse import databases
from revops_assets.warehouse.trouble import in_one_sentence

SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
REJECTS_KEPT_OF_A_FAILED_LOAD = 1000
# Of a load's session only: its big sorts and hashes stay in memory.
LOAD_SESSION = {"work_mem": "256MB", "maintenance_work_mem": "512MB"}

# An export with a manifest is loaded once; what had been quarantined and is loaded by hand, is loaded.
NOTE_EXPORT = """
insert into crm.exports (tenant_id, sha256, directory, status, load_id) values (%s, %s, %s, 'loaded', %s)
on conflict (tenant_id, sha256) do update set status = 'loaded', load_id = excluded.load_id, error = null
where exports.status = 'quarantined'
"""
QUARANTINE = """
insert into crm.exports (tenant_id, sha256, directory, status, error) values (%s, %s, %s, 'quarantined', %s)
on conflict do nothing
"""


def load_export(settings: Settings, directory: Path) -> list[LoadResult] | None:
    """Load a folder of the landing zone as its manifest says; None if it was loaded before, or quarantined.

    What cannot be loaded is quarantined for good, and the RevopsError says why; Unreachable may be tried again.
    """
    tenant, sha256 = "default", unreadable_id(directory)
    try:
        manifest = read_manifest(directory)
        if manifest is None:
            raise RevopsError(f"{directory} has no manifest")
        tenant, sha256 = manifest.tenant, manifest.sha256
        if (tenant, sha256) in known_exports(settings):
            return None
        return load_all(settings, directory, choose_mappings(directory), tenant)
    except Unreachable:
        raise
    except RevopsError as error:
        if (tenant, sha256) in known_exports(settings):
            return None
        with databases.connect(settings, "source") as connection, connection.cursor() as cursor:
            cursor.execute(QUARANTINE, (tenant, sha256, str(directory), str(error)))
        raise


def choose_mappings(directory: Path, named: list[str] | None = None) -> list[Mapping]:
    """The mappings named; else those of the folder's manifest; else the shipped one that fits the folder."""
    manifest = read_manifest(directory) if directory.is_dir() else None
    names = named or (manifest.mappings if manifest else [])
    return [read_mapping(name, directory) for name in names] or [detect_mapping(directory)]


def unreadable_id(directory: Path) -> str:
    """What stands for an export whose manifest cannot be read: the hash of what is there."""
    path = directory / MANIFEST
    return hashlib.sha256(path.read_bytes() if path.is_file() else str(directory).encode()).hexdigest()


def known_exports(settings: Settings) -> set[tuple[str, str]]:
    """Tenant and hash of every export that was loaded or quarantined."""
    with databases.connect(settings, "source") as connection, connection.cursor() as cursor:
        cursor.execute("select tenant_id, sha256 from crm.exports")
        return set(cursor.fetchall())


def load_directory(
    settings: Settings, directory: Path, mapping: Mapping, tenant: str, dry_run: bool = False, tell: Tell = silent
) -> LoadResult:
    """Load an export by one mapping: see load_all."""
    return load_all(settings, directory, [mapping], tenant, dry_run, tell)[0]


def load_all(
    settings: Settings,
    directory: Path,
    mappings: list[Mapping],
    tenant: str,
    dry_run: bool = False,
    tell: Tell = silent,
) -> list[LoadResult]:
    """Load an export by each of the mappings, each a load of its own; all of it is visible afterwards or, on any
    error, none. A dry run does all and then undoes it. The last result says which files of the folder nothing read."""
    if not SLUG.fullmatch(tenant):
        raise RevopsError(f"tenant {tenant!r} is not a slug: lower-case letters, digits, '-' and '_', at most 63")
    manifest = read_manifest(directory)
    if manifest:
        manifest.verify(directory)
        if manifest.complete:
            mappings = [mapping.model_copy(update={"complete": True}) for mapping in mappings]
    surveyed = [(mapping, _survey_files(directory, mapping)) for mapping in mappings]
    read = {part.path for _, found in surveyed for parts in found.values() for part in parts}
    connection = databases.open_connection(settings, databases.url_of(settings, "source"), **LOAD_SESSION)
    results: list[LoadResult] = []
    with tempfile.TemporaryFile("w+", encoding="utf-8") as rejects:
        mapping = mappings[0]
        try:
            for mapping, found in surveyed:
                rejects.seek(0)
                rejects.truncate()
                with connection.cursor() as cursor:
                    step = LoadTransaction(
                        cursor, mapping, tenant, str(directory), found, rejects, settings.timezone, tell
                    )
                    results.append(step.run())
                results[-1].dry_run = dry_run
            used = {mapping.sha256 for mapping in mappings}
            unread = [path for path in files_in(directory) if path not in read and not _is_one_of(path, used)]
            results[-1].unread = [name_in(directory, path) for path in unread]
            if manifest and manifest.tenant == tenant:
                with connection.cursor() as cursor:
                    cursor.execute(NOTE_EXPORT, (tenant, manifest.sha256, str(directory), results[-1].load_id))
            if dry_run:
                connection.rollback()
            else:
                connection.commit()
            return results
        except (RevopsError, psycopg2.Error) as error:
            connection.close()
            text = in_one_sentence(error) or " ".join(str(error).split())
            if isinstance(error, psycopg2.OperationalError):
                raise Unreachable(f"load of {directory} was cut off, nothing was loaded: {text}") from error
            if not dry_run:
                load_id = _record_failure(settings, mapping, tenant, str(directory), text, rejects)
            if isinstance(error, TooManyRejects) and not dry_run:
                raise RevopsError(f"{error} (more of them: crm.load_rejects, load_id {load_id})") from None
            if isinstance(error, RevopsError):
                raise
            raise RevopsError(f"load of {directory} failed, nothing was loaded: {text}") from error
        finally:
            connection.close()


def _is_one_of(path: Path, hashes: set[str]) -> bool:
    """Whether a file of the folder is one of the mappings that it was loaded by."""
    return path.suffix in (".yaml", ".yml") and hashlib.sha256(path.read_bytes()).hexdigest() in hashes


def _survey_files(directory: Path, mapping: Mapping) -> dict[str, list[Survey]]:
    """The files that each object is read from; RevopsError if a required one is missing or cannot be it."""
    if not directory.is_dir():
        raise RevopsError(f"{directory} is not a directory")
    found = find_files(directory, mapping.files)
    for key, file in mapping.files.items():
        if file.required and key not in found:
            raise RevopsError(f"{directory}: required file {' or '.join(file.path)} is missing; nothing was loaded")
    return {
        key: [survey(path, mapping.files[key], name_in(directory, path)) for path in paths]
        for key, paths in found.items()
    }


def _record_failure(
    settings: Settings, mapping: Mapping, tenant: str, directory: str, error: str, rejects: TextIO
) -> int:
    """Leave a trace of a load that was undone: its row, and the first of its rejects; returns its load_id."""
    with databases.connect(settings, "source") as connection, connection.cursor() as cursor:
        cursor.execute("select crm.start_load(%s, %s, %s)", (tenant, mapping.name, directory))
        [(load_id,)] = cursor.fetchall()
        cursor.execute(
            "update crm.loads set status = 'failed', finished_at = clock_timestamp(), error = %s where load_id = %s",
            (error, load_id),
        )
        kept = islice(spooled(rejects), REJECTS_KEPT_OF_A_FAILED_LOAD)
        copy_rows(cursor, sql.SQL("crm.load_rejects"), ([load_id, tenant, "rejected", *row] for row in kept))
    return int(load_id)
