"""`revops materialize`: build assets, for a day or a range of days, as one run."""

from __future__ import annotations

from typing import Annotated

import typer

from revops_assets.cli import app, if_interrupted
from revops_assets.errors import RevopsError
from revops_assets.settings import get_settings


@app.command("materialize")
def materialize_command(
    select: Annotated[str, typer.Option(help="Assets, in Dagster's selection syntax")] = "*",
    partition: Annotated[str | None, typer.Option(help="One day, YYYY-MM-DD")] = None,
    first: Annotated[str | None, typer.Option("--from", help="First day of a range")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last day of a range")] = None,
    known_as_of: Annotated[
        int | None, typer.Option(min=0, help="As known after this load; default: the newest")
    ] = None,
    tenant: Annotated[
        list[str] | None, typer.Option(help="Only this tenant's rows; may be given several times")
    ] = None,
    stale: Annotated[bool, typer.Option("--stale", help="All stale partitions (ops.stale_partitions)")] = False,
    skip_current: Annotated[
        bool,
        typer.Option(
            "--skip-current", help="Do nothing where the same was built before of the same records, SQL, settings"
        ),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print data instead of a table")] = False,
) -> None:
    """Build assets and run their checks. Daily ones need --partition, or --from and --to: a range is one run."""
    from revops_assets.cli.funnel import finish
    from revops_assets.cli.show import Progress
    from revops_assets.datasets.partitions import checked_range
    from revops_assets.orchestration.runs import dagster_instance, run_assets, run_stale

    if (first is None) != (last is None) or (partition and first):
        raise RevopsError("give --partition D, or both --from A and --to B")
    ends = (partition, partition) if partition else (first, last)
    days = None
    if ends[0] and ends[1]:
        try:
            days = checked_range(ends[0], ends[1])
        except ValueError:
            raise RevopsError(f"{ends[0]} and {ends[1]} must be dates of the form YYYY-MM-DD") from None
    settings = get_settings()
    if_interrupted("what was written until then stays, every day of it whole; the same command builds the rest")
    if stale:
        if days or select != "*" or known_as_of is not None or tenant or skip_current:
            raise RevopsError("--stale takes no days, selection, load or tenant: it knows what to build")
        with dagster_instance(settings) as instance, Progress("datasets") as tell:
            results = run_stale(settings, instance, tell)
        for result in results:
            finish(result, json)
        if not results and not json:
            print("No partitions are stale.")
        return
    with dagster_instance(settings) as instance, Progress("datasets") as tell:
        result = run_assets(settings, select, days, instance, known_as_of, tenant or [], tell, skip_current)
    finish(result, json)
