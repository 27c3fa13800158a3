"""Daily metrics in tests: records to load, and what the tables say."""

from __future__ import annotations

from typing import Any

from revops_assets.settings import SQL_DIR, Settings
from revops_assets_tests.conftest import query

FUNCTIONS = SQL_DIR / "metrics" / "functions"
TABLES = ("daily_lead_funnel", "lead_stage_snapshot", "rep_daily_activity", "rep_daily_pipeline")
Rows = list[tuple[Any, ...]]


def everything(settings: Settings) -> dict[str, Rows]:
    """Every row of the four tables, without what names the run."""
    return {
        table: query(settings, "warehouse", f"select m.* from metrics.{table} as m order by 1, 2, 3")
        for table in TABLES
    }


STAGES = [
    {"stage_id": "Open", "stage_order": 1},
    {"stage_id": "Won", "stage_order": 2, "outcome": "won"},
    {"stage_id": "Lost", "stage_order": 3, "outcome": "lost"},
]


def deal(name: str, created: str, **more: Any) -> dict[str, Any]:
    return {"opportunity_id": name, "created_at": created, "stage_id": "Open"} | more


def moved(name: str, at: str, old: Any, new: Any, field: str = "stage_id") -> dict[str, Any]:
    return {"history_id": f"{name}/{field}/{at}/{new}", "opportunity_id": name, "field": field, "old_value": old,
            "new_value": new, "changed_at": at}  # fmt: skip


def change(
    record: str, at: str, old: str | None, new: str | None, field: str = "status", **more: Any
) -> dict[str, Any]:
    return {"history_id": f"{record}/{field}/{at}", "lead_id": record, "field": field, "old_value": old, "new_value": new,
            "changed_at": at} | more  # fmt: skip


LEAD = {"lead_id": "L", "source": "Web", "status": "New", "created_at": "2024-03-01Z"}
