"""`revops doctor`: does everything work here?"""

from __future__ import annotations

from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import typer

from revops_assets.cli import app
from revops_assets.settings import get_settings

if TYPE_CHECKING:
    from revops_assets.diagnostics.missing_inputs import MissingInput

MISSING_SHOWN = 6


@app.command("doctor")
def doctor_command(
    json: Annotated[bool, typer.Option("--json", help="Print data instead of a table")] = False,
    consistency: Annotated[
        bool, typer.Option("--consistency", help="Compare what several datasets say of the same, on every stored day")
    ] = False,
    show_all: Annotated[bool, typer.Option("--all", help="Everything that a source does not give")] = False,
) -> None:
    """Try everything this installation needs, and say what each source lacks; exit status 1 if something is amiss."""
    if consistency:
        _compare(json)
        return
    from revops_assets.cli.show import print_json, print_table
    from revops_assets.diagnostics.doctor import examine
    from revops_assets.diagnostics.missing_inputs import missing_inputs

    findings = list(examine(get_settings()))
    is_whole = all(finding.is_fine for finding in findings)
    missing = missing_inputs(get_settings()) if is_whole else []
    if json:
        print_json({"findings": [asdict(f) for f in findings], "missing_inputs": [asdict(lack) for lack in missing]})
    else:
        print_table(["", "what", "found"], [("✓" if f.is_fine else "✗", f.what, f.found) for f in findings])
        for _, lacks in groupby(missing, key=lambda lack: lack.tenant):
            print_missing(list(lacks), show_all)
    if not is_whole:
        raise typer.Exit(1)


def print_missing(missing: list[MissingInput], show_all: bool = False) -> None:
    """What a tenant's source does not give, by what is lost; the most important only, unless all is asked for."""
    from revops_assets.cli.show import console

    if not missing:
        return
    shown = missing if show_all else missing[:MISSING_SHOWN]
    console.print(f"\n[bold]What the source of {missing[0].tenant} does not give[/bold]")
    for loses, lacks in groupby(shown, key=lambda lack: lack.loses):
        console.print(f"{loses}:")
        for lack in lacks:
            console.print(f"  {lack.need}: {lack.without_it} ({lack.datasets})", markup=False)
            if lack.mapping:
                console.print(f"    mapping: {lack.mapping}", markup=False)
    if len(shown) < len(missing):
        console.print(f"… {len(missing) - len(shown)} more: revops doctor --all")


def _compare(json: bool) -> None:
    from revops_assets.cli.show import print_json, print_table
    from revops_assets.diagnostics.consistency import topics
    from revops_assets.warehouse import databases

    with databases.engine(get_settings(), "warehouse").begin() as connection:
        found = list(topics(connection))
    if json:
        print_json([asdict(topic) for topic in found])
    else:
        rows = [("✗" if t.differing else "✓", t.name, t.about, t.compared, t.differing) for t in found]
        print_table(["", "topic", "what", "said twice", "differently"], rows)
        for topic in found:
            for difference in topic.first:
                typer.echo(str(difference))
    if any(topic.differing for topic in found):
        raise typer.Exit(1)
