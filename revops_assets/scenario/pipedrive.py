"""The generated company as a Pipedrive export: six CSV files of the same deals, in Pipedrive's shape.

Pipedrive knows nine stages of its own; the process's nine stages stand for them in order. Won deals go on to nothing
here, lost ones get a reason. A few activity ids repeat, as in real exports.
"""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from revops_assets.scenario.calendar import day_end
from revops_assets.scenario.company import deals
from revops_assets.scenario.model import LOST, REPS, STAGE_INDEX, Activity, Deal, Plan

STAGES = [
    "Lead Generation",
    "Qualified lead",
    "Needs Assessment",
    "Proposal/Quote Preparation",
    "Negotiation",
    "Closing",
    "Implementation/Onboarding",
    "Follow-up/Customer Success",
    "Renewal/Expansion",
]
ACTIVITY_TYPES = [
    ("Sales Call 1", "Yes", "meeting"),
    ("Sales Call 2", "Yes", "sc_2"),
    ("Follow Up Call", "No", "follow_up"),
    ("After Close Call", "Yes", "after_close_call"),
]
KINDS = {"meeting": "meeting", "demo": "sc_2", "call": "follow_up", "task": "after_close_call"}
LOST_REASONS = ["Customer Not Ready", "Pricing Issues", "Unreachable Customer", "Product Mismatch", "Duplicate Entry"]
REPEATED_ID_SHARE = 0.003
HEADERS = {
    "activity": ["activity_id", "type", "assigned_to_user", "deal_id", "done", "due_to"],
    "activity_types": ["id", "name", "active", "type"],
    "deal_changes": ["deal_id", "change_time", "changed_field_key", "new_value"],
    "fields": ["ID", "FIELD_KEY", "NAME", "FIELD_VALUE_OPTIONS"],
    "stages": ["stage_id", "stage_name"],
    "users": ["id", "name", "email", "modified"],
}
USER_NUMBER = {rep.id: number for number, rep in enumerate(REPS, 1)}


def write(out: Path, plan: Plan, until: datetime | None = None) -> dict[str, int]:
    """Write the export, everything from `until` on undone; returns rows per file. Streamed deal by deal."""
    out.mkdir(parents=True, exist_ok=True)
    until = until or day_end(plan, plan.end_date)
    rows = dict.fromkeys(HEADERS, 0)
    handles = {name: (out / f"{name}.csv").open("w", newline="", encoding="utf-8") for name in HEADERS}
    try:
        writers = {name: csv.writer(handle, lineterminator="\n") for name, handle in handles.items()}

        def put(name: str, lines: Iterable[Iterable[object]]) -> None:
            for line in lines:
                writers[name].writerow(line)
                rows[name] += 1

        for name, header in HEADERS.items():
            writers[name].writerow(header)
        put("stages", enumerate(STAGES, 1))
        put("activity_types", ([number, *row] for number, row in enumerate(ACTIVITY_TYPES, 1)))
        put("fields", _fields())
        put(
            "users",
            (
                [n, rep.name, rep.email, f"{until.astimezone(UTC):%Y-%m-01 08:00:00.000000}"]
                for n, rep in enumerate(REPS, 1)
            ),
        )
        for deal in deals(plan):
            rng = random.Random(f"{plan.seed}/pipedrive/{deal.id}")
            put("deal_changes", _changes(rng, deal, until))
            put(
                "activity",
                (
                    _activity(rng, deal, activity, until)
                    for activity in deal.activities
                    if activity.kind in KINDS and deal.created_at < until
                ),
            )
    finally:
        for handle in handles.values():
            handle.close()
    return rows


def _number(deal: Deal) -> int:
    return 100_000 + int(deal.id[3:])


def _changes(rng: random.Random, deal: Deal, until: datetime) -> Iterable[list[object]]:
    number = _number(deal)
    for at, key, value in _events(rng, deal):
        if at < until:
            yield [number, at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S"), key, value]


def _events(rng: random.Random, deal: Deal) -> Iterable[tuple[datetime, str, object]]:
    yield deal.created_at, "add_time", deal.created_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    for change in deal.changes:
        if change.field == "OwnerId" and change.value:
            yield change.at, "user_id", USER_NUMBER[change.value]
        elif change.field == "StageName" and change.value in STAGE_INDEX:
            yield change.at, "stage_id", STAGE_INDEX[change.value] + 1
        elif change.field == "StageName" and change.value == LOST:
            yield change.at, "lost_reason", rng.randint(1, len(LOST_REASONS))


def _activity(rng: random.Random, deal: Deal, activity: Activity, until: datetime) -> list[object]:
    is_repeated = rng.random() < REPEATED_ID_SHARE
    number = _number(deal) * 1000 + (0 if is_repeated else int(activity.id[-3:]))
    owner = USER_NUMBER[activity.rep_id] if activity.rep_id else ""
    due = activity.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return [number, KINDS[activity.kind], owner, _number(deal), activity.is_done and activity.at < until, due]


def _fields() -> Iterable[list[object]]:
    def options(names: list[str]) -> str:
        return json.dumps([{"id": str(number), "label": name} for number, name in enumerate(names, 1)])

    yield [1, "add_time", "Deal created", ""]
    yield [2, "user_id", "Owner", ""]
    yield [3, "stage_id", "Stage", options(STAGES)]
    yield [4, "lost_reason", "Lost reason", options(LOST_REASONS)]
