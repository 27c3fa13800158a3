"""Keeping Dagster's own storage bounded: what it keeps of runs that ended long ago.

Dagster purges ticks (dagster.yaml, retention) but never events. What the UI says of a partition rests on its newest
materialization, so that one stays, whatever its age; so does the newest evaluation of each check.
"""

from __future__ import annotations

import time

import sqlalchemy as sa

from revops_assets.errors import RevopsError
from revops_assets.settings import Settings
from revops_assets.warehouse import databases

# Revisions of Dagster's schema that the statements below were tried on: 1.13.
KNOWN_REVISIONS = {"29b539ebc72a"}
# In order; each may use old_runs (run_id) and :cutoff (epoch seconds). The first word of a name is the table's.
STATEMENTS = {
    "event_logs": """
with gone as (
    delete from event_logs as e
    using old_runs as o
    where e.run_id = o.run_id and not (
        e.dagster_event_type = 'ASSET_MATERIALIZATION' and not exists (
            select from event_logs as n
            where n.asset_key = e.asset_key and n.dagster_event_type = e.dagster_event_type
                and n.partition is not distinct from e.partition and n.id > e.id
        )
        or e.dagster_event_type = 'ASSET_CHECK_EVALUATION' and exists (
            select from asset_check_executions as c
            where c.evaluation_event_storage_id = e.id and not exists (
                select from asset_check_executions as n
                where n.asset_key = c.asset_key and n.check_name = c.check_name and n.id > c.id
            )
        )
    )
    returning e.id
),
tags as (
    delete from asset_event_tags as t using gone as g where t.event_id = g.id
)
select count(*) from gone
""",
    "event_logs of no run": """
with gone as (
    delete from event_logs as e
    where e.timestamp < to_timestamp(:cutoff) at time zone 'UTC' and e.asset_key is not null
        and not exists (select from runs as r where r.run_id = e.run_id)
        and exists (
            select from event_logs as n
            where n.asset_key = e.asset_key and n.dagster_event_type = e.dagster_event_type
                and n.partition is not distinct from e.partition and n.id > e.id
        )
    returning e.id
)
select count(*) from gone
""",
    "asset_check_executions": """
with gone as (
    delete from asset_check_executions as c
    using old_runs as o
    where c.run_id = o.run_id and exists (
        select from asset_check_executions as n
        where n.asset_key = c.asset_key and n.check_name = c.check_name and n.id > c.id
    )
    returning c.id
)
select count(*) from gone
""",
    "runs": """
with gone as (
    delete from runs as r
    using old_runs as o
    where r.run_id = o.run_id and not exists (select from event_logs as e where e.run_id = o.run_id)
    returning r.id
)
select count(*) from gone
""",
    "snapshots": """
with gone as (
    delete from snapshots as s
    using (
        select snapshot_id from old_runs
        union
        select plan_id from old_runs
        except
        select snapshot_id from runs
        except
        select substring(run_body from '"execution_plan_snapshot_id": "(\\w+)"') from runs
    ) as o
    where s.snapshot_id = o.snapshot_id
    returning s.id
)
select count(*) from gone
""",
    "bulk_actions": """
with gone as (
    delete from bulk_actions
    where timestamp < to_timestamp(:cutoff) at time zone 'UTC' and status not in ('REQUESTED', 'CANCELING', 'FAILING')
    returning id
)
select count(*) from gone
""",
}


def purge_events(settings: Settings, now: float | None = None) -> tuple[dict[str, int], list[str]]:
    """Remove what runs that ended more than REVOPS_EVENT_DAYS ago left; returns rows removed by table, and the runs.

    One transaction; runs that are under way are not touched. RevopsError where Dagster's schema is not one that this
    was tried on: a column that means something else would cost partitions their state.
    """
    cutoff = (time.time() if now is None else now) - settings.event_days * 86400
    removed: dict[str, int] = {}
    with databases.engine(settings, "dagster").begin() as connection:
        if unknown := set(connection.scalars(sa.text("select version_num from alembic_version"))) - KNOWN_REVISIONS:
            raise RevopsError(
                f"Dagster's storage has the schema revision {', '.join(sorted(unknown))}, which housekeeping does not"
                f" know (it knows {', '.join(sorted(KNOWN_REVISIONS))}): nothing was removed"
            )
        connection.execute(
            sa.text(
                "create temporary table old_runs on commit drop as select run_id, snapshot_id,"
                ' substring(run_body from \'"execution_plan_snapshot_id": "(\\w+)"\') as plan_id from runs'
                " where status in ('SUCCESS', 'FAILURE', 'CANCELED') and end_time < :cutoff"
            ),
            {"cutoff": cutoff},
        )
        for name, statement in STATEMENTS.items():
            given = {"cutoff": cutoff} if ":cutoff" in statement else {}
            table = name.split()[0]
            removed[table] = removed.get(table, 0) + (connection.scalar(sa.text(statement), given) or 0)
        runs = list(connection.scalars(sa.text("select run_id from old_runs")))
    return removed, runs
