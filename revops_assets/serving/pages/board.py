"""What the pages read: rows of datasets for a company and a day, as a role that only reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

import sqlalchemy as sa

from revops_assets.errors import RevopsError
from revops_assets.serving.reading import EVERY, Reading
from revops_assets.settings import SQL_DIR, Settings
from revops_assets.warehouse.sql_files import header_and_body

ALL = "All"
Row = dict[str, Any]

# How stuck deals may be ordered.
URGENCY = "array_position(array['CRITICAL', 'HIGH', 'MEDIUM', 'LOW'], urgency)"
SORTS = {
    "urgency": f"{URGENCY}, amount desc nulls last, opportunity_id",
    "amount": "amount desc nulls last, opportunity_id",
    "days": "days_in_stage desc, opportunity_id",
    "health": "health_score nulls last, opportunity_id",
    "close": "close_date nulls last, opportunity_id",
}


@lru_cache
def query(name: str) -> str:
    """The query of a file under sql/pages."""
    return header_and_body(SQL_DIR / "pages" / f"{name}.sql")[1]


@dataclass(frozen=True)
class Asked:
    """What a page is asked: company, day, and the group that it is about."""

    tenant: str
    day: date
    quarter: str
    team: str = ALL
    segment: str = ALL
    region: str = ALL

    @property
    def params(self) -> Row:
        """As parameters of the queries."""
        return {name: getattr(self, name) for name in ("tenant", "day", "quarter", "team", "segment", "region")}

    def link(self, path: str, **changed: Any) -> str:
        """An address with these filters, some changed."""
        given = {name: value for name, value in (self.params | changed).items() if value not in (None, ALL)}
        return f"{path}?{urlencode(given)}"


@dataclass
class Options:
    """What can be asked for: companies, days, and the groups of the day."""

    tenants: list[str]
    days: list[date]
    quarters: list[str] = field(default_factory=list)
    teams: list[tuple[str, str]] = field(default_factory=list)
    segments: list[str] = field(default_factory=list)
    regions: list[str] = field(default_factory=list)


class Empty(RevopsError):
    """There is nothing to show yet; the text says what to do."""


class Board:
    """The datasets, as the pages read them."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.reading = Reading(settings)

    def rows(self, query: str, **params: Any) -> list[Row]:
        """Rows of a query of one company, the `tenant`, which sees no other's; RevopsError where it runs too long."""
        try:
            with self.reading.of(params["tenant"]) as connection:
                return [dict(row) for row in connection.execute(sa.text(query), params).mappings()]
        except sa.exc.OperationalError as error:
            if "statement timeout" in str(error):
                raise RevopsError("this took too long and was stopped: ask for less") from None
            raise

    def asked(self, tenant: str | None, only: str | None, given: Mapping[str, str]) -> tuple[Asked, Options]:
        """What is asked for, with defaults: the first company, the newest day, its running quarter, everybody.

        `only`: the company that the token is bound to. Empty where nothing was built, RevopsError for unknown filters.
        """
        tenants = (
            [only] if only is not None else [str(row["tenant_id"]) for row in self.rows(query("tenants"), tenant=EVERY)]
        )
        if not tenants:
            raise Empty("no day was built yet: `revops load` an export, then `revops materialize`, or `make demo`")
        tenant = tenant or tenants[0]
        if tenant not in tenants:
            raise RevopsError(f"there is no company {tenant!r} with dashboards; there are: {', '.join(tenants)}")
        days = [row["snapshot_date"] for row in self.rows(query("days"), tenant=tenant)]
        if not days:
            raise Empty(f"no day of {tenant} was built yet: `revops materialize`")
        day = _day(given.get("day")) or days[0]
        options = Options(tenants, days)
        if day not in days:
            raise Empty(
                f"{day} of {tenant} was not built: `revops materialize --partition {day}`; the newest is {days[0]}"
            )
        found = self.rows(query("options"), tenant=tenant, day=day)
        options.quarters = sorted({row["quarter"] for row in found}, key=lambda name: (name[3:], name[:2]))
        options.teams = sorted({(row["team_id"], row["team_filter"]) for row in found}, key=_all_first)
        options.segments = sorted({row["segment"] for row in found}, key=_all_first)
        options.regions = sorted({row["region"] for row in found}, key=_all_first)
        quarter = given.get("quarter") or (options.quarters[0] if options.quarters else "")
        asked = Asked(
            tenant, day, quarter, given.get("team") or ALL, given.get("segment") or ALL, given.get("region") or ALL
        )
        for name, value, known in (
            ("quarter", asked.quarter, options.quarters), ("team", asked.team, [team for team, _ in options.teams]),
            ("segment", asked.segment, options.segments), ("region", asked.region, options.regions),
        ):  # fmt: skip
            if value not in known:
                raise RevopsError(f"{name} {value!r} is not among those of {day}: {', '.join(known)}")
        return asked, options

    def about(self, asked: Asked) -> Row:
        """How fresh the day is: newest load, whether it is stale, and whether a load is under way."""
        now = datetime.now(UTC)
        [row] = self.rows(query("about_day"), tenant=asked.tenant, day=asked.day, now=now)
        finished: datetime | None = row["data_freshness"]
        age = (now - finished).total_seconds() / 86_400 if finished else None
        return row | {"is_old": age is not None and age > self.settings.max_age_days, "age_days": age}


def _day(given: str | None) -> date | None:
    try:
        return date.fromisoformat(given) if given else None
    except ValueError:
        raise RevopsError(f"day {given!r} is not of the form YYYY-MM-DD") from None


def _all_first(value: Any) -> Any:
    name = value[1] if isinstance(value, tuple) else value
    return (name != ALL, name)
