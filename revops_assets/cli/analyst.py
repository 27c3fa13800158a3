"""`revops analyst`: a folder for a person or a program that will query the warehouse."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from revops_assets.cli import app
from revops_assets.settings import get_settings

analyst = typer.Typer(no_args_is_help=True, help="A ready folder for whoever queries the warehouse, read-only.")
app.add_typer(analyst, name="analyst")


@analyst.command("setup")
def setup_command(
    directory: Annotated[Path, typer.Argument(help="Folder to write into")],
    tenant: Annotated[
        list[str] | None,
        typer.Option(help="The only companies that analysts read; default: what they were granted, at first every one"),
    ] = None,
) -> None:
    """Write a connection profile, a guide (CLAUDE.md), metrics and tables with their freshness, queries that run."""
    from revops_assets.reports.analyst import setup

    written = setup(get_settings(), directory, tenant or ())
    print(f"{directory}: {', '.join(path.name for path in written)}")
    print(f'Connect: PGSERVICEFILE={directory}/pg_service.conf PGPASSFILE={directory}/.pgpass psql "service=revops"')


@analyst.command("check")
def check_command(
    directory: Annotated[Path, typer.Argument(help="The folder of `revops analyst setup`")] = Path(),
    json: Annotated[bool, typer.Option("--json", help="Print data instead of text")] = False,
) -> None:
    """Whether the profile works and may only read, the example queries run, and the data is fresh."""
    from revops_assets.cli.show import print_json
    from revops_assets.reports.analyst import check

    faults, told = check(get_settings(), directory)
    if json:
        print_json({"ok": not faults, "faults": faults, "freshness": told})
    else:
        print(
            "\n".join([*(f"{line['tenant']}: {line['says']}" for line in told), *faults] or ["nothing was loaded yet"])
        )
    if faults or not told:
        raise typer.Exit(1)
