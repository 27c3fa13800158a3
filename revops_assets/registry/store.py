"""Definitions in the warehouse (semantic.metric_definitions): written with an audit row each, found again."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from revops_assets.errors import NotFound, RevopsError
from revops_assets.registry.definition import Metric
from revops_assets.registry.documents import Document

FIELDS = tuple(Metric.model_fields)
JSON = ("sql_variants", "validation")
ABOUT = ("source", "status", "approved_by", "approved_at", "created_at", "updated_at")
# Every stored day of every tenant holds all metrics.
ASK = """
insert into ops.stale_partitions (dataset, tenant_id, snapshot_date, reason)
select w.dataset, w.tenant_id, w.snapshot_date, :reason
from ops.partition_ledger as w
where w.dataset = 'semantic.metric_values'
on conflict (dataset, tenant_id, snapshot_date) do update
set request_id = default, reason = excluded.reason, requested_at = now()
"""


@dataclass(frozen=True)
class Stored:
    """A definition as it is stored: what it says, where it came from, and when it was written."""

    metric: Metric
    source: str
    status: str
    approved_by: str | None
    approved_at: datetime | None
    created_at: datetime
    updated_at: datetime

    @property
    def data(self) -> dict[str, Any]:
        """As plain data, the same from the command line and the API."""
        return {
            "id": self.metric.id,
            **self.metric.model_dump(mode="json"),
            "source": self.source,
            "status": self.status,
            "approved_by": self.approved_by,
            "approved_at": self.approved_at and self.approved_at.isoformat(),
            "created_at": self.created_at.isoformat(),
            "updated_at": self.updated_at.isoformat(),
        }


def get(connection: sa.Connection, metric_id: str) -> Stored:
    """One definition; NotFound."""
    found = _select(connection, "where d.id = :id", id=metric_id)
    if not found:
        raise NotFound(f"there is no metric {metric_id!r}")
    return found[0]


def list_all(connection: sa.Connection, category: str | None = None) -> list[Stored]:
    """Every definition, or those of a category, by id."""
    return _select(connection, "where :category is null or d.category = :category", category=category)


def approved(connection: sa.Connection) -> list[Metric]:
    """The definitions that count, by id."""
    return [stored.metric for stored in _select(connection, "where d.status = 'approved'")]


def by_table(connection: sa.Connection, table: str) -> list[Stored]:
    """Definitions that read a table."""
    return _select(connection, "where :name = d.table_name or :name = any(d.tables)", name=table)


def by_synonym(connection: sa.Connection, word: str) -> list[Stored]:
    """Definitions that are called so: by name, name for people or synonym, in any spelling of case."""
    condition = (
        "where lower(:word) in (d.name, lower(d.display_name))"
        " or exists (select from unnest(d.synonyms) as s (word) where lower(s.word) = lower(:word))"
    )
    return _select(connection, condition, word=word)


def find(connection: sa.Connection, word: str) -> Stored:
    """A definition by id, else the one whose name or synonym it is; NotFound, RevopsError where several are."""
    if "/" in word:
        return get(connection, word)
    found = by_synonym(connection, word)
    if len(found) > 1:
        raise RevopsError(f"{word!r} may be {' or '.join(stored.metric.id for stored in found)}: say which")
    if not found:
        raise NotFound(f"there is no metric {word!r}: `revops metrics list` shows what there is")
    return found[0]


def table_map(connection: sa.Connection) -> dict[str, list[str]]:
    """For each table the ids of the metrics that read it."""
    found: dict[str, list[str]] = {}
    for stored in list_all(connection):
        for table in stored.metric.reads:
            found.setdefault(table, []).append(stored.metric.id)
    return found


def put(
    connection: sa.Connection,
    metric: Metric,
    source: str = "manual",
    document: Document | None = None,
    dry_run: bool = False,
) -> str:
    """Create or update a definition: 'created', 'updated', or 'unchanged', which writes nothing. Nor does a dry run.

    One that comes from a file that was reviewed where it is kept is approved; any other is proposed.
    """
    before = _row(connection, metric.id)
    if before and before.metric == metric and before.source == source:
        return "unchanged"
    action = "updated" if before else "created"
    if dry_run:
        return action
    if document:
        connection.execute(
            sa.text(
                "insert into semantic.metric_documents (sha256, path, body) values (:sha256, :path, :body)"
                " on conflict (sha256) do nothing"
            ),
            {"sha256": document.sha256, "path": str(document.path), "body": document.body},
        )
    _audit(connection, metric.id, action, source, before.metric if before else None, metric)
    values: dict[str, Any] = metric.model_dump()
    values |= {name: json.dumps(values[name]) for name in JSON}
    values |= {"id": metric.id, "source": source, "document_sha256": document.sha256 if document else None}
    reviewed = document is not None and document.is_reviewed
    values |= {"status": "approved" if reviewed else "proposed", "approved_by": source if reviewed else None}
    names = list(values)
    told = ", ".join(f"cast(:{name} as jsonb)" if name in JSON else f":{name}" for name in names)
    changed = ", ".join(f"{name} = excluded.{name}" for name in names if name != "id")
    connection.execute(
        sa.text(
            f"insert into semantic.metric_definitions ({', '.join(names)}, approved_at)"
            f" values ({told}, {'clock_timestamp()' if reviewed else 'null'})"
            f" on conflict (id) do update set {changed}, approved_at = excluded.approved_at,"
            " updated_at = clock_timestamp()"
        ),
        values,
    )
    if reviewed or (before and before.status == "approved"):
        _ask_for_values(connection, f"metric {metric.id} was {action}")
    return action


def update(connection: sa.Connection, metric: Metric) -> str:
    """Change a definition that there is; NotFound."""
    get(connection, metric.id)
    return put(connection, metric)


def approve(connection: sa.Connection, metric_id: str, by: str) -> Stored:
    """Let a definition be the one that counts; NotFound. Whether it is valid is the caller's to ask before."""
    before = get(connection, metric_id)
    if before.status != "approved":
        _audit(connection, metric_id, "approved", by, before.metric, before.metric)
        connection.execute(
            sa.text(
                "update semantic.metric_definitions"
                " set status = 'approved', approved_by = :by, approved_at = clock_timestamp() where id = :id"
            ),
            {"id": metric_id, "by": by},
        )
        _ask_for_values(connection, f"metric {metric_id} was approved")
    return get(connection, metric_id)


def delete(connection: sa.Connection, metric_id: str, source: str = "manual") -> None:
    """Delete a definition; NotFound."""
    before = get(connection, metric_id)
    _audit(connection, metric_id, "deleted", source, before.metric, None)
    connection.execute(sa.text("delete from semantic.metric_definitions where id = :id"), {"id": metric_id})
    if before.status == "approved":
        _ask_for_values(connection, f"metric {metric_id} was deleted")


def prune(connection: sa.Connection, kept: Iterable[str], source: str, dry_run: bool) -> list[str]:
    """Delete what the same source brought earlier and brings no longer; returns the ids, also of a dry run."""
    kept = set(kept)
    gone = [stored.metric.id for stored in list_all(connection) if stored.source == source]
    gone = [metric_id for metric_id in gone if metric_id not in kept]
    if not dry_run:
        for metric_id in gone:
            delete(connection, metric_id, source)
    return gone


def _row(connection: sa.Connection, metric_id: str) -> Stored | None:
    return next(iter(_select(connection, "where d.id = :id for update", id=metric_id)), None)


def _select(connection: sa.Connection, condition: str, **values: Any) -> list[Stored]:
    order = "" if "for update" in condition else " order by d.id"
    names = ", ".join(f"d.{name}" for name in FIELDS)
    rows = connection.execute(
        sa.text(
            f"select {names}, {', '.join('d.' + name for name in ABOUT)} from semantic.metric_definitions as d"
            f" {condition}{order}"
        ).bindparams(*(sa.bindparam(name, type_=sa.Text) for name in values)),
        values,
    ).mappings()
    return [
        Stored(
            Metric.model_construct(**{name: row[name] for name in FIELDS}),
            **{name: row[name] for name in ABOUT},
        )
        for row in rows
    ]


def _ask_for_values(connection: sa.Connection, reason: str) -> None:
    """The stored days are stale: they were computed by other definitions."""
    connection.execute(sa.text(ASK), {"reason": reason})


def _audit(
    connection: sa.Connection, metric_id: str, action: str, source: str, before: Metric | None, after: Metric | None
) -> None:
    connection.execute(
        sa.text(
            "insert into semantic.metric_audit (id, action, source, before, after)"
            " values (:id, :action, :source, cast(:before as jsonb), cast(:after as jsonb))"
        ),
        {
            "id": metric_id,
            "action": action,
            "source": source,
            "before": before and before.model_dump_json(),
            "after": after and after.model_dump_json(),
        },
    )
