"""A load taken back: everything is as in a twin that never had it, and nothing of history is lost."""

from __future__ import annotations

import random
from typing import Any

import pytest

from revops_assets.catalogue import DAILY_DATASETS
from revops_assets.errors import NotFound, RevopsError
from revops_assets.loading.undo import Undone, UndoneTable, undo_load
from revops_assets.settings import Settings
from revops_assets_tests.building import build_stale, materialize
from revops_assets_tests.company import twins
from revops_assets_tests.conftest import SEEDS, Export, Put, Query, query
from revops_assets_tests.test_reruns import NOT_SAID, WHOLE, changes

__all__ = ["twins"]
DEAL = {"opportunity_id": "d", "stage_id": "s", "created_at": "2024-01-01Z"}


def known(settings: Settings, tenant: str) -> dict[str, list[Any]]:
    """What each canonical table says, but for when it was loaded."""
    tables = [name for (name,) in query(settings, "source", "select table_name from crm.canonical_tables order by 1")]
    hidden = "'{tenant_id,load_id,line_no,known_from,known_to}'::text[]"
    return {
        table: query(
            settings, "source", f"select (to_jsonb(t) - {hidden})::text from crm.{table} as t where tenant_id = %s order by 1", tenant
        ) for table in tables
    }  # fmt: skip


@pytest.mark.parametrize("seed", [seed ^ 1 for seed in SEEDS])  # where test_reruns runs odd ones, even ones
def test_every_dataset_is_as_in_a_twin_without_the_load(twins: Settings, put: Put, seed: int) -> None:
    """Both tenants are the same company; the wrong load, of random records, is only one's. Where the seed is odd, both are
    loaded again after it."""
    wrong, right = (changes(twins, number, days_back=(0, 1, 5, 20)) for number in (seed, seed + 100))
    mistaken = put("full", **wrong)
    if seed % 2:
        # What the wrong load told of, a later one tells of again: it stays.
        again = {"subject": "again", "modified_at": "2024-04-02 13:00Z"}
        right["activities"] += [record | again for record in random.Random(seed).sample(wrong["activities"], 3)]
        for tenant in ("full", "other"):
            put(tenant, **right)
    build_after_load(twins)
    assert differing(twins)
    between = known(twins, "full")
    [(before,)] = query(twins, "source", "select max(load_seq) from crm.loads")
    undo_load(twins, mistaken)
    build_after_load(twins)
    assert known(twins, "full") == known(twins, "other") != between
    for table in ("opportunities", "activities", "reps", "leads"):  # nothing of history is lost
        statement = f"select count(*) from crm.{table}_known_at(%s) where tenant_id = 'full'"
        assert query(twins, "source", statement, before) == [(len(between[table]),)]
    assert differing(twins) == []


def build_after_load(settings: Settings) -> None:
    """As the sensor does it."""
    materialize(settings, WHOLE)
    build_stale(settings)


def differing(settings: Settings) -> list[Any]:
    """Rows of daily datasets in which the two tenants differ: but for ids that are made of the tenant's."""
    found = []
    for table in sorted(DAILY_DATASETS):
        columns = ", ".join(name for (name,) in query(
            settings, "warehouse", "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0"
            " and not attisdropped and atttypid <> 'uuid'::regtype", table) if name not in (*NOT_SAID, "tenant_id"))  # fmt: skip
        side = f"select {columns} from {table} where tenant_id = "
        for a, b in (("full", "other"), ("other", "full")):
            rows = query(settings, "warehouse", f"({side}'{a}' except all {side}'{b}') limit 3")
            found += [(table, f"only in {a}", row) for row in rows]
    return found


def test_each_record_goes_back_or_stays(put: Put, clean: Settings, source: Query) -> None:
    """Put back, removed, as a later load said; one that only counted as older beside the wrong one is current then."""
    hours = [f"2024-02-01 {hour:02}:00Z" for hour in range(24)]

    def reps(**named: int) -> list[dict[str, Any]]:
        return [{"rep_id": key, "name": f"{key} {hour}", "modified_at": hours[hour]} for key, hour in named.items()]

    put("a", reps=reps(back=1, gone=1, stays=1, between=1, later=1))
    wrong = put("a", reps=[*reps(back=9, stays=9, between=9, new=9, older=9), {"rep_id": "gone", "is_deleted": True}])
    put("a", reps=reps(stays=10, between=5, older=4))
    [(known_before,)] = source("select max(load_seq) from crm.loads")
    then = source("select rep_id, name from crm.reps_known_at(%s) order by 1", known_before)
    undone = undo_load(clean, wrong)
    assert undone == Undone(wrong, undone.undo_id, "a", False, (UndoneTable("reps", 4, 1, 1, 0),), ((wrong + 1, None),))
    assert source("select rep_id, name from crm.reps order by 1") == [
        ("back", "back 1"), ("between", "between 5"), ("gone", "gone 1"), ("later", "later 1"), ("older", "older 4"),
        ("stays", "stays 10"),
    ]  # fmt: skip
    as_of = "select rep_id, name from crm.reps_as_of('2024-02-02Z', %s) order by 1"
    assert ("new", "new 9") not in source(as_of, known_before + 1) and ("new", "new 9") in source(as_of, known_before)
    assert source("select rep_id, name from crm.reps_as_of('2024-02-01 09:30Z') where rep_id = 'stays'") == [
        ("stays", "stays 1")
    ]
    assert source("select rep_id, name from crm.reps_known_at(%s) order by 1", known_before) == then
    assert source("select * from crm.version_faults") == []


def test_the_first_load(put: Put, clean: Settings, source: Query) -> None:
    """What only it told of is not known any more, and may come again."""
    first = put("a", opportunities=[DEAL])
    undone = undo_load(clean, first)
    assert undone.is_first and undone.tables == (UndoneTable("opportunities", 0, 1, 0, 0),)
    assert source("select * from crm.opportunities") == []
    put("a", opportunities=[DEAL])
    assert source("select opportunity_id from crm.opportunities") == [("d",)]


def test_a_file_that_was_taken_back_is_read_again(export: Export, load: Any, clean: Settings, source: Query) -> None:
    """And deals that are folded from their changes are folded anew, also where a later load had told of them."""
    right = export(deal_changes=["1,2024-01-01 10:00:00,add_time,2024-01-01", "1,2024-01-02 10:00:00,stage_id,1"])
    wrong = export(deal_changes=["1,2024-01-01 10:00:00,add_time,2024-01-01", "1,2024-01-03 10:00:00,stage_id,3", "2,2024-01-03 10:00:00,stage_id,1"])  # fmt: skip
    stages = "select opportunity_id, stage_id from crm.opportunities order by 1"
    raw = "select count(*) from pipedrive_raw.deal_changes"
    load(right)
    before, lines = source(stages), source(raw)
    mistaken = load(wrong)
    assert source(stages) != before and source(raw) != lines
    undo_load(clean, mistaken.load_id)
    assert (source(stages), source(raw)) == (before, lines)
    again = load(wrong)
    assert again.rows_inserted + again.rows_updated > 0 and source(stages) != before


def test_what_a_later_load_said_in_the_same_words_is_known_when_it_is_loaded_again(
    export: Export, load: Any, clean: Settings, source: Query
) -> None:
    """It was no change then: the undo names the load, whose files are read again."""
    mistaken = load(export(users=["1,Al,al@x,2024-01-01 10:00:00", "2,Bo,bo@x,2024-01-01 10:00:00"]))
    later = export(users=["2,Bo,bo@x,2024-01-01 10:00:00"], deal_changes=["1,2024-01-01 10:00:00,add_time,2024-01-01"])
    second = load(later)
    assert undo_load(clean, mistaken.load_id).later_loads == ((second.load_id, str(later)),)
    assert source("select rep_id from crm.reps") == []
    load(later)
    assert source("select rep_id from crm.reps") == [("2",)]


def test_what_cannot_be_taken_back(put: Put, clean: Settings, source: Query) -> None:
    load = put("a", opportunities=[DEAL])
    undone = undo_load(clean, load)
    source("insert into crm.loads (tenant_id, source) values ('a', 'test')")
    source("insert into crm.loads (tenant_id, source, status) values ('a', 'test', 'failed')")
    source("select crm.note_change('quotas.csv', 1)")
    for number, error, told in (
        (99, NotFound, "there is no load 99"), (load, RevopsError, f"load {load} was taken back already, by load {undone.undo_id}"),
        (undone.undo_id, RevopsError, f"load {undone.undo_id} took load {load} back: load that export again"),
        (undone.undo_id + 1, RevopsError, "is running: what is not finished changed nothing to take back"),
        (undone.undo_id + 2, RevopsError, "is failed: it left nothing to take back"),
        (undone.undo_id + 3, RevopsError, "is a change of quotas.csv"),
    ):  # fmt: skip
        with pytest.raises(error, match=told):
            undo_load(clean, number)
