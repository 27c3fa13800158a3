"""What was done before is not done again, where that is asked for and all that it would read is as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import dagster as dg
import pytest

from revops_assets.datasets.partitions import checked_range
from revops_assets.errors import RevopsError
from revops_assets.orchestration.runs import RunResult, run_assets
from revops_assets.settings import Settings
from revops_assets_tests.building import materialize
from revops_assets_tests.conftest import Put, Query
from revops_assets_tests.test_odd_records import REP, STAGES, still_open

DAY = "2024-03-07"
SELECTED = '+key:"enriched/deal_forecasts" or key:"metrics/rep_daily_pipeline" or key:"metrics/stale_days"'


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """In memory: what Dagster keeps of its own is no part of it."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def test_the_same_is_not_done_twice_and_anything_else_is(
    put: Put, clean: Settings, warehouse: Query, rules: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch,
    instance: dg.DagsterInstance,
) -> None:  # fmt: skip
    def run(settings: Settings, day: str = DAY, **options: list[str]) -> RunResult:
        return run_assets(settings, SELECTED, checked_range(day, day), instance, skip_current=True, **options)  # type: ignore[arg-type]

    put("a", reps=[REP], pipeline_stages=STAGES, opportunities=[still_open("o", 30)])
    first = run(clean)
    assert not first.done_before and "staging.deal_days" in first.assets
    again = run(clean)
    assert (again.run_id, again.assets, again.done_before) == (first.run_id, {}, True)

    def runs_once() -> bool:
        return not run(clean).done_before and run(clean).done_before

    # The same records once more are a load that changes nothing; others are one that may.
    put("a", opportunities=[still_open("o", 30)])
    assert run(clean).done_before
    put("a", opportunities=[still_open("o", 40, modified_at="2024-03-01Z")])
    assert runs_once()
    assert warehouse("select amount::int from enriched.deal_forecasts where snapshot_date = %s", DAY) == [(40,)]
    put("b", reps=[REP], pipeline_stages=STAGES, opportunities=[still_open("o", 7)])
    assert runs_once()
    # Stale, if only on a day that it looks back on; written by another run, by another text, after a restatement.
    warehouse("insert into ops.stale_partitions values ('staging.deal_days', 'a', '2024-02-29', 'a test')")
    assert not run(clean).done_before
    warehouse("truncate ops.stale_partitions")
    assert run(clean).done_before
    materialize(clean, 'key:"staging/deal_days"', DAY)
    assert runs_once()
    materialize(clean, '+key:"staging/deal_days"', DAY, known_as_of=1)
    assert not run(clean).done_before
    rules("forecast_weights", "a,,Commit,0,0.10\n")
    assert not run(clean).done_before
    assert not run(clean, "2024-03-08").done_before
    monkeypatch.setattr("revops_assets.invalidation.current._code", lambda: "another release")
    assert runs_once()
    with pytest.raises(RevopsError, match="of every tenant"):
        run(clean, tenants=["a"])
