"""Schedules: when jobs run by themselves. They run from the start in production, and when switched on elsewhere."""

import dagster as dg

from revops_assets.jobs import funnel_job, stage_velocity_job
from revops_assets.resources import ENV_TAG
from revops_assets.settings import Settings


def schedules(settings: Settings) -> list[dg.ScheduleDefinition]:
    """All schedules, in the business time zone."""
    running = dg.DefaultScheduleStatus.RUNNING if settings.env == "prod" else dg.DefaultScheduleStatus.STOPPED
    return [
        dg.ScheduleDefinition(
            name="funnel_daily",
            job=funnel_job,
            cron_schedule="0 6 * * *",
            execution_timezone=settings.timezone,
            default_status=running,
            tags={ENV_TAG: settings.env},
            description="Rebuilds the sales funnel every morning at six, business time.",
        ),
        dg.ScheduleDefinition(
            name="stage_velocity_daily",
            job=stage_velocity_job,
            cron_schedule="10 6 * * *",
            execution_timezone=settings.timezone,
            default_status=running,
            tags={ENV_TAG: settings.env},
            description="The stage velocity report of every pipeline, every morning, as of the day's beginning.",
        ),
    ]
