"""`revops load`: a CRM export into the source database."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from revops_assets.cli import app, if_interrupted
from revops_assets.settings import get_settings

if TYPE_CHECKING:
    from revops_assets.loading.result import LoadResult

UNREAD_SHOWN = 20


@app.command("load")
def load_command(
    directory: Annotated[Path, typer.Argument(help="Folder with the export's files")],
    mapping: Annotated[
        list[str] | None,
        typer.Option(
            help="A shipped mapping (hubspot, pipedrive, salesforce) or a file; several are loaded one after"
            " another; default: what the folder's manifest says, else the shipped one that fits"
        ),
    ] = None,
    tenant: Annotated[str, typer.Option(help="Slug of the company; an unknown one is created")] = "default",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Do everything, say what it did, and undo it")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print data instead of a table")] = False,
) -> None:
    """Load a CRM export: all of it, or nothing with a reason."""
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
