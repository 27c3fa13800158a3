"""What is kept of old runs in Dagster's storage: what the UI needs, and no more."""

from __future__ import annotations

import time
from datetime import date

import dagster as dg
import pytest

from revops_assets.errors import RevopsError
from revops_assets.orchestration.housekeeping import KNOWN_REVISIONS, purge_events
from revops_assets.orchestration.jobs import load_export_job
from revops_assets.orchestration.runs import dagster_instance, run_assets
from revops_assets.settings import Settings
from revops_assets_tests.conftest import DAILY_STATE, Put, query

KEY = dg.AssetKey(["staging", "deal_days"])


def events(settings: Settings, run_id: str) -> int:
    return int(query(settings, "dagster", "select count(*) from event_logs where run_id = %s", run_id)[0][0])


def test_old_events_go_and_every_partition_keeps_its_state(clean: Settings, put: Put) -> None:
    put(
        "a",
        pipeline_stages=[{"stage_id": "s"}],
        opportunities=[{"opportunity_id": "d", "stage_id": "s", "created_at": "2024-01-01Z"}],
    )
    config = {"ops": {"load_landed_export": {"config": {"directory": "/x"}}}}
    later = time.time() + (clean.event_days + 1) * 86400
    with dagster_instance(clean) as instance:
        days = (date(2024, 1, 8), date(2024, 1, 10))
        first, second = (run_assets(clean, DAILY_STATE, days, instance).run_id for _ in range(2))
        under_way = instance.create_run_for_job(load_export_job, run_config=config, status=dg.DagsterRunStatus.STARTED)
        partitions = instance.get_materialized_partitions(KEY)
        newest = instance.get_latest_materialization_event(KEY)
        assert {"2024-01-08", "2024-01-09", "2024-01-10"} <= partitions and newest and newest.run_id == second
        purge_events(clean)
        assert events(clean, first) > 50 and events(clean, second) > 50
        removed, runs = purge_events(clean, later)
        assert {first, second} <= set(runs) and under_way.run_id not in runs
        assert removed["event_logs"] > 90 and removed["runs"] >= 1
        assert events(clean, first) == 0 and instance.get_run_by_id(first) is None
        # Each asset and partition built, and each check: one event of the second run.
        assert 0 < events(clean, second) < 60 and instance.get_run_by_id(second) is not None
        assert instance.get_run_by_id(under_way.run_id) is not None
        assert instance.get_materialized_partitions(KEY) == partitions
        assert instance.get_latest_materialization_event(KEY) == newest
        assert sum(purge_events(clean, later)[0].values()) == 0
        # The storage still takes runs, of the same selection as one whose snapshot went.
        run_assets(clean, DAILY_STATE, days, instance)
        instance.delete_run(under_way.run_id)


def test_nothing_goes_from_a_storage_of_an_unknown_revision(clean: Settings) -> None:
    query(clean, "dagster", "update alembic_version set version_num = 'of-later'")
    try:
        with pytest.raises(RevopsError, match="schema revision of-later, which housekeeping does not know"):
            purge_events(clean)
    finally:
        query(clean, "dagster", f"update alembic_version set version_num = '{min(KNOWN_REVISIONS)}'")
