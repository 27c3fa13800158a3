"""A small sales team's year as a Pipedrive export: six CSV files, deterministic in (deals, end date, seed).

Deals are born over the year before the end date, get owners, climb the stages, skip or repeat some, and mostly get
lost on the way; calls are planned along and done when due. Nothing after the end date has happened yet.
"""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path

STAGES = [
    "Lead Generation", "Qualified lead", "Needs Assessment", "Proposal/Quote Preparation", "Negotiation", "Closing",
    "Implementation/Onboarding", "Follow-up/Customer Success", "Renewal/Expansion",
]  # fmt: skip
ACTIVITY_TYPES = [
    ("Sales Call 1", "Yes", "meeting"),
    ("Sales Call 2", "Yes", "sc_2"),
    ("Follow Up Call", "No", "follow_up"),
    ("After Close Call", "Yes", "after_close_call"),
]
CALL_AT_STAGE = {2: "meeting", 3: "sc_2", 5: "follow_up", 7: "after_close_call"}
LOST_REASONS = [
    "Customer Not Ready",
    "Pricing Issues",
    "Unreachable Customer",
    "Product Mismatch",
    "Duplicate Entry",
]
FIRST_NAMES = [
    "Ada",
    "Bela",
    "Carla",
    "Dmitri",
    "Emeka",
    "Farah",
    "Goran",
    "Hana",
    "Ines",
    "Jonas",
    "Kemal",
    "Lina",
]
LAST_NAMES = [
    "Abe",
    "Brandt",
    "Costa",
    "Dietz",
    "Eriksen",
    "Fonseca",
    "Gruber",
    "Haddad",
    "Ivanova",
    "Jansen",
]
USERS_PER_DEALS = 25
REPEATED_ACTIVITY_SHARE = 0.003


@dataclass
class _Events:
    """What happened, as rows of the export's two event files."""

    changes: list[tuple[int, datetime, str, str]] = field(default_factory=list)
    activities: list[list[object]] = field(default_factory=list)


def generate(out: Path, deals: int, end_date: date, seed: int) -> dict[str, int]:
    """Write the export into `out`; returns rows per file."""
    rng = random.Random(f"pipedrive/{deals}/{end_date}/{seed}")
    end = datetime.combine(end_date + timedelta(days=1), time())
    users = max(4, deals // USERS_PER_DEALS)
    events = _Events()
    for number in range(deals):
        _live(rng, events, 100_000 + number * 7, users, end)
    for row in [row for row in events.activities if rng.random() < REPEATED_ACTIVITY_SHARE]:
        events.activities.append([row[0], *rng.choice(events.activities)[1:]])
    out.mkdir(parents=True, exist_ok=True)
    changes = ([deal, at.strftime("%Y-%m-%d %H:%M:%S"), key, value] for deal, at, key, value in events.changes)
    return {
        name: _write(out / name, header, rows)
        for name, header, rows in (
            ("stages.csv", ["stage_id", "stage_name"], iter(enumerate(STAGES, 1))),
            ("activity_types.csv", ["id", "name", "active", "type"],
             ([number, *row] for number, row in enumerate(ACTIVITY_TYPES, 1))),
            ("fields.csv", ["ID", "FIELD_KEY", "NAME", "FIELD_VALUE_OPTIONS"], _fields()),
            ("users.csv", ["id", "name", "email", "modified"], _users(rng, users, end)),
            ("deal_changes.csv", ["deal_id", "change_time", "changed_field_key", "new_value"], changes),
            ("activity.csv", ["activity_id", "type", "assigned_to_user", "deal_id", "done", "due_to"],
             iter(events.activities)),
        )
    }  # fmt: skip


def _live(rng: random.Random, events: _Events, deal: int, users: int, end: datetime) -> None:
    """One deal's life, up to `end`."""
    at = end - timedelta(seconds=rng.randrange(3600, 365 * 86400))
    owner = rng.randint(1, users)
    life = [
        (at, "add_time", at.isoformat()),
        (at + timedelta(hours=rng.randint(1, 72)), "user_id", str(owner)),
    ]
    at = life[-1][0]
    if rng.random() < 0.25:
        owner = rng.randint(1, users)
        at += timedelta(days=rng.uniform(0.5, 6))
        life.append((at, "user_id", str(owner)))
    stage = 1
    while stage <= len(STAGES):
        at += timedelta(days=rng.expovariate(1 / 9) + 0.2)
        life.append((at, "stage_id", str(stage)))
        if stage in CALL_AT_STAGE and rng.random() < 0.85:
            due = at + timedelta(days=rng.uniform(0.2, 9))
            is_done = due < end and rng.random() < 0.8
            number = 500_000 + len(events.activities)
            events.activities.append(
                [number, CALL_AT_STAGE[stage], owner, deal, is_done, due.isoformat(timespec="seconds")]
            )
        if rng.random() < 0.22:
            at += timedelta(days=rng.expovariate(1 / 12) + 0.5)
            life.append((at, "lost_reason", str(rng.randint(1, len(LOST_REASONS)))))
            break
        move = rng.random()
        stage += 2 if move < 0.08 else (-1 if move > 0.96 and stage > 1 else 1)
    events.changes.extend((deal, at, key, value) for at, key, value in life if at < end)


def _users(rng: random.Random, count: int, end: datetime) -> Iterator[list[object]]:
    for number in range(1, count + 1):
        first, last = rng.choice(FIRST_NAMES), rng.choice(LAST_NAMES)
        modified = end - timedelta(seconds=rng.randrange(1, 300 * 86400), microseconds=rng.randrange(1, 1_000_000))
        email = f"{first}.{last}.{number}@example.com".lower()
        yield [number, f"{first} {last}", email, modified.isoformat(" ", "microseconds")]


def _fields() -> Iterator[list[object]]:
    def options(names: list[str]) -> str:
        return json.dumps([{"id": str(number), "label": name} for number, name in enumerate(names, 1)])

    yield [1, "add_time", "Deal created", ""]
    yield [2, "user_id", "Owner", ""]
    yield [3, "stage_id", "Stage", options(STAGES)]
    yield [4, "lost_reason", "Lost reason", options(LOST_REASONS)]


def _write(path: Path, header: list[str], rows: Iterator[object]) -> int:
    with path.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(header)
        count = 0
        for row in rows:
            writer.writerow(row)  # type: ignore[arg-type]
            count += 1
    return count
