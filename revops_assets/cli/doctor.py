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
    consistency: Annotated[
        bool, typer.Option("--consistency", help="Compare what several datasets say of the same, on every stored day")
    ] = False,
) -> None:
    """Try everything this installation needs; exit status 1 if something is amiss."""
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
        if missing:
            print("\nWhat each tenant's source does not give:")
            rows = [(lack.tenant, lack.need, lack.without_it, lack.datasets) for lack in missing]
            print_table(["tenant", "missing input", "so", "which touches"], rows)
    if not is_whole:
        raise typer.Exit(1)


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
