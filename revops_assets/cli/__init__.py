"""The command `revops`. Each command imports what it needs when it runs, so that --help stays quick."""

from __future__ import annotations

import sys

import typer

from revops_assets.errors import RevopsError

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


def register() -> typer.Typer:
    """Import every command's module, which puts the command in its place; returns the whole."""
    from revops_assets.cli import (  # noqa: F401
        analyst,
        columns,
        daily_metrics,
        db,
        demo,
        doctor,
        funnel,
        load,
        materialize,
        metrics,
        scenario,
        serve,
        stage_velocity,
        tenant,
        up,
    )

    return app


def main() -> None:
    """Run a command; an error that people can mend is one line on stderr and exit status 1."""
    try:
        register()()
    except RevopsError as error:
        print(f"revops: {error}", file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:
        sys.exit(141)
    except OSError as error:  # a path that cannot be written, and the like
        print(f"revops: {error}", file=sys.stderr)
        sys.exit(1)
