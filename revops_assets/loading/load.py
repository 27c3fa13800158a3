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
from revops_assets.loading.manifest import NAME as MANIFEST
from revops_assets.loading.manifest import read_manifest
from revops_assets.loading.mapping import Mapping, detect_mapping, read_mapping
from revops_assets.loading.records import Survey, survey
from revops_assets.loading.transaction import LoadResult, LoadTransaction, TooManyRejects, spooled
from revops_assets.settings import Settings
from revops_assets.warehouse import databases

SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
REJECTS_KEPT_OF_A_FAILED_LOAD = 1000
# Of a load's session only: its big sorts and hashes stay in memory.
LOAD_SESSION = {"work_mem": "256MB", "maintenance_work_mem": "512MB"}

# An export with a manifest is loaded once; what had been set aside and is loaded by hand, is loaded.
NOTE_EXPORT = """
insert into crm.exports (tenant_id, sha256, directory, status, load_id) values (%s, %s, %s, 'loaded', %s)
on conflict (tenant_id, sha256) do update set status = 'loaded', load_id = excluded.load_id, error = null
where exports.status = 'set aside'
"""
SET_ASIDE = """
insert into crm.exports (tenant_id, sha256, directory, status, error) values (%s, %s, %s, 'set aside', %s)
on conflict do nothing
"""


def load_export(settings: Settings, directory: Path) -> LoadResult | None:
    """Load a folder of the landing zone as its manifest says; None if it was loaded before, or set aside.

    What cannot be loaded is set aside for good, and the RevopsError says why; Unreachable may be tried again.
    """
    tenant, sha256 = "default", unreadable_id(directory)
    try:
        manifest = read_manifest(directory)
        if manifest is None:
            raise RevopsError(f"{directory} has no manifest")
        tenant, sha256 = manifest.tenant, manifest.sha256
        if (tenant, sha256) in known_exports(settings):
            return None
        mapping = read_mapping(manifest.mapping) if manifest.mapping else detect_mapping(directory)
        return load_directory(settings, directory, mapping, tenant)
    except Unreachable:
        raise
    except RevopsError as error:
        if (tenant, sha256) in known_exports(settings):
            return None
        with databases.connect(settings, "source") as connection, connection.cursor() as cursor:
            cursor.execute(SET_ASIDE, (tenant, sha256, str(directory), str(error)))
        raise


def unreadable_id(directory: Path) -> str:
    """What stands for an export whose manifest cannot be read: the hash of what is there."""
    path = directory / MANIFEST
    return hashlib.sha256(path.read_bytes() if path.is_file() else str(directory).encode()).hexdigest()


def known_exports(settings: Settings) -> set[tuple[str, str]]:
    """Tenant and hash of every export that was loaded or set aside."""
    with databases.connect(settings, "source") as connection, connection.cursor() as cursor:
        cursor.execute("select tenant_id, sha256 from crm.exports")
        return set(cursor.fetchall())


def load_directory(
    settings: Settings, directory: Path, mapping: Mapping, tenant: str, dry_run: bool = False
) -> LoadResult:
    """Load an export; all of it is visible afterwards or, on any error, none. A dry run does all and then undoes it."""
    if not SLUG.fullmatch(tenant):
        raise RevopsError(f"tenant {tenant!r} is not a slug: lower-case letters, digits, '-' and '_', at most 63")
    manifest = read_manifest(directory)
    if manifest:
        manifest.verify(directory)
    surveys = _survey_files(directory, mapping)
    connection = databases.open_connection(settings, databases.url_of(settings, "source"), **LOAD_SESSION)
    with tempfile.TemporaryFile("w+", encoding="utf-8") as rejects:
        try:
            with connection.cursor() as cursor:
                result = LoadTransaction(cursor, mapping, tenant, str(directory), surveys, rejects).run()
            result.dry_run = dry_run
            if manifest and manifest.tenant == tenant:
                with connection.cursor() as cursor:
                    cursor.execute(NOTE_EXPORT, (tenant, manifest.sha256, str(directory), result.load_id))
            if dry_run:
                connection.rollback()
            else:
                connection.commit()
            return result
        except (RevopsError, psycopg2.Error) as error:
            connection.close()
            if isinstance(error, psycopg2.OperationalError):
                raise Unreachable(f"load of {directory} was cut off, nothing was loaded: {error}") from error
            text = " ".join(str(error).split())
            if not dry_run:
                load_id = _record_failure(settings, mapping, tenant, str(directory), text, rejects)
            if isinstance(error, TooManyRejects) and not dry_run:
                raise RevopsError(f"{error} (more of them: crm.load_rejects, load_id {load_id})") from None
            if isinstance(error, RevopsError):
                raise
            raise RevopsError(f"load of {directory} failed, nothing was loaded: {text}") from error
        finally:
            connection.close()


def _survey_files(directory: Path, mapping: Mapping) -> dict[str, Survey]:
    if not directory.is_dir():
        raise RevopsError(f"{directory} is not a directory")
    found = {}
    for key, file in mapping.files.items():
        path = directory / file.path
        if path.is_file():
            found[key] = survey(path, file)
        elif file.required:
            raise RevopsError(f"{directory}: required file {file.path} is missing; nothing was loaded")
    return found


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
