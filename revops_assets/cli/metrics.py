"""`revops metrics`: the registry of business metrics: what they mean, and what they are."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from revops_assets.cli import app
from revops_assets.settings import get_settings

if TYPE_CHECKING:
    from revops_assets.registry.store import Stored

metrics = typer.Typer(no_args_is_help=True, help="Business metrics: one definition each, and what they are.")
app.add_typer(metrics, name="metrics")

Json = Annotated[bool, typer.Option("--json", help="Print data instead of text")]
Id = Annotated[str, typer.Argument(help="category/name, or a synonym")]


@metrics.command("list")
def list_command(
    category: Annotated[str | None, typer.Option(help="Only this category")] = None, json: Json = False
) -> None:
    """The metrics, by category."""
    from revops_assets.cli.show import print_json, print_table
    from revops_assets.registry import store
    from revops_assets.warehouse import databases

    with databases.engine(get_settings(), "warehouse").connect() as connection:
        found = store.list_all(connection, category)
    if json:
        print_json({"metrics": [stored.data for stored in found], "count": len(found)})
        return
    print_table(
        ["metric", "unit", "grain", "what it is"],
        [(stored.metric.id, stored.metric.unit, stored.metric.grain, stored.metric.description) for stored in found],
    )
    if not found:
        print("There are none: `revops metrics import` brings the starter pack.")


@metrics.command("show")
def show_command(metric_id: Id, json: Json = False) -> None:
    """One metric: what it means and the SQL that computes it."""
    from revops_assets.cli.show import print_json
    from revops_assets.registry.documents import to_yaml

    stored = _find(metric_id)
    if json:
        print_json(stored.data)
    else:
        print(to_yaml(stored.metric), end="")


@metrics.command("import")
def import_command(
    path: Annotated[Path | None, typer.Argument(help="A file or folder; default: REVOPS_METRICS_DIR")] = None,
    prune: Annotated[bool, typer.Option("--prune", help="Delete what the source brought and no longer holds")] = False,
    source_ref: Annotated[str | None, typer.Option(help="Name of the source, for --prune")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing")] = False,
    json: Json = False,
) -> None:
    """Bring definitions from YAML files category/metric.yml. A broken file is named, the others are imported."""
    from revops_assets.cli.show import print_json
    from revops_assets.registry.sync import import_definitions
    from revops_assets.warehouse import databases

    settings = get_settings()
    with databases.engine(settings, "warehouse").begin() as connection:
        done = import_definitions(connection, path or settings.metrics_dir, prune, source_ref, dry_run)
    if json:
        failures = [failure._asdict() for failure in done.failures]
        print_json({**done.actions, "pruned": done.pruned, "failures": failures, "dry_run": dry_run})
    else:
        told = ", ".join(f"{len(ids)} {action}" for action, ids in done.actions.items())
        print(f"{done.count} metrics: {told}{', nothing written' if dry_run else ''}")
        if done.pruned:
            print(f"{'Would delete' if dry_run else 'Deleted'}: {', '.join(done.pruned)}")
        for failure in done.failures:
            print(f"  {failure}")
    if done.failures or not done.count:
        raise typer.Exit(1)


@metrics.command("export")
def export_command(directory: Annotated[Path, typer.Option("--dir", help="Folder to write into")]) -> None:
    """Write every definition as category/metric.yml, and the index metrics.yml."""
    from revops_assets.registry.sync import export_definitions
    from revops_assets.warehouse import databases

    with databases.engine(get_settings(), "warehouse").connect() as connection:
        written = export_definitions(connection, directory)
    print(f"{len(written) - 1} metrics and the index in {directory}")


@metrics.command("validate")
def validate_command(
    path: Annotated[Path | None, typer.Argument(help="A file or folder; default: what is in the registry")] = None,
    tenant: Annotated[str | None, typer.Option(help="Also compare variants with the whole, of this tenant")] = None,
    json: Json = False,
) -> None:
    """Whether tables, columns and dimensions exist, and the SQL is one SELECT that plans."""
    from revops_assets.cli.show import print_json
    from revops_assets.registry import store
    from revops_assets.registry.documents import read
    from revops_assets.registry.validate import validate
    from revops_assets.warehouse import databases

    settings, broken = get_settings(), []
    if path:
        folder = read(path)
        checked = folder.metrics
        broken = list(map(str, folder.failures))
    else:
        with databases.engine(settings, "warehouse").connect() as connection:
            checked = [stored.metric for stored in store.list_all(connection)]
    faults = [*broken, *map(str, validate(settings, checked, tenant))]
    if json:
        print_json({"checked": len(checked), "faults": faults})
    else:
        print("\n".join(faults) if faults else f"{len(checked)} metrics hold")
    if faults or not checked:
        raise typer.Exit(1)


@metrics.command("run")
def run_command(
    metric_id: Id,
    tenant: Annotated[str, typer.Option(help="Slug of the company")],
    day: Annotated[
        str | None, typer.Option(help="As of this day's end (YYYY-MM-DD); default: the newest load's")
    ] = None,
    variant: Annotated[str | None, typer.Option(help="A variant, as in by_channel")] = None,
    json: Json = False,
) -> None:
    """Compute a metric, as of the end of a day, and say by which SQL."""
    from revops_assets.cli.show import print_json, print_table
    from revops_assets.registry.run import as_data, run

    stored = _find(metric_id)
    values = run(get_settings(), stored.metric, tenant, _day(day), variant)
    data = as_data(values)
    if json:
        print_json(data)
        return
    print_table(
        [name + (">" if name not in (*stored.metric.dimensions, "period") else "") for name in values.columns],
        [list(row.values()) for row in data["rows"]],
        title=f"{stored.metric.display_name} of {tenant}, as of the end of {values.day} ({stored.metric.unit})",
    )


def _find(word: str) -> Stored:
    """A metric by id, else by the one whose name or synonym it is."""
    from revops_assets.errors import RevopsError
    from revops_assets.registry import store
    from revops_assets.warehouse import databases

    with databases.engine(get_settings(), "warehouse").connect() as connection:
        if "/" in word:
            return store.get(connection, word)
        found = store.by_synonym(connection, word)
    if len(found) == 1:
        return found[0]
    if found:
        raise RevopsError(f"{word!r} may be {' or '.join(stored.metric.id for stored in found)}: say which")
    raise RevopsError(f"there is no metric {word!r}: `revops metrics list` shows what there is")


def _day(given: str | None) -> date | None:
    from revops_assets.errors import RevopsError

    try:
        return date.fromisoformat(given) if given else None
    except ValueError:
        raise RevopsError(f"--day {given!r} is not of the form YYYY-MM-DD") from None
