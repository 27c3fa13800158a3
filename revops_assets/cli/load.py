"""`revops load`: a CRM export into the source database; `revops load undo`: out of it again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from revops_assets.cli import app, if_interrupted
from revops_assets.settings import get_settings

if TYPE_CHECKING:
    from revops_assets.loading.result import LoadResult

UNREAD_SHOWN = 20


class LoadGroup(TyperGroup):
    """`revops load DIR` is `revops load export DIR`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put in the command that is left out."""
        return super().parse_args(ctx, args if args and args[0] in self.commands else ["export", *args])


load = typer.Typer(cls=LoadGroup, help="Load a CRM export (`revops load DIR`), or take a load back.")
app.add_typer(load, name="load")


@load.command("export")
def load_command(
    directory: Annotated[Path, typer.Argument(help="Folder with the export's files")],
    mapping: Annotated[
        list[str] | None,
        typer.Option(
            help="A shipped mapping (forecast_calls, hubspot, pipedrive, salesforce) or a file; several are loaded one"
            " after another; default: what the folder's manifest says, else the shipped one that fits"
        ),
    ] = None,
    tenant: Annotated[str, typer.Option(help="Slug of the company; an unknown one is created")] = "default",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Do everything, say what it did, and undo it")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print data instead of a table")] = False,
) -> None:
    """Load a CRM export: all of it, or nothing with a reason. `revops load undo LOAD_ID` takes it back."""
    from revops_assets.cli.show import Progress, print_json
    from revops_assets.diagnostics.aftermath import look_after
    from revops_assets.loading.load import choose_mappings, load_all

    if_interrupted("nothing of it was loaded: a load is all or nothing")
    with Progress("files", "records") as tell:
        results = load_all(get_settings(), directory, choose_mappings(directory, mapping), tenant, dry_run, tell)
    if not dry_run:
        if_interrupted("the export was loaded; only what is looked at after it was not finished")
    look_after(get_settings(), results)
    if json:
        print_json(results[0].as_dict() if len(results) == 1 else [result.as_dict() for result in results])
        return
    for result in results:
        print_load(result)


@load.command("undo")
def undo_command(
    load_id: Annotated[int, typer.Argument(help="The load, as `revops load` named it")],
    json: Annotated[bool, typer.Option("--json", help="Print data instead of a table")] = False,
) -> None:
    """Take a load back: what it changed is as before, but for what later loads changed. History keeps it."""
    from dataclasses import asdict

    from rich.markup import escape

    from revops_assets.cli.show import console, print_json, print_table
    from revops_assets.loading.undo import undo_load

    if_interrupted("the load stands: taking it back is all or nothing")
    done = undo_load(get_settings(), load_id)
    if json:
        print_json(asdict(done))
        return
    put_back, removed, later = (sum(getattr(t, name) for t in done.tables) for name in ("put_back", "removed", "later"))
    console.print(
        f"[bold]Load {done.load_id}[/bold] of tenant {done.tenant} is taken back, by load {done.undo_id}: {put_back:,}"
        f" records are as before, {removed:,} are not known any more, {later:,} stay as a later load said."
    )
    print_table(
        ["crm table", "as before>", "removed>", "later load>", "only history>"],
        [(t.table_name, t.put_back, t.removed, t.later, t.past) for t in done.tables],
    )
    if done.is_first:
        console.print(f"Nothing had been loaded before it: what is known of {done.tenant} is what later loads said.")
    if done.later_loads:
        named = ", ".join(f"{number} ({folder})" if folder else str(number) for number, folder in done.later_loads)
        console.print(
            "[bold]Load again[/bold] what came later, if it repeated records of the load in the same words, which was"
            f" no change then: {escape(named)}"
        )
    console.print(
        "`revops materialize --stale` builds the days anew that it had changed (the sensors do it themselves)."
    )


def print_load(result: LoadResult) -> None:
    """What a load did, for people."""
    from rich.markup import escape

    from revops_assets.cli.doctor import print_missing
    from revops_assets.cli.show import console, print_table
    from revops_assets.diagnostics.missing_inputs import MissingInput

    changed = "would change" if result.dry_run else "changed"
    console.print(
        f"[bold]Load {result.load_id}[/bold] (transaction time {result.load_seq}) of {result.source}"
        f" for tenant {result.tenant}: {result.rows_read:,} records read,"
        f" {result.rows_rejected:,} rejected. It {changed}"
        f" {result.rows_inserted + result.rows_updated:,} records in crm."
    )
    print_table(
        ["file", "read>", "rejected>", ""],
        [
            (f["file_name"], f["rows_read"], f["rows_rejected"], "unchanged" if f["is_unchanged"] else "")
            for f in {f["file_name"]: f for f in reversed(result.files) if f["rows_read"]}.values()
        ],
    )
    print_table(
        ["crm table", "new>", "updated>", "deleted>", "older>", "same>", "conflicts>"],
        [
            (
                t["table_name"],
                t["rows_inserted"],
                t["rows_updated"] - t["rows_deleted"],
                t["rows_deleted"],
                t["rows_late"],
                t["rows_unchanged"],
                t["rows_conflicting"],
            )
            for t in result.tables
            if t["rows_staged"]
        ],
    )
    if result.quarantined:
        print_table(
            ["quarantined", "file", "line>", "why"],
            [(entry["kind"], entry["file"], entry["line"], entry["reason"]) for entry in result.quarantined],
        )
        total = result.rows_rejected + result.rows_conflicting
        if total > len(result.quarantined) and not result.dry_run:
            query = f"select * from crm_remote.load_rejects where load_id = {result.load_id}"
            console.print(f'… {total} in all: revops psql -- -c "{query}"')
    if result.unread:
        names = escape(", ".join(result.unread[:UNREAD_SHOWN])) + (" …" if len(result.unread) > UNREAD_SHOWN else "")
        console.print(f"[bold]Left unread[/bold] {len(result.unread)} files: {names}")
    for note in result.notes:
        console.print(f"[bold]Note[/bold] {escape(note)}")
    if result.faults:
        print_table(
            ["check", "rows>", "finds"],
            [(fault["check"], fault["rows"], fault["detects"]) for fault in result.faults],
        )
    print_missing([MissingInput(**lack) for lack in result.missing_inputs])
    if result.earliest_business_at:
        console.print(f"Figures can change from {result.earliest_business_at:%Y-%m-%d} on.")
    if result.dry_run:
        console.print("Dry run: all of it was undone.")
