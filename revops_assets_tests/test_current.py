"""What would read the same is left out where that is asked for; whatever may read otherwise is built."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import dagster as dg
import pytest

from revops_assets.datasets.partitions import checked_range
from revops_assets.orchestration.runs import RunResult, dagster_instance, run_assets
from revops_assets.settings import Settings
from revops_assets_tests.conftest import Put, Query
from revops_assets_tests.test_odd_records import REP, STAGES, still_open

DAY = "2024-03-07"
SELECTED = '+key:"enriched/deal_forecasts" or key:"metrics/rep_daily_pipeline" or key:"metrics/stale_days"'


def run(settings: Settings, day: str = DAY) -> RunResult:
    with dagster_instance(settings) as instance:
        return run_assets(settings, SELECTED, checked_range(day, day), instance, skip_current=True)


def test_only_what_may_read_otherwise_is_built(
    put: Put, clean: Settings, warehouse: Query, rules: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    put("a", reps=[REP], pipeline_stages=STAGES, opportunities=[still_open("o", 30)])
    everything = run(clean).assets.keys()
    assert {
        "staging.deal_days",
        "enriched.deal_forecasts",
        "metrics.rep_daily_pipeline",
        "reference.thresholds",
    } <= everything
    again = run(clean)
    assert (again.run_id, again.assets, again.current) == ("", {}, len(everything))

    # The same records once more are a load that changes nothing; others are one that may.
    put("a", opportunities=[still_open("o", 30)])
    assert run(clean).run_id == ""
    put("a", opportunities=[still_open("o", 40, modified_at="2024-03-01Z")])
    assert run(clean).assets.keys() == everything
    assert warehouse("select amount::int from enriched.deal_forecasts where snapshot_date = %s", DAY) == [(40,)]
    assert run(clean).run_id == ""

    # Another day, a stale one, one that was taken away, another company, a restated reference file.
    assert "staging.deal_days" in run(clean, "2024-03-08").assets
    warehouse("insert into ops.stale_partitions values ('enriched.deal_forecasts', 'a', %s, 'a test')", DAY)
    assert run(clean).assets.keys() == {"enriched.deal_forecasts"}
    warehouse("delete from ops.partition_ledger where dataset = 'staging.deal_days' and snapshot_date = %s", DAY)
    behind = run(clean).assets.keys()  # and what reads it
    assert {"staging.deal_days", "enriched.deal_health_scores", "enriched.deal_forecasts"} <= behind
    assert not {"staging.deal_intervals", "metrics.rep_daily_pipeline", "reference.thresholds"} & behind
    put("b", reps=[REP], pipeline_stages=STAGES, opportunities=[still_open("o", 7)])
    assert run(clean).assets.keys() == everything
    rules("forecast_weights", "a,,Commit,0,0.10\n")
    assert run(clean).assets.keys() == everything
    assert (
        warehouse("select sum(weight) from enriched.deal_forecasts where tenant_id = 'a' and snapshot_date = %s", DAY)[
            0
        ][0]
        < 1
    )
    assert run(clean).run_id == ""

    # What was built by another text of its SQL: Dagster calls it the code version.
    stored = dg.DagsterInstance.get_latest_materialization_code_versions

    def of_another_release(instance: dg.DagsterInstance, keys: Iterable[dg.AssetKey]) -> dict[dg.AssetKey, str | None]:
        return {key: "another" if key.path[-1] == changed else found for key, found in stored(instance, keys).items()}

    monkeypatch.setattr(dg.DagsterInstance, "get_latest_materialization_code_versions", of_another_release)
    changed = "deal_forecasts"
    assert run(clean).assets.keys() == {"enriched.deal_forecasts"}
    changed = "deal_intervals"
    assert {"staging.deal_intervals", "staging.deal_days", "enriched.deal_forecasts"} <= run(clean).assets.keys()
