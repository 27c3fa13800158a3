"""`revops scenario`: a generated company, written as a CRM export."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from revops_assets.cli import app
from revops_assets.errors import RevopsError

scenario = typer.Typer(no_args_is_help=True, help="Generated CRM exports.")
app.add_typer(scenario, name="scenario")


class Format(StrEnum):
    """Shapes of an export."""

    pipedrive = "pipedrive"


def yesterday() -> date:
    """The last day that is over in the business time zone."""
    from zoneinfo import ZoneInfo

    from revops_assets.settings import get_settings

    return datetime.now(UTC).astimezone(ZoneInfo(get_settings().timezone)).date() - timedelta(days=1)


@scenario.command("generate")
def generate_command(
    out: Annotated[Path, typer.Option(help="Folder to write the export into")],
    deals: Annotated[int, typer.Option(min=1, help="How many deals")] = 500,
    end_date: Annotated[str | None, typer.Option(help="Last day (YYYY-MM-DD); default: yesterday")] = None,
    seed: Annotated[int, typer.Option(help="Same seed, end date and size: byte-identical files")] = 1,
    format: Annotated[Format, typer.Option(help="Shape of the export")] = Format.pipedrive,
) -> None:
    """Write a generated company as a CRM export."""
    from revops_assets.scenario import pipedrive

    try:
        end = date.fromisoformat(end_date) if end_date else yesterday()
    except ValueError:
        raise RevopsError(f"--end-date {end_date} is not a date of the form YYYY-MM-DD") from None
    rows = pipedrive.generate(out, deals, end, seed)
    print(f"{out}: {sum(rows.values()):,} rows in {len(rows)} files ({format.value}), {deals:,} deals up to {end}")
