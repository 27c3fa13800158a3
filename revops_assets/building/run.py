"""What a run builds with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa

from revops_assets.datasets.window import ReadAt, Window
from revops_assets.warehouse.resource import Warehouse

# Lays out what a dataset's file reads of pg_temp besides the run's days, in each write's transaction.
BeforeWrite = Callable[[sa.Connection, Window, Warehouse, ReadAt], None]


@dataclass(frozen=True)
class Run:
    """A run: the warehouse that it writes, the id that unwritten parts are noted under, what it reads, and for whom
    (None: all tenants)."""

    warehouse: Warehouse
    run_id: str
    at: ReadAt
    tenants: tuple[str, ...] | None = None
