"""`revops up`: the running system."""

from __future__ import annotations

import socket
from typing import Annotated

import typer

from revops_assets.cli import app
from revops_assets.errors import RevopsError
from revops_assets.settings import get_settings


@app.command("up")
def up_command(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the Dagster UI on 127.0.0.1")] = 3000,
    pages_port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the dashboards on 127.0.0.1")] = 8321,
) -> None:
    """Run Dagster (UI, schedules, sensors) and the dashboards until Ctrl-C."""
    from revops_assets.cli.db import upgrade_command
    from revops_assets.orchestration.supervisor import run_stack

    for option, wanted in (("--port", port), ("--pages-port", pages_port)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", wanted))
            except OSError as error:
                told = f"port {wanted} cannot be used ({error.strerror}): choose another with {option}"
                raise RevopsError(told) from None
    upgrade_command()
    run_stack(get_settings(), port, pages_port)
