"""`revops db` and `revops psql`: the databases themselves."""

from __future__ import annotations

import os
import shutil
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from revops_assets.cli import app, if_interrupted
from revops_assets.errors import RevopsError
from revops_assets.settings import get_settings

db = typer.Typer(no_args_is_help=True, help="Create, upgrade, find, back up, restore and stop the databases.")
app.add_typer(db, name="db")


class DatabaseName(StrEnum):
    """The databases that have an address of their own."""

    source = "source"
    warehouse = "warehouse"
    dagster = "dagster"


@db.command("upgrade")
def upgrade_command() -> None:
    """Create and upgrade every database, keeping its data. Run it as often as you like."""
    from revops_assets.warehouse.upgrade import upgrade

    settings = get_settings()
    done = upgrade(settings)
    where = "embedded" if settings.database_url is None else "given by REVOPS_DATABASE_URL"
    made = f"created {', '.join(done.created)}" if done.created else "all databases were there"
    print(f"PostgreSQL {done.server_version} ({where}): {made}; up to date in {done.seconds:.1f} s")


@db.command("url")
def url_command(
    database: Annotated[DatabaseName, typer.Option(help="Which database")] = DatabaseName.warehouse,
) -> None:
    """Print a database's address, as psql and libpq read it."""
    from revops_assets.warehouse import databases

    print(databases.libpq_url(databases.url_of(get_settings(), database.value)))


@db.command("stop")
def stop_command() -> None:
    """Stop the embedded PostgreSQL; the next command that needs it starts it again."""
    from revops_assets.warehouse import embedded

    settings = get_settings()
    if settings.database_url is not None:
        raise RevopsError("REVOPS_DATABASE_URL is set: that server is not ours to stop")
    print("stopped" if embedded.stop(settings.home) else "was not running")


@db.command("backup")
def backup_command(folder: Annotated[Path, typer.Argument(help="An empty folder, or one that is not there")]) -> None:
    """Write source, both warehouses and Dagster's storage into a folder. Loads and runs go on meanwhile."""
    from revops_assets.warehouse.backup import backup

    if_interrupted("the folder has no backup.json, and is no backup")
    for part in backup(get_settings(), folder):
        print(f"{part.database}: {part.file}, {part.bytes / 1e6:,.1f} MB")


@db.command("restore")
def restore_command(
    folder: Annotated[Path, typer.Argument(help="What `revops db backup` wrote")],
    force: Annotated[bool, typer.Option("--force", help="Replace databases that hold data")] = False,
) -> None:
    """Put a backup in place of every database, and upgrade them. Stop `make up` first."""
    from revops_assets.warehouse.backup import restore

    if_interrupted("some databases may be restored and others not: run it again with --force")
    logins = restore(get_settings(), folder, force)
    print(f"restored from {folder}")
    if logins:
        print(f"passwords are not in a backup: give {', '.join(logins)} theirs again")


@app.command("psql", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def psql_command(context: typer.Context) -> None:
    """psql on the warehouse of the current environment; arguments after -- go to psql."""
    from revops_assets.warehouse import databases, embedded

    address, environment = databases.for_program(databases.url_of(get_settings(), "warehouse"))
    program = shutil.which("psql") or str(embedded.binary("psql"))
    os.execve(program, [program, "-d", address, *context.args], environment)
