"""What is logged as finished outlives a power cut; and what dies in the middle, done again, is as if nothing had died."""

from __future__ import annotations

import os

import pytest

from revops_assets.settings import Settings
from revops_assets_tests.conftest import TEST_SERVER, transaction

ROUNDS, SEED = int(os.environ.get("REVOPS_TEST_FAULTS", "4")), int(os.environ.get("REVOPS_TEST_SEED", "1"))


def test_a_load_is_on_the_disk_before_it_counts(clean: Settings) -> None:
    """The embedded server does not wait for the disk, but with a load."""
    with transaction(clean, "source") as cursor:
        cursor.execute("set local synchronous_commit = off")
        cursor.execute("select crm.finish_load(crm.start_load('a', 'test'))")
        cursor.execute("show synchronous_commit")
        assert cursor.fetchall() == [("on",)]


@pytest.mark.e2e
@pytest.mark.timeout(1800)
@pytest.mark.skipif(TEST_SERVER is not None, reason="kills a server of its own")
def test_faults_are_survived() -> None:
    """Some of `python -m bench.faults`: nothing lost, nothing doubled."""
    from bench.faults import run

    assert run(ROUNDS, SEED) == ROUNDS
