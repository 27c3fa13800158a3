"""One load: an export's files into raw and canonical tables of the source database, in one transaction."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Collection
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TextIO

import psycopg2
from psycopg2 import sql

from revops_assets.errors import RevopsError, Unreachable, printable
from revops_assets.loading.copy import copy_rows
from revops_assets.loading.find import detect_mapping, files_in, find_files, name_in
from revops_assets.loading.manifest import LARGEST, SLUG, Manifest, read_manifest
from revops_assets.loading.manifest import NAME as MANIFEST
from revops_assets.loading.mapping import Mapping
from revops_assets.loading.mapping_file import installed_mapping, read_mapping
from revops_assets.loading.progress import Tell, silent
from revops_assets.loading.records import Survey, survey
from revops_assets.loading.result import LoadResult, TooManyRejects
from revops_assets.loading.transaction import LoadTransaction, spooled
from revops_assets.settings import Settings, get_settings
from revops_assets.untrusted.regular_files import inside, read_regular, shown
from revops_assets.warehouse import databases
from revops_assets.warehouse.databases import driver_connection
from revops_assets.warehouse.trouble import in_one_sentence

REJECTS_KEPT_OF_A_FAILED_LOAD = 1000
# Of a load's transaction only: its big sorts and hashes stay in memory.
IN_MEMORY = "select set_config('work_mem', '256MB', true), set_config('maintenance_work_mem', '512MB', true)"

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
        manifest = landed(settings, directory)
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
            cursor.execute(QUARANTINE, (tenant, sha256, shown(directory), str(error)))
        raise


def landed(settings: Settings, directory: Path) -> Manifest:
    """The manifest of a folder of the landing zone; RevopsError if it has none that can be read, or lies elsewhere."""
    if directory.is_relative_to(settings.landing):
        inside(settings.landing, directory)
    manifest = read_manifest(directory)
    if manifest is None or not _is_printable(directory):
        raise RevopsError(f"{shown(directory)} has no manifest, or a name that cannot be printed")
    return manifest


def _is_printable(directory: Path) -> bool:
    """Whether the name of a folder can stand in a run's configuration."""
    return shown(directory) == str(directory)


def choose_mappings(directory: Path, named: list[str] | None = None) -> list[Mapping]:
    """The mappings named, which may be any files; else the installed ones that the folder's manifest names; else the
    shipped one that fits the folder."""
    if named:
        return [read_mapping(name, directory) for name in named]
    manifest = read_manifest(directory) if directory.is_dir() else None
    if manifest and manifest.mappings:
        return [installed_mapping(name, get_settings().mappings_dir) for name in manifest.mappings]
    return [detect_mapping(directory, manifest.names if manifest else None)]


def unreadable_id(directory: Path) -> str:
    """What stands for an export whose manifest cannot be read: the hash of what is there."""
    told = shown(directory).encode()
    if _is_printable(directory):
        with suppress(RevopsError):
            told = read_regular(directory / MANIFEST, LARGEST)
    return hashlib.sha256(told).hexdigest()


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
    if not re.fullmatch(SLUG, tenant):
        raise RevopsError(f"tenant {tenant!r} is not a slug: lower-case letters, digits, '-' and '_', at most 63")
    manifest = read_manifest(directory)
    if manifest:
        manifest.verify(directory)
        if manifest.complete:
            mappings = [mapping.model_copy(update={"complete": True}) for mapping in mappings]
    listed = manifest.names if manifest else None
    surveyed = [(mapping, _survey_files(directory, mapping, listed)) for mapping in mappings]
    read = {part.name for _, found in surveyed for parts in found.values() for part in parts}
    session = databases.engine(settings, "source").connect()
    connection = driver_connection(session)
    results: list[LoadResult] = []
    with tempfile.TemporaryFile("w+", encoding="utf-8") as rejects:
        mapping = mappings[0]
        try:
            with connection.cursor() as cursor:
                cursor.execute(IN_MEMORY)
            for mapping, found in surveyed:
                rejects.seek(0)
                rejects.truncate()
                with connection.cursor() as cursor:
                    step = LoadTransaction(
                        cursor, mapping, tenant, shown(directory), found, rejects, settings.timezone, tell
                    )
                    results.append(step.run())
                results[-1].dry_run = dry_run
            used = {mapping.sha256 for mapping in mappings}
            left = [path for path in files_in(directory) if name_in(directory, path) not in read]
            results[-1].unread = [name_in(directory, path) for path in left if not _is_one_of(path, used)]
            if manifest and manifest.tenant == tenant:
                with connection.cursor() as cursor:
                    cursor.execute(NOTE_EXPORT, (tenant, manifest.sha256, shown(directory), results[-1].load_id))
            if dry_run:
                connection.rollback()
            else:
                connection.commit()
            return results
        except (RevopsError, psycopg2.Error) as error:
            session.invalidate()  # with all that it did
            text = printable(in_one_sentence(error) or " ".join(str(error).split()))
            if isinstance(error, psycopg2.OperationalError):
                raise Unreachable(f"load of {directory} was cut off, nothing was loaded: {text}") from error
            if not dry_run:
                load_id = _record_failure(settings, mapping, tenant, shown(directory), text, rejects)
            if isinstance(error, TooManyRejects) and not dry_run:
                raise RevopsError(f"{error} (more of them: crm.load_rejects, load_id {load_id})") from None
            if isinstance(error, RevopsError):
                raise
            raise RevopsError(f"load of {directory} failed, nothing was loaded: {text}") from error
        except BaseException:
            session.invalidate()
            raise
        finally:
            session.close()


def _is_one_of(path: Path, hashes: set[str]) -> bool:
    """Whether a file of the folder is one of the mappings that it was loaded by."""
    if path.suffix not in (".yaml", ".yml") or not path.is_file():
        return False
    return hashlib.sha256(path.read_bytes()).hexdigest() in hashes


def _survey_files(directory: Path, mapping: Mapping, listed: Collection[str] | None) -> dict[str, list[Survey]]:
    """The files that each object is read from; RevopsError if a required one is missing or cannot be it."""
    if not directory.is_dir():
        raise RevopsError(f"{directory} is not a directory")
    found = find_files(directory, mapping.files, listed)
    for key, file in mapping.files.items():
        if file.required and key not in found:
            raise RevopsError(f"{directory}: required file {' or '.join(file.path)} is missing; nothing was loaded")
    return {key: [survey(path, mapping.files[key], directory) for path in paths] for key, paths in found.items()}


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
