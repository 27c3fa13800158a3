"""The pages: Pipeline health, Rep coaching, a deal, two days side by side, and the rows behind every number."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.templating import Jinja2Templates

from revops_assets.catalogue import CATALOGUE, all_read, descendants
from revops_assets.datasets.shown import shown
from revops_assets.errors import RevopsError, Unreachable
from revops_assets.serving.access import Access
from revops_assets.serving.pages import charts
from revops_assets.serving.pages.board import SORTS, Asked, Board, Empty, Options, Row, query
from revops_assets.serving.tokens import Token
from revops_assets.settings import PROJECT_ROOT

HERE = Path(__file__).parent
LARGEST = 200
# Parts of a deal's health: column prefix, what people call it.
PARTS = {
    "velocity": "Velocity", "activity": "Activity", "stakeholder": "Stakeholders", "competition": "Competition",
    "discount": "Discount",
}  # fmt: skip
STEPS = {
    "created": "Created", "pulled_in": "Pulled in", "increased": "Increased", "reopened": "Reopened",
    "decreased": "Decreased", "pushed_out": "Pushed out", "won": "Won", "lost": "Lost", "moved": "Moved",
    "deleted": "Deleted", "merged": "Merged",
}  # fmt: skip
# Told as positive amounts, and taken away.
TAKEN = {"decreased", "pushed_out", "won", "lost", "deleted", "merged"}
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday")
templates = Jinja2Templates(HERE / "templates")
templates.env.trim_blocks = templates.env.lstrip_blocks = True


templates.env.filters["number"] = shown


def page_routes(access: Access) -> APIRouter:
    """The routes of the pages."""
    routes = APIRouter(include_in_schema=False)
    board = Board(access.settings)
    Visitor = Annotated[Token | None, Depends(access.visitor)]

    def show(
        request: Request, name: str, token: Token | None, fill: Callable[[Asked, Options], dict[str, Any]]
    ) -> Response:
        """A page with its filters, or what to do instead."""
        if token is None:
            return RedirectResponse(f"/login?next={request.url.path}", 303)
        given = dict(request.query_params)
        try:
            if "\0" in "".join(given.values()):
                raise RevopsError("a filter holds a NUL character")
            asked, options = board.asked(given.get("tenant"), token.tenant_id, given)
            told = {"asked": asked, "options": options, "about": board.about(asked), "path": request.url.path}
            return templates.TemplateResponse(request, name, told | fill(asked, options))
        except Empty as error:
            return templates.TemplateResponse(request, "message.html", {"title": "Nothing to show", "text": str(error)})
        except Unreachable:
            raise
        except RevopsError as error:
            told = {"title": "That cannot be shown", "text": str(error)}
            return templates.TemplateResponse(request, "message.html", told, 422)

    @routes.get("/")
    def home() -> Response:
        return RedirectResponse("/pipeline", 303)

    @routes.get("/login")
    def login_form(request: Request) -> HTMLResponse:
        return templates.TemplateResponse(request, "login.html", {"wrong": False})

    @routes.post("/login")
    def login(request: Request, token: Annotated[str, Form(max_length=200)]) -> Response:
        if access.holder(token.strip()) is None:
            return templates.TemplateResponse(request, "login.html", {"wrong": True}, 401)
        answer = RedirectResponse("/pipeline", 303)
        secure = request.url.scheme == "https"
        answer.set_cookie(access.COOKIE, token.strip(), httponly=True, samesite="strict", secure=secure)
        return answer

    @routes.get("/pipeline")
    def pipeline(request: Request, token: Visitor, sort: str = "urgency") -> Response:
        """Pipeline health."""

        def fill(asked: Asked, options: Options) -> dict[str, Any]:
            if sort not in SORTS:
                raise RevopsError(f"sort {sort!r} is none of {', '.join(SORTS)}")
            kpis = board.rows(query("kpis"), **asked.params)
            history = board.rows(query("history"), **asked.params)
            velocity = board.rows(query("velocity"), **asked.params)
            health = board.rows(query("health"), **asked.params)
            stuck = board.rows(f"{query('stuck')} order by {SORTS[sort]} limit {LARGEST}", **asked.params)
            moves = board.rows(query("waterfall"), **asked.params)
            cohorts = board.rows(query("cohorts"), **asked.params)
            running = next((row["week_number"] for row in history if row["as_of_date"] == asked.day), None)
            record = board.rows(query("record"), week=running, **asked.params)
            bands = [
                {"band": name, "deals": row[f"{key}_count"], "amount": row[f"{key}_shown"], "share": row[f"{key}_pct"]}
                for row in health
                for key, name in (
                    ("healthy", "Healthy"), ("monitor", "Monitor"), ("at_risk", "At risk"), ("critical", "Critical")
                )
            ]  # fmt: skip
            steps = waterfall_of(moves[0]) if moves else []
            lines = {
                "cumulative_target": "target", "cumulative_commit": "commit", "cumulative_forecast": "forecast",
                "cumulative_closed": "won",
            }  # fmt: skip
            return {
                "kpi": kpis[0] if kpis else None,
                "history": history,
                "history_chart": charts.lines(history, "week_number", lines, "amount", running) if history else None,
                "record": record,
                "velocity": velocity,
                "funnel_chart": charts.bars(velocity, "stage_name", {"amount_in_stage": "open"}, "amount")
                if velocity
                else None,
                "bands": bands,
                "health": health[0] if health else None,
                "bands_chart": charts.bars(bands, "band", {"deals": "deals"}, "open deals") if bands else None,
                "stuck": stuck,
                "largest": LARGEST,
                "sort": sort,
                "cohorts": cohorts,
                "cohorts_chart": charts.bars(cohorts, "month", {"amount": "open"}, "amount") if cohorts else None,
                "steps": steps,
                "steps_chart": charts.waterfall(steps, "amount") if steps else None,
            }

        return show(request, "pipeline.html", token, fill)

    @routes.get("/coaching")
    def coaching(request: Request, token: Visitor, rep: str | None = None) -> Response:
        """Rep coaching."""

        def fill(asked: Asked, options: Options) -> dict[str, Any]:
            reps = board.rows(query("reps"), tenant=asked.tenant, day=asked.day)
            if not reps:
                raise Empty(f"{asked.tenant} has no active rep on {asked.day}")
            known = {row["rep_id"]: row for row in reps}
            chosen = rep or reps[0]["rep_id"]
            if chosen not in known:
                raise RevopsError(f"there is no active rep {chosen!r} on {asked.day}")
            given = {"tenant": asked.tenant, "day": asked.day, "rep": chosen}
            drivers = board.rows(query("drivers"), **given)
            activity = board.rows(query("activity"), **given)
            week = [
                {"weekday": name.capitalize(), "mean": row[f"{name}_avg"]}
                for row in activity if row["period"] == "30d" for name in DAYS
            ]  # fmt: skip
            bars = {"rep_bar_pct": "rep", "top_bar_pct": "top performers"}
            return {
                "reps": reps,
                "rep": known[chosen],
                "drivers": drivers,
                "drivers_chart": charts.bars(drivers, "metric_label", bars, "% of the longer bar") if drivers else None,
                "activity": activity,
                "week": week,
                "week_chart": charts.bars(week, "weekday", {"mean": "activities"}, "a day") if week else None,
                "actions": board.rows(query("actions"), **given),
                "review": board.rows(query("review"), **given),
                "insight": next(iter(board.rows(query("insights"), **given)), None),
            }

        return show(request, "coaching.html", token, fill)

    @routes.get("/deal/{deal:path}")
    def deal(request: Request, token: Visitor, deal: str) -> Response:
        """A deal, as of the day."""

        def fill(asked: Asked, options: Options) -> dict[str, Any]:
            given = {"tenant": asked.tenant, "day": asked.day, "deal": deal}
            found = board.rows(query("deal"), **given)
            if not found:
                raise RevopsError(f"{asked.tenant} has no open deal {deal!r} at the end of {asked.day}")
            [one] = found
            health = board.rows(query("deal_health"), **given)
            return {
                "deal": one,
                "health_parts": [
                    {"part": name, "score": one[f"{key}_score"], "contribution": one[f"{key}_contribution"]}
                    for key, name in PARTS.items()
                ],
                "health": health,
                "health_chart": charts.lines(health, "snapshot_date", {"health_score": "health"}, "score")
                if len(health) > 1
                else None,
                "visits": board.rows(query("deal_visits"), **given, as_of=one["as_of"]),
                "changes": changed(board.rows(query("deal_changes"), **given)),
            }

        return show(request, "deal.html", token, fill)

    @routes.get("/compare")
    def compare(request: Request, token: Visitor) -> Response:
        """Two days side by side, or a day as it read after two loads: why did the forecast move?"""

        def fill(asked: Asked, options: Options) -> dict[str, Any]:
            given = request.query_params
            day = {"tenant": asked.tenant, "day": asked.day, "quarter": asked.quarter}
            loads = board.rows(query("restating_loads"), tenant=asked.tenant, day=asked.day)
            if given.get("load"):
                newest = board.about(asked)["known_as_of"]
                sides: list[Any] = [_load(given.get("load"), newest), _load(given.get("until"), newest)]
                if None in sides or sides[0] > sides[1]:
                    raise RevopsError("the earlier load comes first: load=A&until=B")
                sums = [next(iter(board.rows(query("sums_after_load"), **day, load=load)), None) for load in sides]
                moved = board.rows(query("moved_by_loads"), **day, load=sides[0], until_load=sides[1])
                names = [f"after load {load}" for load in sides]
            else:
                sides = [_other_day(given.get("other"), asked, options), asked.day]
                found = {row["snapshot_date"]: row for row in board.rows(query("sums"), **day, other=sides[0])}
                sums = [found.get(side) for side in sides]
                moved = board.rows(query("moved"), **day, other=sides[0])
                names = [str(side) for side in sides]
            causes: dict[str, Row] = {}
            for row in moved:
                cause = causes.setdefault(row["cause"], {"cause": row["cause"], "deals": 0, "amount": Decimal(0)})
                cause["deals"] += 1
                cause["amount"] += row["difference"]
            return {
                "is_of_loads": bool(given.get("load")),
                "sides": sides,
                "names": names,
                "was": sums[0],
                "is_now": sums[1],
                "moved": moved[:LARGEST],
                "causes": sorted(causes.values(), key=lambda cause: -abs(cause["amount"])),
                "total": sum((row["difference"] for row in moved), Decimal(0)),
                "loads": loads,
            }

        return show(request, "compare.html", token, fill)

    @routes.get("/rows/{dataset}")
    def rows_behind(request: Request, token: Visitor, dataset: str) -> Response:
        """The rows of a dataset behind a number: its SQL, its day, what it reads."""

        def fill(asked: Asked, options: Options) -> dict[str, Any]:
            found = CATALOGUE.get(dataset)
            if found is None or found.built != "daily" or found.made_by != "select":
                raise RevopsError(f"there is no dataset {dataset!r} of daily partitions")
            columns = found.file.all_columns
            filters = {name: value for name, value in request.query_params.items() if name in columns and value != ""}
            filters.pop("tenant_id", None)
            conditions = " and ".join(f"d.{name}::text = :f_{name}" for name in filters)
            statement = (
                f"select d.* from {dataset} as d where d.tenant_id = :tenant and d.{found.day_column} = :day"
                f"{' and ' + conditions if conditions else ''}"
                f" order by {', '.join('d.' + key for key in found.file.key)} limit {LARGEST + 1}"
            )
            given = {f"f_{name}": value for name, value in filters.items()}
            listed = board.rows(statement, tenant=asked.tenant, day=asked.day, **given)
            partition = board.rows(
                "select * from semantic.partitions"
                " where tenant_id = :tenant and dataset = :dataset and snapshot_date = :day",
                tenant=asked.tenant, dataset=dataset, day=asked.day,
            )  # fmt: skip
            return {
                "dataset": found,
                "file": found.file,
                "sql_path": found.file.path.relative_to(PROJECT_ROOT),
                "columns": columns,
                "rows": listed[:LARGEST],
                "more": len(listed) > LARGEST,
                "filters": filters,
                "statement": statement,
                "partition": partition[0] if partition else None,
                "dagster": access.settings.dagster_url.rstrip("/"),
                "reads": sorted(name for name in all_read(dataset) if CATALOGUE[name].built == "daily"),
                "sources": sorted(name for name in all_read(dataset) if CATALOGUE[name].built != "daily"),
                "read_by": sorted(descendants(dataset)),
                "column": request.query_params.get("column"),
            }

        return show(request, "rows.html", token, fill)

    return routes


def _other_day(given: str | None, asked: Asked, options: Options) -> date:
    """The day beside the one that is asked for: the one before it, unless another is named."""
    if given and given not in map(str, options.days):
        raise RevopsError(f"{given} of {asked.tenant} was not built")
    return date.fromisoformat(given) if given else next((day for day in options.days if day < asked.day), asked.day)


def _load(given: str | None, newest: int) -> int:
    """The number of a load; the newest that the day could see, unless one is named."""
    if not given:
        return newest
    if not (given.isascii() and given.isdigit() and len(given) < 19):
        raise RevopsError(f"{given!r} is not the number of a load")
    return int(given)


def waterfall_of(row: Row) -> list[Row]:
    """The week's pipeline from opening to closing, a step for each kind of change."""
    level = row["opening_amount"] or Decimal(0)
    steps = [{"label": "Opening", "start": Decimal(0), "end": level, "change": level, "kind": "total"}]
    for key, name in STEPS.items():
        change = -row[f"{key}_amount"] if key in TAKEN else row[f"{key}_amount"]
        if change:
            steps.append(
                {
                    "label": name,
                    "start": level,
                    "end": level + change,
                    "change": change,
                    "kind": "up" if change > 0 else "down",
                }
            )
            level += change
    closing = row["closing_amount"] or Decimal(0)
    return [*steps, {"label": "Closing", "start": Decimal(0), "end": closing, "change": closing, "kind": "total"}]


def changed(intervals: list[Row]) -> list[Row]:
    """What became different from one span of a deal's days to the next."""
    told = []
    before: Row = {}
    for row in intervals:
        parts = [
            f"{name.replace('_', ' ')}: {shown(before.get(name))} → {shown(row[name])}"
            for name in ("status", "amount", "close_date", "owner_id", "forecast_category")
            if before and row[name] != before[name]
        ]
        if parts or not before:
            told.append({"day": row["day"], "what": "; ".join(parts) or f"created with {row['amount_shown']}"})
        before = row
    return told
