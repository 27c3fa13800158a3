"""Backup and restore: source, warehouses and Dagster's storage as PostgreSQL's own dumps, with a manifest.

The warehouses are dumped before the source, so that whatever they have seen of it is in the backup too. Roles belong to
the server, not to a database: those of the installation are made anew, logins that an operator gave rights come back
without their passwords.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg2 import sql

from revops_assets.errors import RevopsError
from revops_assets.settings import Settings
from revops_assets.warehouse import databases, embedded
from revops_assets.warehouse.roles import create_roles, roles
from revops_assets.warehouse.upgrade import create_database, upgrade

MANIFEST = "backup.json"
# In the order in which they are dumped.
PARTS: Mapping[str, tuple[databases.Database, str]] = {
    "dagster": ("dagster", "dev"), "warehouse_dev": ("warehouse", "dev"), "warehouse_prod": ("warehouse", "prod"),
    "source": ("source", "dev"),
}  # fmt: skip
# Logins of operators: whoever is a member of one of our roles.
MEMBERS = """
select m.rolname, m.rolcanlogin, array_agg(r.rolname::text order by r.rolname)
from pg_auth_members as a
inner join pg_roles as m on m.oid = a.member
inner join pg_roles as r on r.oid = a.roleid
where r.rolname = any(%s) and m.rolname <> all(%s) and m.rolname <> current_user
group by m.rolname, m.rolcanlogin
order by m.rolname
"""
HOLDS_DATA: Mapping[databases.Database, tuple[str, str]] = {
    "source": ("crm.loads", "loads"),
    "warehouse": ("ops.partition_ledger", "days that were built"),
}


@dataclass(frozen=True)
class Part:
    """One database of a backup: its file, how large it is."""

    database: str
    file: str
    bytes: int


def backup(settings: Settings, folder: Path) -> list[Part]:
    """Write every database into an empty folder that only its owner can read; RevopsError says what is missing."""
    dump = program(settings, "pg_dump")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RevopsError(f"{folder} is not an empty folder: name a new one")
    for name in PARTS:
        if not databases.exists(*_of(settings, name)):
            raise RevopsError(f"there is no database {_name(settings, name)}: run `revops db upgrade` first")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    parts = []
    for name in PARTS:
        file = folder / f"{name}.dump"
        _run(settings, name, [dump, "--format=custom", "--no-owner", f"--file={file}"], f"backup into {folder}")
        file.chmod(0o600)
        parts.append(Part(_name(settings, name), file.name, file.stat().st_size))
    manifest = {
        "prefix": settings.database_prefix, "members": _members(settings),
        "files": [{"name": part.file, "bytes": part.bytes, "sha256": _sha256(folder / part.file)} for part in parts],
    }  # fmt: skip
    (folder / MANIFEST).write_text(
        json.dumps(manifest, indent=1) + "\n", encoding="utf-8"
    )  # last: with it, it is whole
    return parts


def restore(settings: Settings, folder: Path, force: bool = False) -> list[str]:
    """Put a backup into place of every database, and upgrade them; returns logins that need a password again.

    RevopsError where a file is not as it was written or, without force, a database holds data.
    """
    manifest = read_backup(settings, folder)
    program_path = program(settings, "pg_restore")
    if not force:
        _refuse_data(settings)
    guard = databases.open_connection(settings, databases.server_url(settings))
    guard.autocommit = True
    try:
        create_roles(guard, settings)
        with guard.cursor() as cursor:
            logins = _create_members(cursor, manifest["members"])
            for name in PARTS:
                statement = sql.SQL("drop database if exists {} with (force)")
                cursor.execute(statement.format(sql.Identifier(_name(settings, name))))
                create_database(cursor, _name(settings, name))
                command = [program_path, "--no-owner", "--exit-on-error", str(folder / f"{name}.dump")]
                _run(settings, name, command, f"restore of {folder} (once it is mended, run it again with --force)")
    finally:
        guard.close()
    upgrade(settings)
    return logins


def read_backup(settings: Settings, folder: Path) -> dict[str, Any]:
    """A backup's manifest, once every file is as the manifest says."""
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        files, prefix, _ = manifest["files"], manifest["prefix"], manifest["members"]
        listed = {file["name"]: (file["bytes"], file["sha256"]) for file in files}
    except FileNotFoundError:
        raise RevopsError(f"{folder} is no finished backup: it has no {MANIFEST}") from None
    except (ValueError, KeyError, TypeError):
        raise RevopsError(f"{folder / MANIFEST} is none that `revops db backup` wrote") from None
    if prefix != settings.database_prefix:
        raise RevopsError(f"{folder} is of an installation with REVOPS_DATABASE_PREFIX={prefix!r}: set it")
    for name in (f"{part}.dump" for part in PARTS):
        path = folder / name
        if not path.is_file() or listed.get(name) != (path.stat().st_size, _sha256(path)):
            raise RevopsError(f"{path} is not as `revops db backup` wrote it; nothing was restored")
    return manifest


def program(settings: Settings, name: str) -> str:
    """Path of one of PostgreSQL's client programs: that of the embedded server, else the one on PATH."""
    try:
        own = embedded.binary(name)
    except RevopsError:
        own = None
    if own is not None and own.exists():
        return str(own)
    if found := shutil.which(name):
        return found
    raise RevopsError(f"{name} is missing: install PostgreSQL's client programs of the server's release or a newer one")


def _of(settings: Settings, name: str) -> tuple[Settings, databases.Database]:
    database, env = PARTS[name]
    return settings.for_env("prod" if env == "prod" else "dev"), database


def _name(settings: Settings, name: str) -> str:
    return databases.name_of(*_of(settings, name))


def _run(settings: Settings, name: str, command: list[str], what: str) -> None:
    """Run a client program on one database."""
    url = databases.url_of(*_of(settings, name))
    address, environment = databases.for_program(url)
    environment["LC_ALL"] = "C"
    done = subprocess.run([*command, f"--dbname={address}"], env=environment, capture_output=True, text=True)
    if done.returncode:
        told = " ".join(done.stderr.split()) or f"exit status {done.returncode}"
        raise RevopsError(f"{what} failed at {url.database}: {told}")


def _members(settings: Settings) -> list[dict[str, Any]]:
    ours = list(roles(settings).names.values())
    with databases.connect(settings, "source") as connection, connection.cursor() as cursor:
        cursor.execute(MEMBERS, (ours, ours))
        return [{"name": name, "login": login, "member_of": of} for name, login, of in cursor.fetchall()]


def _create_members(cursor: Any, members: list[dict[str, Any]]) -> list[str]:
    """Roles that are not there, with what they were members of; returns the logins among them."""
    logins = []
    for member in members:
        role = sql.Identifier(member["name"])
        cursor.execute("select from pg_roles where rolname = %s", (member["name"],))
        if not cursor.fetchone():
            cursor.execute(sql.SQL("create role {} login" if member["login"] else "create role {}").format(role))
            logins += [member["name"]] if member["login"] else []
        for group in member["member_of"]:
            cursor.execute(sql.SQL("grant {} to {}").format(sql.Identifier(group), role))
    return logins


def _refuse_data(settings: Settings) -> None:
    for name, (database, _) in PARTS.items():
        if database not in HOLDS_DATA or not databases.exists(*_of(settings, name)):
            continue
        table, what = HOLDS_DATA[database]
        with databases.connect(*_of(settings, name)) as connection, connection.cursor() as cursor:
            cursor.execute("select to_regclass(%s) is not null", (table,))
            if cursor.fetchall() == [(False,)]:
                continue
            cursor.execute(sql.SQL("select exists (select from {})").format(sql.Identifier(*table.split("."))))
            if cursor.fetchall() == [(True,)]:
                raise RevopsError(
                    f"the database {_name(settings, name)} holds {what}; nothing was restored: --force replaces it all"
                )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
