"""`revops doctor`: does everything work here?"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from revops_assets.cli import app
from revops_assets.settings import get_settings


@app.command("doctor")
def doctor_command(
    json: Annotated[bool, typer.Option("--json", help="Print data instead of a table")] = False,
) -> None:
    """Try everything this installation needs; exit status 1 if something is amiss."""
    from revops_assets.cli.show import print_json, print_table
    from revops_assets.doctor import examine

    findings = list(examine(get_settings()))
    if json:
        print_json([asdict(finding) for finding in findings])
    else:
        print_table(["", "what", "found"], [("✓" if f.is_fine else "✗", f.what, f.found) for f in findings])
    if not all(finding.is_fine for finding in findings):
        raise typer.Exit(1)
