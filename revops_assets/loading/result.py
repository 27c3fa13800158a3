"""What a load did, and the error of one that was refused for its records."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from revops_assets.errors import RevopsError


@dataclass
class LoadResult:
    """What a load did. Counts of `files` are of records in files, the others of canonical records."""

    tenant: str
    source: str
    load_id: int
    load_seq: int | None = None
    rows_read: int = 0
    rows_inserted: int = 0
    rows_updated: int = 0
    rows_unchanged: int = 0
    rows_rejected: int = 0
    rows_conflicting: int = 0
    rows_deleted: int = 0
    earliest_business_at: datetime | None = None
    files: list[dict[str, Any]] = field(default_factory=list)
    tables: list[dict[str, Any]] = field(default_factory=list)
    quarantined: list[dict[str, Any]] = field(default_factory=list)  # the first rejected and conflicting records
    unread: list[str] = field(default_factory=list)  # files of the folder that nothing was read from
    notes: list[str] = field(default_factory=list)  # what else somebody should know of the files
    missing_inputs: list[dict[str, Any]] = field(default_factory=list)  # what the tenant's source does not give
    faults: list[dict[str, Any]] = field(default_factory=list)  # checks of crm that found something
    dry_run: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return asdict(self)


class TooManyRejects(RevopsError):
    """More records were refused than the mapping allows."""
