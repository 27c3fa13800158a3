"""The resolved definitions as data, kept in definitions.json: an unintended change of the graph is a diff.

After an intended one: `python -m revops_assets_tests.snapshot`.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

SNAPSHOT = Path(__file__).with_name("definitions.json")


def resolved() -> dict[str, Any]:
    """Assets with what the UI shows and schedules by, checks, jobs' selections, schedules, sensors."""
    from revops_assets.definitions import defs

    graph, repository = defs.resolve_asset_graph(), defs.get_repository_def()
    return {
        "assets": {
            node.key.to_user_string(): {
                "deps": sorted(key.to_user_string() for key in node.parent_keys),
                "group": node.group_name,
                "owners": sorted(node.owners),
                "kinds": sorted(node.kinds),
                "tags": dict(sorted(node.tags.items())),
                "partitioned": node.is_partitioned,
                "executable": node.is_executable,
                "pools": sorted(node.pools or ()),
                "metadata": sorted(node.metadata),
            }
            for node in sorted(graph.asset_nodes, key=lambda node: node.key)
        },
        "checks": sorted(f"{key.asset_key.to_user_string()}: {key.name}" for key in graph.asset_check_keys),
        "jobs": {
            job.name: sorted(key.to_user_string() for key in job.asset_layer.selected_asset_keys)
            for job in sorted(repository.get_all_jobs(), key=lambda job: job.name)
            if not job.name.startswith("__")
        },
        "schedules": {
            schedule.name: [schedule.job_name, schedule.cron_schedule, schedule.execution_timezone]
            for schedule in sorted(repository.schedule_defs, key=lambda schedule: schedule.name)
        },
        "sensors": {
            sensor.name: sensor.minimum_interval_seconds
            for sensor in sorted(repository.sensor_defs, key=lambda sensor: sensor.name)
        },
    }


def lines(told: dict[str, Any]) -> str:
    """As JSON, a line for each asset, check, job, schedule and sensor."""
    parts = []
    for section, found in told.items():
        entries = (
            [f"  {json.dumps(name)}: {json.dumps(entry)}" for name, entry in found.items()]
            if isinstance(found, dict)
            else [f"  {json.dumps(entry)}" for entry in found]
        )
        opening, closing = "{}" if isinstance(found, dict) else "[]"
        parts.append(f" {json.dumps(section)}: {opening}\n" + ",\n".join(entries) + f"\n {closing}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


if __name__ == "__main__":
    os.environ["REVOPS_SCENARIO"] = "on"  # whatever somebody's own installation leaves out
    SNAPSHOT.write_text(lines(resolved()), encoding="utf-8")
