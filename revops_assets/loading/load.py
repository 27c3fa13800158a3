"""One load: an export's files into raw and canonical tables of the source database, in one transaction."""

from __future__ import annotations

import re
import tempfile
from itertools import islice
from pathlib import Path
from typing import TextIO

import psycopg2
from psycopg2 import sql

from revops_assets.errors import RevopsError
from revops_assets.loading.copy import copy_rows
from revops_assets.loading.mapping import Mapping
from revops_assets.loading.records import Survey, survey
from revops_assets.loading.transaction import LoadResult, LoadTransaction, TooManyRejects, spooled
from revops_assets.settings import Settings
from revops_assets.warehouse import databases

SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
REJECTS_KEPT_OF_A_FAILED_LOAD = 1000
# Of a load's session only: its big sorts and hashes stay in memory.
LOAD_SESSION = {"work_mem": "256MB", "maintenance_work_mem": "512MB"}


def load_directory(
    settings: Settings, directory: Path, mapping: Mapping, tenant: str, dry_run: bool = False
) -> LoadResult:
    """Load an export; all of it is visible afterwards or, on any error, none. A dry run does all and then undoes it."""
    if not SLUG.fullmatch(tenant):
        raise RevopsError(f"tenant {tenant!r} is not a slug: lower-case letters, digits, '-' and '_', at most 63")
    surveys = _survey_files(directory, mapping)
    connection = databases.open_connection(settings, databases.url_of(settings, "source"), **LOAD_SESSION)
    with tempfile.TemporaryFile("w+", encoding="utf-8") as rejects:
        try:
            with connection.cursor() as cursor:
                result = LoadTransaction(cursor, mapping, tenant, str(directory), surveys, rejects).run()
            result.dry_run = dry_run
            if dry_run:
                connection.rollback()
            else:
                connection.commit()
            return result
        except (RevopsError, psycopg2.Error) as error:
            connection.close()
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
