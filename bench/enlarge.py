"""Writes N copies of a Pipedrive export as one: deal, activity and user ids are shifted, so that nothing coincides."""

from __future__ import annotations

import csv
import shutil
import sys
from pathlib import Path

SHIFTED = {"deal_id", "activity_id", "assigned_to_user"}


def enlarge(source: Path, target: Path, copies: int) -> None:
    """Write the enlarged export; stages, activity types and fields stay as they are."""
    target.mkdir(parents=True, exist_ok=True)
    for name in ("stages.csv", "activity_types.csv", "fields.csv"):
        shutil.copyfile(source / name, target / name)
    for name in ("activity.csv", "deal_changes.csv", "users.csv"):
        with (source / name).open(newline="") as handle:
            header, *rows = csv.reader(handle)
        with (target / name).open("w", newline="") as handle:
            writer = csv.writer(handle, lineterminator="\n")
            writer.writerow(header)
            for copy in range(copies):
                writer.writerows(_shifted(name, header, row, copy * 10_000_000) for row in rows)


def _shifted(name: str, header: list[str], row: list[str], by: int) -> list[str]:
    values = dict(zip(header, row, strict=True))
    is_user_change = values.get("changed_field_key") == "user_id"
    for column, value in values.items():
        is_id = (
            column in SHIFTED or (name == "users.csv" and column == "id") or (is_user_change and column == "new_value")
        )
        if is_id and value:
            values[column] = str(int(value) + by)
    return list(values.values())


if __name__ == "__main__":
    enlarge(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
