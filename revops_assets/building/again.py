"""Writing again just what a run left unwritten."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import date

from revops_assets.building.daily import rewrite_days
from revops_assets.building.daily_metrics import ask_for_stale_days, rewrite_metrics
from revops_assets.building.full_refresh import write_full_refresh
from revops_assets.building.run import Run
from revops_assets.catalogue import CATALOGUE, all_read
from revops_assets.catalogue.metrics import STALE_DAYS
from revops_assets.invalidation.unwritten import left

# Datasets whose parts are written tenant by tenant where rows break that: all but views and reference files.
WRITTEN_APART = [
    table for table, dataset in CATALOGUE.items() if dataset.built != "view" and dataset.made_by != "reference file"
]


def write_again(run: Run, datasets: Collection[str]) -> None:
    """Write just the parts that the run left: each after what it waits for, until none of them gets further."""
    tried: set[tuple[str, str]] = set()
    while True:
        with run.warehouse.transaction() as connection:
            parts = [part for part in left(connection, datasets) if part.run_id == run.run_id]
        open_parts = {(part.dataset, part.tenant) for part in parts}
        due = next(
            (
                part
                for part in parts
                if (part.dataset, part.tenant) not in tried
                and not any((read, part.tenant) in open_parts for read in all_read(part.dataset) if read in datasets)
            ),
            None,
        )
        if due is None:
            return
        tried.add((due.dataset, due.tenant))
        days = sorted(
            {day for p in parts if (p.dataset, p.tenant) == (due.dataset, due.tenant) for day in p.days or ()}
        )
        _rewrite(replace(run, tenants=(due.tenant,)), due.dataset, days)


def _rewrite(run: Run, table: str, days: Sequence[date]) -> None:
    dataset = CATALOGUE[table]
    if table == STALE_DAYS:
        ask_for_stale_days(run)
    elif dataset.made_by == "functions":
        rewrite_metrics(run, days)
    elif dataset.built == "daily":
        rewrite_days(run, dataset, days)
    else:
        write_full_refresh(run, dataset)
