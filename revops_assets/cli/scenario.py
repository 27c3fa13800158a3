"""`revops scenario`: a generated company, written as a CRM export."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from revops_assets.cli import app
from revops_assets.errors import RevopsError
from revops_assets.settings import get_settings

scenario = typer.Typer(no_args_is_help=True, help="Generated CRM exports.")
app.add_typer(scenario, name="scenario")


class Format(StrEnum):
    """Shapes of an export."""

    salesforce = "salesforce"
    pipedrive = "pipedrive"


@scenario.command("generate")
def generate_command(
    out: Annotated[Path, typer.Option(help="Folder to write the export into")],
    deals: Annotated[int, typer.Option(min=1, help="How many deals")] = 500,
    end_date: Annotated[str | None, typer.Option(help="Last day (YYYY-MM-DD); default: yesterday")] = None,
    cut: Annotated[
        str | None, typer.Option(help="Undo everything from this instant on (ISO); default: the last day's end")
    ] = None,
    seed: Annotated[int, typer.Option(help="Same seed, end date and size: byte-identical files")] = 1,
    tenant: Annotated[str, typer.Option(help="Slug of the company, for the manifest")] = "default",
    format: Annotated[Format, typer.Option(help="Shape of the export")] = Format.salesforce,
) -> None:
    """Write a generated company as a CRM export."""
    from revops_assets.scenario.calendar import day_end, yesterday
    from revops_assets.scenario.folder import generate
    from revops_assets.scenario.model import Plan

    plan = Plan(
        deals, _date(end_date) if end_date else yesterday(get_settings().timezone), seed, get_settings().timezone
    )
    until = _instant(cut, plan.timezone) if cut else day_end(plan, plan.end_date)
    rows = generate(out, tenant, format.value, plan, until)
    print(
        f"{out}: {sum(rows.values()):,} rows in {len(rows)} files ({format.value}),"
        f" a company of {deals:,} deals, up to {plan.end_date}; those of later days come with next-day"
    )


@scenario.command("next-day")
def next_day_command(
    out: Annotated[Path, typer.Option(help="Folder of an earlier `generate`; gets a folder for the day")],
) -> None:
    """Write what the following day brings, beside an export generated before."""
    from revops_assets.scenario.folder import next_day

    folder, rows = next_day(out)
    print(f"{folder}: {sum(rows.values()):,} rows in {len(rows)} files")


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise RevopsError(f"--end-date {text} is not a date of the form YYYY-MM-DD") from None


def _instant(text: str, timezone: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise RevopsError(f"--cut {text} is not an instant such as 2024-02-01T00:00+00:00") from None
    return at if at.tzinfo else at.replace(tzinfo=ZoneInfo(timezone))
