"""The catalogue of datasets: assets, invalidation and docs come from it. No Dagster, no database."""

from __future__ import annotations

from functools import lru_cache

from revops_assets.catalogue import (
    ai,
    analytics,
    dashboard,
    dyno_crm,
    enriched,
    metrics,
    pipedrive,
    reference,
    semantic,
    staging,
)
from revops_assets.catalogue.dataset import HISTORY, Dataset

TIERS = (reference, staging, enriched, analytics, dashboard, ai, metrics, dyno_crm, pipedrive, semantic)
# Every dataset, by table, in the order of the tiers.
CATALOGUE: dict[str, Dataset] = {dataset.table: dataset for tier in TIERS for dataset in tier.DATASETS}
DAILY_DATASETS = {table: dataset for table, dataset in CATALOGUE.items() if dataset.built == "daily"}
FULL_REFRESHES = {table: dataset for table, dataset in CATALOGUE.items() if dataset.built == "full_refresh"}
VIEWS = {table: dataset for table, dataset in CATALOGUE.items() if dataset.built == "view"}

__all__ = [
    "CATALOGUE",
    "DAILY_DATASETS",
    "FULL_REFRESHES",
    "HISTORY",
    "VIEWS",
    "all_read",
    "ancestors",
    "descendants",
    "is_looked_at",
    "tables_behind_days",
    "through_views",
]  # fmt: skip


@lru_cache
def descendants(table: str) -> frozenset[str]:
    """Daily datasets that read this one, or one that does, on the same day."""
    found: set[str] = set()
    newest = {table}
    while newest:
        newest = {name for name, dataset in DAILY_DATASETS.items() if not newest.isdisjoint(dataset.deps)} - found
        found |= newest
    return frozenset(found)


@lru_cache
def ancestors(table: str) -> frozenset[str]:
    """Daily datasets that this one reads, of the same day or of earlier ones, itself or through others."""
    found: set[str] = set()
    newest = {table}
    while newest:
        read = {dep for name in newest for dep in (*DAILY_DATASETS[name].deps, *DAILY_DATASETS[name].looks_back_on)}
        newest = read & DAILY_DATASETS.keys() - found
        found |= newest
    return frozenset(found - {table})


def is_looked_at(table: str) -> bool:
    """Whether any dataset looks back on this one."""
    return any(table in dataset.looks_back_on for dataset in DAILY_DATASETS.values())


@lru_cache
def tables_behind_days() -> frozenset[str]:
    """Tables that are built by full refresh and that daily datasets read, themselves or through others."""
    found: set[str] = set()
    newest = {dep for dataset in DAILY_DATASETS.values() if dataset.is_behind_history for dep in dataset.deps}
    while newest:
        found |= newest
        newest = {
            dep for name in newest for dep in (CATALOGUE[name].deps if name in FULL_REFRESHES | VIEWS else ())
        } - found
    return frozenset(found & FULL_REFRESHES.keys())


def through_views(tables: frozenset[str]) -> frozenset[str]:
    """These tables and, where they are views, what those read."""
    found = set(tables)
    for table in tables & VIEWS.keys():
        found |= through_views(frozenset(VIEWS[table].deps))
    return frozenset(found)


def all_read(table: str) -> frozenset[str]:
    """What a dataset reads, of the same day or of earlier ones, and through views; but for itself."""
    dataset = CATALOGUE[table]
    return through_views(frozenset({*dataset.read, *dataset.looks_back_on})) - {table}
