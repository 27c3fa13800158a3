"""What was done before is not done again, where that is asked for and all that it would read is as it was."""

from __future__ import annotations

from collections.abc import Callable

import dagster as dg
import pytest

from revops_assets.datasets.dated_reference import take_over_files
from revops_assets.datasets.partitions import checked_range
from revops_assets.errors import RevopsError
from revops_assets.invalidation.current import Request
from revops_assets.orchestration.runs import run_assets
from revops_assets.settings import Settings
from revops_assets.warehouse import databases
from revops_assets.warehouse.databases import driver_connection
from revops_assets_tests.building import materialize
from revops_assets_tests.conftest import Put, Query
from revops_assets_tests.test_odd_records import REP, STAGES, still_open

DAY = "2024-03-07"
SELECTED = '+key:"enriched/deal_forecasts" or key:"metrics/rep_daily_pipeline" or key:"metrics/stale_days"'


def test_the_same_is_not_done_twice_and_anything_else_is(
    put: Put, clean: Settings, warehouse: Query, rules: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    days = checked_range(DAY, DAY)
    put("a", reps=[REP], pipeline_stages=STAGES, opportunities=[still_open("o", 30)])
    with dg.DagsterInstance.ephemeral() as instance:
        first = run_assets(clean, SELECTED, days, instance, skip_current=True)
        assert not first.done_before and "staging.deal_days" in first.assets
        again = run_assets(clean, SELECTED, days, instance, skip_current=True)
        assert (again.run_id, again.assets, again.done_before) == (first.run_id, {}, True)
        with pytest.raises(RevopsError, match="of every tenant"):
            run_assets(clean, SELECTED, days, instance, skip_current=True, tenants=["a"])

    def runs(day: str = DAY) -> bool:
        """Run it as run_assets does, but without Dagster; whether it had not been done."""
        with databases.engine(clean, "warehouse").begin() as connection:
            take_over_files(driver_connection(connection), clean)
            request = Request(connection, clean, first.assets, *checked_range(day, day))
            if request.done_by(connection):
                return False
        run_id = materialize(clean, SELECTED, day)
        with databases.engine(clean, "warehouse").begin() as connection:
            request.note(connection, run_id)
        return True

    def runs_once() -> bool:
        return runs() and not runs()

    assert not runs()
    # The same records once more are a load that changes nothing; others are one that may.
    put("a", opportunities=[still_open("o", 30)])
    assert not runs()
    put("a", opportunities=[still_open("o", 40, modified_at="2024-03-01Z")])
    assert runs_once()
    assert warehouse("select amount::int from enriched.deal_forecasts where snapshot_date = %s", DAY) == [(40,)]
    put("b", reps=[REP], pipeline_stages=STAGES, opportunities=[still_open("o", 7)])
    assert runs_once()
    # Stale, if only on a day that it looks back on; written by another run, by another text, after a restatement.
    warehouse("insert into ops.stale_partitions values ('staging.deal_days', 'a', '2024-02-29', 'a test')")
    assert runs()
    warehouse("truncate ops.stale_partitions")
    assert not runs()
    materialize(clean, 'key:"staging/deal_days"', DAY)
    assert runs_once()
    materialize(clean, '+key:"staging/deal_days"', DAY, known_as_of=1)
    assert runs()
    rules("forecast_weights", "a,,Commit,0,0.10\n")
    assert runs()
    assert runs("2024-03-08")
    monkeypatch.setattr("revops_assets.invalidation.current._code", lambda: "another release")
    assert runs_once()
