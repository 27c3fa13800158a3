"""A folder that holds a generated company's export, what it was generated with, and the days that came after."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from revops_assets.errors import RevopsError
from revops_assets.loading.manifest import manifested
from revops_assets.scenario import pipedrive, salesforce
from revops_assets.scenario.company import HORIZON_DAYS
from revops_assets.scenario.model import Plan

STATE = ".scenario.json"


@dataclass(frozen=True)
class State:
    """What a company was generated with, and up to when its exports tell of it."""

    tenant: str
    format: str
    deals: int
    end_date: str
    seed: int
    timezone: str
    until: str


def generate(folder: Path, tenant: str, shape: str, plan: Plan, until: datetime) -> dict[str, int]:
    """Write a company's export, everything from `until` on undone; returns records per file or object."""
    rows = _write(folder, tenant, shape, plan, until, None)
    state = State(tenant, shape, plan.deals, str(plan.end_date), plan.seed, plan.timezone, until.isoformat())
    _keep(folder, state)
    return rows


def next_day(folder: Path) -> tuple[Path, dict[str, int]]:
    """Write what the following day brings into a folder of its own; returns that, and its records."""
    if not (folder / STATE).is_file():
        raise RevopsError(f"{folder} holds no {STATE}: run `revops scenario generate --out {folder}` first")
    state = State(**json.loads((folder / STATE).read_text()))
    plan = Plan(state.deals, date.fromisoformat(state.end_date), state.seed, state.timezone)
    since = datetime.fromisoformat(state.until)
    zone = ZoneInfo(plan.timezone)
    day = since.astimezone(zone).date()
    if day > plan.end_date + timedelta(days=HORIZON_DAYS):
        raise RevopsError(
            f"the company is generated up to {HORIZON_DAYS} days after {plan.end_date}: generate a newer one"
        )
    until = datetime.combine(day + timedelta(days=1), time(), zone)
    out = folder / f"day-{day}"
    rows = _write(out, state.tenant, state.format, plan, until, since)
    _keep(folder, State(**{**asdict(state), "until": until.isoformat()}))
    return out, rows


def _keep(folder: Path, state: State) -> None:
    (folder / STATE).write_text(json.dumps(asdict(state), indent=2) + "\n")


def _write(out: Path, tenant: str, shape: str, plan: Plan, until: datetime, since: datetime | None) -> dict[str, int]:
    """Write one export with its manifest; Pipedrive's are always full ones."""
    with manifested(out, tenant, shape) as listed:
        if shape == "salesforce":
            rows = salesforce.write(out, plan, until, since)
            listed.update({f"{kind}.json": count for kind, count in rows.items()})
        else:
            rows = pipedrive.write(out, plan, until)
            listed.update({f"{name}.csv": count for name, count in rows.items()})
    return rows
