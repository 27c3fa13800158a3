"""The command `revops`. Each command imports what it needs when it runs, so that --help stays quick."""

from __future__ import annotations

import signal
import sys
from functools import cache
from typing import Any, NoReturn

import typer
import typer.main
from typer.core import TyperGroup

from revops_assets.errors import Interrupted, RevopsError

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
        quickstart,
        scenario,
        serve,
        stage_velocity,
        tenant,
        up,
    )

    return app


@cache
def command() -> TyperGroup:
    """The whole command line, as it runs."""
    return typer.main.get_group(register())


def if_interrupted(stands: str) -> None:
    """What a command that is stopped by Ctrl-C says of what it did until then."""
    _stands.append(stands)


_stands: list[str] = []


def main() -> None:
    """Run a command; an error that people can mend is one line on stderr and exit status 1, Ctrl-C one line and 130."""
    interrupts = []

    def interrupt(*_: Any) -> None:
        interrupts.append(1)
        raise Interrupted

    _stands.clear()
    before = signal.getsignal(signal.SIGINT)
    if before != signal.SIG_IGN:  # as of what a script starts in the background
        signal.signal(signal.SIGINT, interrupt)
    try:
        command()()
    except BrokenPipeError:
        sys.exit(141)
    except (Exception, Interrupted) as error:
        if interrupts or isinstance(error, Interrupted):  # Dagster takes Ctrl-C itself while a step runs
            _leave(f"stopped; {_stands[-1]}" if _stands else "stopped", 130)
        told = str(error) if isinstance(error, RevopsError | OSError) else _of_the_database(error)
        if told is None:
            raise
        _leave(told, 1)
    finally:
        signal.signal(signal.SIGINT, before)


def _leave(told: str, status: int) -> NoReturn:
    print(f"revops: {told}", file=sys.stderr)
    sys.exit(status)


def _of_the_database(error: BaseException) -> str | None:
    if "psycopg2" not in sys.modules:  # nothing of a database is imported where none is asked
        return None
    from revops_assets.warehouse.trouble import in_one_sentence

    return in_one_sentence(error)
