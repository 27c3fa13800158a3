"""Bringing a folder of definitions into the registry, and the registry into a folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

from revops_assets.errors import RevopsError
from revops_assets.registry import store
from revops_assets.registry.documents import Failure, read, write

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


def export_definitions(connection: sa.Connection, folder: Path) -> list[Path]:
    """Write every definition into a folder, a file each, and the index; RevopsError where there are none."""
    metrics = [stored.metric for stored in store.list_all(connection)]
    if not metrics:
        raise RevopsError("there are no metrics to export")
    return write(folder, metrics)
