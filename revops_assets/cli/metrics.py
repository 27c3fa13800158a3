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
def export_command(
    directory: Annotated[Path, typer.Option("--dir", help="Folder to write into")],
    ossie: Annotated[bool, typer.Option("--ossie", help="One Apache Ossie (OSI 0.2) document, ossie.yml")] = False,
) -> None:
    """Write every definition as category/metric.yml, and the index metrics.yml."""
    from revops_assets.registry.sync import export_definitions, export_ossie
    from revops_assets.warehouse import databases

    with databases.engine(get_settings(), "warehouse").connect() as connection:
        if ossie:
            print(export_ossie(connection, directory))
            return
        written = export_definitions(connection, directory)
    print(f"{len(written) - 1} metrics and the index in {directory}")


@metrics.command("validate")
def validate_command(
    path: Annotated[Path | None, typer.Argument(help="A file or folder; default: what is in the registry")] = None,
    tenant: Annotated[str | None, typer.Option(help="Also compare variants with the whole, of this tenant")] = None,
    without_database: Annotated[bool, typer.Option("--offline", help="Only what needs no database; of a path")] = False,
    json: Json = False,
) -> None:
    """Whether tables, columns and dimensions exist, and the SQL is one SELECT that plans."""
    from revops_assets.cli.show import print_json
    from revops_assets.registry import store
    from revops_assets.registry.documents import read
    from revops_assets.registry.validate import offline, validate
    from revops_assets.warehouse import databases

    settings, broken = get_settings(), []
    if without_database and not path:
        raise typer.BadParameter("--offline validates a file or folder: name it")
    if path:
        folder = read(path)
        checked = folder.metrics
        broken = list(map(str, folder.failures))
    else:
        with databases.engine(settings, "warehouse").connect() as connection:
            checked = [stored.metric for stored in store.list_all(connection)]
    if without_database:
        found = [fault for metric in checked for fault in offline(metric, checked)]
    else:
        found = validate(settings, checked, tenant)
    faults = [*broken, *map(str, found)]
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
    known_as_of: Annotated[int | None, typer.Option(help="As known after the load of this number")] = None,
    json: Json = False,
) -> None:
    """Compute a metric, as of the end of a day, and say by which SQL."""
    from revops_assets.cli.show import print_json, print_table
    from revops_assets.registry.run import as_data, run

    stored = _find(metric_id)
    values = run(get_settings(), stored.metric, tenant, _day("--day", day), variant, known_as_of)
    data = as_data(values)
    if json:
        print_json(data)
        return
    print_table(
        [name + (">" if name not in (*stored.metric.dimensions, "period") else "") for name in values.result.columns],
        [list(row.values()) for row in data["rows"]],
        title=f"{stored.metric.display_name} of {tenant}, as of the end of {values.day} ({stored.metric.unit})",
    )


@metrics.command("values")
def values_command(
    metric_id: Id,
    tenant: Annotated[str, typer.Option(help="Slug of the company")],
    day: Annotated[str | None, typer.Option(help="As of this day's end; default: the newest that was built")] = None,
    variant: Annotated[str | None, typer.Option(help="A variant, as in by_channel")] = None,
    first: Annotated[str | None, typer.Option("--from", help="First period")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last period")] = None,
    total: Annotated[str | None, typer.Option(help="Add up over this: period, or a dimension")] = None,
    json: Json = False,
) -> None:
    """What a metric was as of a day, as stored by the daily run (semantic.metric_values), restated periods marked."""
    from revops_assets.cli.show import print_json, print_table
    from revops_assets.registry.values import as_totals, stored_values
    from revops_assets.warehouse import databases

    metric = _find(metric_id).metric
    with databases.engine(get_settings(), "warehouse").connect() as connection:
        found = stored_values(
            connection, metric, tenant, _day("--day", day), variant, _day("--from", first), _day("--to", last)
        )
    data = as_totals(found, total) if total else found.data
    if json:
        print_json(data)
        return
    names = list(dict.fromkeys(name for row in data["rows"] for name in row))
    print_table(
        [name + (">" if name not in ("period", *found.dimensions) else "") for name in names],
        [[row.get(name) for name in names] for row in data["rows"]],
        title=f"{metric.display_name} of {tenant}, as of the end of {found.day} ({metric.unit}), as stored",
    )


@metrics.command("approve")
def approve_command(
    metric_id: Id,
    by: Annotated[str | None, typer.Option(help="Who approves; default: the user of this machine")] = None,
) -> None:
    """Let a proposed definition be the one that is computed every day. It must hold."""
    import getpass

    from revops_assets.errors import RevopsError
    from revops_assets.registry import store
    from revops_assets.registry.validate import validate
    from revops_assets.warehouse import databases

    settings, metric = get_settings(), _find(metric_id).metric
    with databases.engine(settings, "warehouse").connect() as connection:
        others = store.approved(connection)
    if faults := validate(settings, [metric], among=others):
        raise RevopsError("; ".join(map(str, faults)))
    with databases.engine(settings, "warehouse").begin() as connection:
        done = store.approve(connection, metric.id, by or getpass.getuser())
    print(f"{metric.id} is approved by {done.approved_by}")


@metrics.command("coverage")
def coverage_command(
    path: Annotated[Path | None, typer.Argument(help="A file or folder; default: REVOPS_METRICS_DIR")] = None,
    json: Json = False,
) -> None:
    """How many of a folder's metrics were imported, are approved, and ran on the newest built day."""
    from dataclasses import asdict

    from revops_assets.cli.show import print_json
    from revops_assets.registry.sync import coverage
    from revops_assets.warehouse import databases

    settings = get_settings()
    with databases.engine(settings, "warehouse").connect() as connection:
        found = coverage(connection, path or settings.metrics_dir)
    if json:
        print_json(asdict(found) | {"is_complete": found.is_complete})
    else:
        print(
            f"{found.read} metrics: {found.imported} imported as they stand there, {found.approved} approved,"
            f" {found.ran} ran; {len(found.broken)} files broken, {len(found.failed)} runs failed"
        )
        for fault in (*found.broken, *found.failed):
            print(f"  {fault}")
    if not found.is_complete:
        raise typer.Exit(1)


@metrics.command("check-sql")
def check_sql_command(
    path: Annotated[Path, typer.Argument(help="A file with one SELECT; - reads it from standard input")],
    json: Json = False,
) -> None:
    """Which registered metrics a query computes again or contradicts; what cannot be compared is said, not guessed."""
    import sys
    from dataclasses import asdict

    from revops_assets.cli.show import print_json
    from revops_assets.registry import store
    from revops_assets.registry.columns import input_columns
    from revops_assets.registry.compare import compare
    from revops_assets.warehouse import databases

    sql = sys.stdin.read() if str(path) == "-" else _text(path)
    with databases.engine(get_settings(), "warehouse").connect() as connection:
        types = {
            table: {one.column_name: one.type or "text" for one in columns}
            for table, columns in input_columns(connection).items()
        }
        found = compare(sql, store.approved(connection), types)
    if json:
        print_json({"findings": [asdict(one) for one in found.findings], "unsaid": list(found.unsaid)})
    else:
        lines = [*map(str, found.findings), *(f"not said: {reason}" for reason in found.unsaid)]
        print("\n".join(lines or ["It computes no registered metric."]))
    if any(one.verdict == "contradicts" for one in found.findings):
        raise typer.Exit(1)


def _text(path: Path) -> str:
    from revops_assets.errors import RevopsError

    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RevopsError(f"{path}: {error}") from None


def _find(word: str) -> Stored:
    """A metric by id, else by the one whose name or synonym it is."""
    from revops_assets.registry import store
    from revops_assets.warehouse import databases

    with databases.engine(get_settings(), "warehouse").connect() as connection:
        return store.find(connection, word)


def _day(option: str, given: str | None) -> date | None:
    from revops_assets.errors import RevopsError

    try:
        return date.fromisoformat(given) if given else None
    except ValueError:
        raise RevopsError(f"{option} {given!r} is not of the form YYYY-MM-DD") from None
