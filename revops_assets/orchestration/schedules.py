"""Schedules: what runs by the clock. They run from the start where REVOPS_AUTOMATION is on, else when switched on."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg
import sqlalchemy as sa

from revops_assets.catalogue import DAILY_DATASETS
from revops_assets.datasets.partitions import partition_ends, range_tags
from revops_assets.invalidation.run_tags import ENV_TAG, PRIORITY_TAG
from revops_assets.orchestration.jobs import consistency_job, daily_job, housekeeping_job
from revops_assets.settings import Settings
from revops_assets.warehouse import databases

DAY = timedelta(days=1)
# Built after all others: a day that has it was built as a whole, whichever datasets there were.
LAST = "ai.rep_coaching_insights"
# Per tenant the newest day before the given one on which every dataset that the tenant has was built: one that came
# with a release is yet to be.
COMPLETE = """
with built as (
    select tenant_id, snapshot_date, dataset from ops.partition_ledger where dataset = any(:datasets)
),
had as (
    select tenant_id, count(distinct dataset) as datasets from built group by tenant_id
),
days as (
    select tenant_id, snapshot_date, count(*) as datasets
    from built
    where snapshot_date < :day
    group by tenant_id, snapshot_date
    having bool_or(dataset = :last)
)
select d.tenant_id, max(d.snapshot_date)
from days as d
inner join had as h on h.tenant_id = d.tenant_id and h.datasets = d.datasets
group by d.tenant_id
"""


def due_days(connection: sa.Connection, day: date, first_day: date) -> tuple[date, date]:
    """The days that the daily run of `day` builds: that day, and those since the newest complete one before it."""
    given = {"day": day, "datasets": sorted(DAILY_DATASETS), "last": LAST}
    newest = [found for _, found in connection.execute(sa.text(COMPLETE), given)]
    return max(min([day, *(found + DAY for found in newest)]), min(first_day, day)), day


def schedules(settings: Settings) -> Sequence[dg.ScheduleDefinition]:
    """All schedules, in the business time zone."""
    running = dg.DefaultScheduleStatus.RUNNING if settings.automation else dg.DefaultScheduleStatus.STOPPED

    @dg.schedule(
        name="daily",
        job=daily_job,
        cron_schedule=settings.daily_cron,
        execution_timezone=settings.timezone,
        default_status=running,
        description="Every dataset for yesterday, and for the days since the last complete one if some were missed;"
        " the funnel and the stage velocity report, too.",
    )
    def daily(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        at = context.scheduled_execution_time or datetime.now(UTC)
        yesterday = at.astimezone(ZoneInfo(settings.timezone)).date() - DAY
        if yesterday < settings.first_day:
            return dg.SkipReason(f"the daily datasets begin with {settings.first_day}")
        with databases.engine(settings, "warehouse").begin() as connection:
            first, last = due_days(connection, yesterday, partition_ends()[0])
        return dg.RunRequest(tags={**range_tags(first, last), ENV_TAG: settings.env, PRIORITY_TAG: "1"})

    housekeeping = dg.ScheduleDefinition(
        name="housekeeping",
        job=housekeeping_job,
        cron_schedule="30 4 * * *",
        execution_timezone=settings.timezone,
        default_status=running,
        description="Keeps Dagster's own storage bounded.",
    )
    consistency = dg.ScheduleDefinition(
        name="consistency",
        job=consistency_job,
        cron_schedule="30 5 * * *",
        execution_timezone=settings.timezone,
        default_status=running,
        description="Compares what several datasets say of the same thing; a difference fails the run, and alerts.",
    )
    return [daily, housekeeping, consistency]
