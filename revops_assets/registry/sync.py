"""Bringing a folder of definitions into the registry, and the registry into a folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

from revops_assets.errors import RevopsError
from revops_assets.registry import store
from revops_assets.registry.columns import input_columns
from revops_assets.registry.definition import Metric
from revops_assets.registry.documents import Failure, read, write
from revops_assets.registry.ossie import FILE, to_ossie

IMPORTED = "yaml_import"


@dataclass
class Imported:
    """What an import did: ids by action, and what could not be read."""

    actions: dict[str, list[str]] = field(default_factory=lambda: {"created": [], "updated": [], "unchanged": []})
    failures: list[Failure] = field(default_factory=list)
    pruned: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        """Metrics that were read."""
        return sum(map(len, self.actions.values()))


def import_definitions(
    connection: sa.Connection,
    path: Path,
    prune: bool = False,
    source_ref: str | None = None,
    dry_run: bool = False,
) -> Imported:
    """Write every definition of a file or folder; broken files are told and left out. The caller's transaction commits.

    With `prune` what the same source brought earlier and this folder no longer holds is deleted: only of a source that
    is named (`source_ref`), and never by a folder that is empty or partly broken. A dry run writes nothing.
    """
    source = f"{IMPORTED}:{source_ref}" if source_ref else IMPORTED
    folder = read(path)
    done = Imported(failures=folder.failures)
    if prune:
        if not source_ref:
            raise RevopsError("--prune deletes what a source no longer brings: name it with --source-ref")
        if folder.failures or not folder.metrics:
            raise RevopsError(f"{path}: nothing is pruned by a folder that is empty or partly broken")
    for document in folder.documents:
        for metric in document.metrics:
            action = store.put(connection, metric, source, document, dry_run)
            done.actions[action].append(metric.id)
    if prune:
        done.pruned = store.prune(connection, (metric.id for metric in folder.metrics), source, dry_run)
    return done


RUNS = """
select r.metric_id, r.variant, r.tenant_id, r.snapshot_date, r.error
from semantic.metric_runs as r
where r.snapshot_date = (select max(l.snapshot_date) from semantic.metric_runs as l where l.tenant_id = r.tenant_id)
order by 1, 2, 3
"""


@dataclass(frozen=True)
class Coverage:
    """How far a folder's metrics came: read, imported as they stand there, approved, run on the newest built day."""

    read: int
    imported: int
    approved: int
    ran: int
    broken: tuple[str, ...]
    failed: tuple[str, ...]

    @property
    def is_complete(self) -> bool:
        """Whether there are any, and all of them ran."""
        return 0 < self.read == self.imported == self.approved == self.ran and not self.broken


def coverage(connection: sa.Connection, path: Path) -> Coverage:
    """How far the metrics of a file or folder came."""
    folder = read(path)
    stored = {one.metric.id: one for one in store.list_all(connection)}
    imported = {one.id for one in folder.metrics if one.id in stored and stored[one.id].metric == one}
    approved = {one for one in imported if stored[one].status == "approved"}
    runs = [row for row in connection.execute(sa.text(RUNS)) if row.metric_id in {one.id for one in folder.metrics}]
    failed = {row.metric_id for row in runs if row.error}
    return Coverage(
        len(folder.metrics),
        len(imported),
        len(approved),
        len({row.metric_id for row in runs} & approved - failed),
        tuple(map(str, folder.failures)),
        tuple(
            f"{row.metric_id} {row.variant} of {row.tenant_id}, {row.snapshot_date}: {row.error}"
            for row in runs
            if row.error
        ),
    )


def export_definitions(connection: sa.Connection, folder: Path) -> list[Path]:
    """Write every definition into a folder, a file each, and the index; RevopsError where there are none."""
    return write(folder, _all(connection))


def export_ossie(connection: sa.Connection, folder: Path) -> Path:
    """Write the registry as one Apache Ossie document; RevopsError where there are no definitions."""
    path = folder / FILE
    text = to_ossie(_all(connection), input_columns(connection))
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def _all(connection: sa.Connection) -> list[Metric]:
    metrics = [stored.metric for stored in store.list_all(connection)]
    if not metrics:
        raise RevopsError("there are no metrics to export")
    return metrics
