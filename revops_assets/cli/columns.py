"""`revops columns`: what columns mean."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from revops_assets.cli import app
from revops_assets.settings import get_settings

columns = typer.Typer(no_args_is_help=True, help="What columns mean: typed, imported, pushed as comments.")
app.add_typer(columns, name="columns")

Json = Annotated[bool, typer.Option("--json", help="Print data instead of a table")]


@columns.command("list")
def list_command(
    table: Annotated[str | None, typer.Option(help="Only this table, schema.table")] = None, json: Json = False
) -> None:
    """What was said of columns, by whom."""
    from revops_assets.registry.columns import stored
    from revops_assets.warehouse import databases

    with databases.engine(get_settings(), "warehouse").connect() as connection:
        found = stored(connection, table)
    _print(found, json)
    if not found and not json:
        print("Nobody has said anything yet: `revops columns set TABLE.COLUMN --description …`, or the profiler.")


@columns.command("show")
def show_command(
    table: Annotated[str, typer.Argument(help="schema.table of the warehouse")], json: Json = False
) -> None:
    """Every column of a table, with what is said of it, here or in the header of its SQL file."""
    from revops_assets.registry.columns import columns_of
    from revops_assets.warehouse import databases

    with databases.engine(get_settings(), "warehouse").connect() as connection:
        found = columns_of(connection, table)
    _print(found, json)


def _print(found: list, json: bool) -> None:  # type: ignore[type-arg]
    from revops_assets.cli.show import print_json, print_table

    if json:
        print_json({"columns": [one.data for one in found], "count": len(found)})
    elif found:
        print_table(
            ["column", "type", "said by", "description"],
            [
                (
                    f"{one.table_id}.{one.column_name}",
                    one.basetype or one.type,
                    one.confidence or ("header" if one.description else None),
                    one.description,
                )
                for one in found
            ],
        )


@columns.command("set")
def set_command(
    column: Annotated[str, typer.Argument(help="schema.table.column")],
    description: Annotated[str | None, typer.Option(help="What it means")] = None,
    basetype: Annotated[str | None, typer.Option(help="STRING, INTEGER, NUMERIC, FLOAT, BOOLEAN, DATE, …")] = None,
) -> None:
    """Say what a column means; PostgreSQL's comment says it at once, the graph with the next run."""
    from revops_assets.registry.columns import set_column
    from revops_assets.warehouse import databases

    table, _, name = column.rpartition(".")
    with databases.engine(get_settings(), "warehouse").begin() as connection:
        written = set_column(connection, table, name, description, basetype)
    print(f"{column}: {'written' if written else 'as it was'}")


@columns.command("import")
def import_command(
    path: Annotated[Path, typer.Argument(help="CSV: table_id, column_name, basetype, description, confidence")],
) -> None:
    """Read a CSV file; a line that says nothing clear is named, the others are written."""
    from revops_assets.registry.columns import import_csv
    from revops_assets.warehouse import databases

    with databases.engine(get_settings(), "warehouse").begin() as connection:
        done = import_csv(connection, path)
    print(f"{done.written} columns written, {done.unchanged} as they were, {len(done.failures)} lines not read")
    for failure in done.failures:
        print(f"  {failure}")
    if done.failures:
        raise typer.Exit(1)


@columns.command("export")
def export_command(path: Annotated[Path, typer.Argument(help="CSV file to write")]) -> None:
    """Write everything that was said as a CSV file that import reads."""
    from revops_assets.registry.columns import export_csv
    from revops_assets.warehouse import databases

    with databases.engine(get_settings(), "warehouse").connect() as connection:
        count = export_csv(connection, path)
    print(f"{count} columns in {path}")


@columns.command("push")
def push_command() -> None:
    """Write all descriptions as PostgreSQL comments, as after somebody else's change of them."""
    from revops_assets.registry.columns import push
    from revops_assets.warehouse import databases

    with databases.engine(get_settings(), "warehouse").begin() as connection:
        count = push(connection)
    print(f"{count} comments written")


@columns.command("profile")
def profile_command() -> None:
    """Look through the tables that metrics read (semantic.table_profiles), and describe what nobody did."""
    from revops_assets.registry.profile import profile
    from revops_assets.warehouse import databases

    settings = get_settings()
    with databases.engine(settings, "warehouse").begin() as connection:
        count = profile(connection, settings)
    print(f"{count} columns profiled: semantic.table_profiles")


@columns.command("dictionary")
def dictionary_command() -> None:
    """Print the data dictionary of the dashboards' datasets (Markdown), with what people said in place of headers."""
    from revops_assets.contracts.dictionary import dictionary
    from revops_assets.registry.columns import stored
    from revops_assets.warehouse import databases

    with databases.engine(get_settings(), "warehouse").connect() as connection:
        said = {(one.table_id, one.column_name): one.description for one in stored(connection) if one.description}
    print(dictionary(said), end="")
