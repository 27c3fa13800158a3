"""Stage visits: tiny histories and exactly their visits; the generated and the real company against plain Python."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from revops_assets.scenario.calendar import day_end
from revops_assets.scenario.company import deals
from revops_assets.scenario.model import LOST, STAGE_INDEX, WON
from revops_assets.settings import Settings
from revops_assets_tests.building import STAGE_VISITS, materialize
from revops_assets_tests.company import GENERATED as PLAN
from revops_assets_tests.company import generated
from revops_assets_tests.conftest import REAL_EXPORT, Export, Put, Query, build, read_csv

__all__ = ["generated"]


STAGES: list[dict[str, Any]] = [
    {"stage_id": name, "pipeline_id": "sales", "stage_order": order, "outcome": outcome}
    for order, (name, outcome) in enumerate(
        [("A", "open"), ("B", "open"), ("C", "open"), ("Won", "won"), ("Lost", "lost")], 1
    )
]


def moves(*steps: tuple[str, str | None, str], deal: str = "d1", field: str = "stage_id") -> list[dict[str, Any]]:
    """Changes of a deal: (old, new, month-day of 2024, with a time if wanted)."""
    return [
        {"history_id": f"{deal}{field}{n}", "opportunity_id": deal, "field": field, "old_value": old, "new_value": new,
         "changed_at": f"2024-{at}Z", "line_no": n}
        for n, (old, new, at) in enumerate(steps)
    ]  # fmt: skip


def deal(stage: str, key: str = "d1", created: str | None = "2024-01-01Z", **columns: Any) -> dict[str, Any]:
    return {"opportunity_id": key, "stage_id": stage, "created_at": created, **columns}


def day(at: datetime | None) -> str | None:
    return at.astimezone(UTC).strftime("%m-%d") if at else None


def visits(warehouse: Query, tenant: str = "a") -> list[tuple[Any, ...]]:
    """stage, entered, exited, how it ended, and marks: R re-entry, O reopening."""
    rows = warehouse(
        "select stage_id, entered_at, exited_at, ended_by, is_reentry, is_reopening from staging.stage_visits"
        " where tenant_id = %s order by opportunity_id, visit_number", tenant,
    )  # fmt: skip
    return [(s, day(a), day(b), how, "R" * again + "O" * reopened) for s, a, b, how, again, reopened in rows]


CASES: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]], list[tuple[Any, ...]]]] = {
    "a deal that never moved is where its record says since its creation": (
        [deal("B")], [], [("B", "01-01", None, "open", "")]),
    "the old stage of the first change since the creation; won ends the last": (
        [deal("Won")], moves(("A", "B", "01-11"), ("B", "C", "01-21"), ("C", "Won", "01-31")),
        [("A", "01-01", "01-11", "forward", ""), ("B", "01-11", "01-21", "forward", ""), ("C", "01-21", "01-31", "won", "")]),
    "a skipped stage gets no visit; a step back is one; coming back is a new visit": (
        [deal("C")], moves(("A", "C", "01-11"), ("C", "A", "01-21"), ("A", "C", "01-31")),
        [("A", "01-01", "01-11", "forward", ""), ("C", "01-11", "01-21", "back", ""),
         ("A", "01-21", "01-31", "forward", "R"), ("C", "01-31", None, "open", "R")]),
    "a repeat of the same stage is no new visit": (
        [deal("B")], moves(("A", "B", "01-11"), ("B", "B", "01-21")),
        [("A", "01-01", "01-11", "forward", ""), ("B", "01-11", None, "open", "")]),
    "changes of one instant go by their order; the visit between them lasts no time": (
        [deal("C")], moves(("A", "B", "01-11"), ("B", "C", "01-11")),
        [("A", "01-01", "01-11", "forward", ""), ("B", "01-11", "01-11", "forward", ""), ("C", "01-11", None, "open", "")]),
    "lost closes the visit; a stage after it reopens the deal": (
        [deal("A")], moves(("A", "Lost", "01-11"), ("Lost", "A", "02-01")),
        [("A", "01-01", "01-11", "lost", ""), ("A", "02-01", None, "open", "RO")]),
    "a status can close and reopen, too": (
        [deal("B", is_closed=False)],
        moves(("A", "B", "01-11")) + moves(("open", "won", "01-21"), ("won", "open", "02-01"), field="status"),
        [("A", "01-01", "01-11", "forward", ""), ("B", "01-11", "01-21", "won", ""), ("B", "02-01", None, "open", "RO")]),
    "a loss reason closes nothing where stages do": (
        [deal("B")], moves(("A", "B", "01-11")) + moves((None, "price", "01-15"), field="loss_reason"),
        [("A", "01-01", "01-11", "forward", ""), ("B", "01-11", None, "open", "")]),
    "a deleted deal's visit ends then": (
        [deal("B", is_deleted=True, modified_at="2024-02-01Z")], moves(("A", "B", "01-11")),
        [("A", "01-01", "01-11", "forward", ""), ("B", "01-11", "02-01", "deleted", "")]),
    "a merged deal's likewise; the history stays where it happened": (
        [deal("B", merged_into_id="d2", modified_at="2024-02-01Z"), deal("A", "d2")], moves(("A", "B", "01-11")),
        [("A", "01-01", "01-11", "forward", ""), ("B", "01-11", "02-01", "merged", ""), ("A", "01-01", None, "open", "")]),
    "a stage of another pipeline is neither forward nor back": (
        [deal("X")], moves(("A", "X", "01-11")),
        [("A", "01-01", "01-11", "left", ""), ("X", "01-11", None, "open", "")]),
    "a stage that no list has is a stage all the same": (
        [deal("Z")], moves(("A", "Z", "01-11")),
        [("A", "01-01", "01-11", "left", ""), ("Z", "01-11", None, "open", "")]),
    "created after its first change: the change is right": (
        [deal("B", created="2024-01-20Z")], moves(("A", "B", "01-11")),
        [("A", "01-11", "01-11", "forward", ""), ("B", "01-11", None, "open", "")]),
    "without a date of creation it begins with its first change": (
        [deal("B", created=None)], moves(("A", "B", "01-11")),
        [("A", "01-11", "01-11", "forward", ""), ("B", "01-11", None, "open", "")]),
    "changes of a deal that was never loaded count nowhere": (
        [deal("A")], moves(("A", "B", "01-11"), deal="ghost"), [("A", "01-01", None, "open", "")]),
    "created closed: nothing was visited": ([deal("Won", is_closed=True, is_won=True)], [], []),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_these_changes_give_exactly_these_visits(put: Put, clean: Settings, warehouse: Query, case: str) -> None:
    records, changes, expected = CASES[case]
    other = {"stage_id": "X", "pipeline_id": "other", "stage_order": 9, "outcome": "open"}
    # A change of another deal makes this a source that logs stages, whatever the case has.
    log = moves(("A", "B", "01-02"), deal="zz")
    put("a", pipeline_stages=[*STAGES, other], opportunities=records, opportunity_history=[*changes, *log])
    materialize(clean, STAGE_VISITS)
    assert visits(warehouse) == expected


def test_a_deal_that_moves_between_pipelines_with_shared_stages(put: Put, clean: Settings, warehouse: Query) -> None:
    put(
        "a",
        pipeline_stages=[{"stage_id": "A", "stage_order": 1}, {"stage_id": "B", "stage_order": 2}],
        opportunities=[deal("B", pipeline_id="p1")],
        opportunity_history=moves(("A", "B", "01-11"), ("B", "A", "02-11"))
        + moves(("p1", "p2", "01-21"), ("p2", "p1", "02-11"), field="pipeline_id"),
    )
    materialize(clean, STAGE_VISITS)
    assert warehouse(
        "select pipeline_id, stage_id, entered_at, ended_by from staging.stage_visits order by visit_number"
    ) == [
        ("p1", "A", datetime(2024, 1, 1, tzinfo=UTC), "forward"),
        ("p1", "B", datetime(2024, 1, 11, tzinfo=UTC), "left"),
        ("p2", "B", datetime(2024, 1, 21, tzinfo=UTC), "left"),
        ("p1", "A", datetime(2024, 2, 11, tzinfo=UTC), "open"),
    ]
    assert warehouse("select pipeline_id, stage_id from staging.stage_directory order by 1, 2") == [
        ("p1", "A"), ("p1", "B"), ("p2", "A"), ("p2", "B"),
    ]  # fmt: skip


def test_renamed_and_reordered_stages_stay_the_same_stages(put: Put, clean: Settings, warehouse: Query) -> None:
    """The source names stages by label; record ids say that 'Demo' became 'Showing', and moved behind 'Offer' in March."""
    named = {"pipeline_id": "sales", "outcome": "open"}
    put(
        "a",
        pipeline_stages=[
            {**named, "stage_id": "Demo", "record_id": "s1", "stage_order": 1, "modified_at": "2024-01-01Z"},
            {**named, "stage_id": "Offer", "record_id": "s2", "stage_order": 2, "modified_at": "2024-01-01Z"},
        ],
        opportunities=[deal("Showing")],
        opportunity_history=moves(("Demo", "Offer", "02-01"), ("Offer", "Demo", "02-20"), ("Demo", "Showing", "03-01"),
                                  ("Showing", "Offer", "04-01"), ("Offer", "Showing", "05-01")),
    )  # fmt: skip
    put(
        "a",
        pipeline_stages=[
            {**named, "stage_id": "Showing", "record_id": "s1", "stage_order": 3, "modified_at": "2024-03-01Z"}
        ],
    )
    materialize(clean, STAGE_VISITS)
    assert visits(warehouse) == [
        ("s1", "01-01", "02-01", "forward", ""), ("s2", "02-01", "02-20", "back", ""),
        ("s1", "02-20", "04-01", "back", "R"),  # the new name is no new visit; by then the stage stood behind Offer
        ("s2", "04-01", "05-01", "forward", "R"), ("s1", "05-01", None, "open", "R"),
    ]  # fmt: skip
    assert warehouse("select stage_id, stage_name, stage_order::int, valid_from > '2000-01-01', valid_to < '2100-01-01'"
                     " from staging.pipeline_stages order by 1, valid_from") == [
        ("s1", "Demo", 1, False, True), ("s1", "Showing", 3, True, False), ("s2", "Offer", 2, False, False),
    ]  # fmt: skip
    assert warehouse("select name from dyno_crm.pipeline_stage order by stage_order") == [("Offer",), ("Showing",)]


def test_a_source_without_a_log_has_what_its_loads_left(
    put: Put, clean: Settings, warehouse: Query, source: Query
) -> None:
    put("a", opportunities=[deal("Lead"), deal("Lead", "d2", modified_at="2024-01-05Z")])
    put("a", opportunities=[deal("Demo"), deal("Demo", "d2", modified_at="2024-02-05Z")])
    put("a", opportunities=[deal("Demo", "d2", modified_at="2024-03-05Z", is_closed=True, closed_at="2024-03-01Z"),
                            deal("Gone", "d3", is_closed=True, is_won=True)])  # fmt: skip
    materialize(clean, STAGE_VISITS)
    [(second,)] = source("select started_at from crm.loads where load_seq = 2")
    assert visits(warehouse) == [
        ("Lead", "01-01", day(second), "left", ""), ("Demo", day(second), None, "open", ""),
        ("Lead", "01-01", "02-05", "left", ""), ("Demo", "02-05", "03-01", "lost", ""),
    ]  # fmt: skip


def test_pipedrive_s_losses_and_its_missing_beginnings(
    export: Export, load: Any, clean: Settings, warehouse: Query
) -> None:
    load(export(deal_changes=[
        "10,2024-01-01 00:00:00,add_time,2024-01-01T00:00:00", "10,2024-01-05 00:00:00,stage_id,1",  # nowhere before that
        "10,2024-01-11 00:00:00,lost_reason,1", "10,2024-01-12 00:00:00,lost_reason,2", "10,2024-01-21 00:00:00,stage_id,1",
        "11,2024-01-01 00:00:00,add_time,2024-01-01T00:00:00",
    ]), tenant="a")  # fmt: skip
    materialize(clean, STAGE_VISITS)
    assert visits(warehouse) == [("1", "01-05", "01-11", "lost", ""), ("1", "01-21", None, "open", "RO")]


def test_as_known_after_an_earlier_load(put: Put, clean: Settings, warehouse: Query) -> None:
    from revops_assets.definitions import defs
    from revops_assets.invalidation.run_tags import KNOWN_AS_OF_TAG
    from revops_assets.orchestration.runs import dagster_instance

    put("a", pipeline_stages=STAGES, opportunities=[deal("B")], opportunity_history=moves(("A", "B", "01-11")))
    build(clean, job="stage_visits")
    first = warehouse("select * from staging.stage_visits")
    put("a", opportunity_history=[{**moves(("A", "B", "01-11"))[0], "changed_at": "2024-01-09Z"}])
    build(clean, job="stage_visits")
    assert visits(warehouse)[0] == ("A", "01-01", "01-09", "forward", "")
    with dagster_instance(clean) as instance:
        assert (
            defs.resolve_job_def("stage_visits")
            .execute_in_process(instance=instance, tags={KNOWN_AS_OF_TAG: "1"})
            .success
        )
    assert warehouse("select * from staging.stage_visits") == first


# ---------------------------------------------------------------------------------- against plain Python


def told(until: datetime) -> Iterator[tuple[Any, ...]]:
    """Visits as the generator's own changes have them."""
    for found in sorted(deals(PLAN), key=lambda found: found.id):
        if found.created_at >= until:
            continue
        gone = found.deleted_at if found.deleted_at and found.deleted_at < until else None
        steps = [
            (change.at, change.value) for change in found.changes if change.field == "StageName" and change.at < until
        ]
        number = 0
        for (at, stage), (left, following) in zip(steps, [*steps[1:], (gone, None)], strict=True):
            if stage in (WON, LOST):
                continue
            number += 1
            if following in (WON, LOST):
                ended = "won" if following == WON else "lost"
            elif following is None:
                ended = ("merged" if found.merged_into else "deleted") if gone else "open"
            else:
                ended = "forward" if STAGE_INDEX[following] > STAGE_INDEX[str(stage)] else "back"
            yield found.id, number, f"01J{STAGE_INDEX[str(stage)] + 1:04d}", at, left, ended


@pytest.mark.usefixtures("generated")
def test_the_generated_company_s_visits(warehouse: Query) -> None:
    end = day_end(PLAN, PLAN.end_date)
    built = warehouse(
        "select opportunity_id, visit_number, stage_id, entered_at, exited_at, ended_by from staging.stage_visits order by 1, 2"
    )
    expected = list(told(end))
    assert len(expected) > 1000
    # Stamps in the export have whole seconds.
    assert built == [(*row[:3], *(at and at.replace(microsecond=0) for at in row[3:5]), row[5]) for row in expected]


@pytest.mark.skipif(not REAL_EXPORT.is_dir(), reason="the real export is not here")
def test_the_real_export_s_visits(load: Any, clean: Settings, warehouse: Query) -> None:
    load(REAL_EXPORT)
    materialize(clean, STAGE_VISITS)
    by_deal: dict[str, list[tuple[str, int, str, str]]] = defaultdict(list)
    for number, row in enumerate(read_csv(REAL_EXPORT / "deal_changes.csv")):
        if row["changed_field_key"] in ("stage_id", "lost_reason"):
            by_deal[row["deal_id"]].append((row["change_time"], number, row["changed_field_key"], row["new_value"]))
    expected = []
    for key, changes in by_deal.items():
        here: tuple[str, str] | None = None
        found: list[list[str | None]] = []
        for at, _, field, value in sorted(changes):
            stage = value if field == "stage_id" else None
            if here and stage == here[0]:
                continue
            if here:
                found[-1][3] = at
            here = (stage, at) if stage else None
            if here:
                found.append([key, stage, at, None])
        expected += [tuple(row) for row in found]
    built = warehouse("select opportunity_id, stage_id, entered_at, exited_at from staging.stage_visits")
    assert len(expected) > 8000
    assert sorted((key, stage, f"{a:%F %T}", f"{b:%F %T}" if b else None) for key, stage, a, b in built) == sorted(
        expected, key=lambda row: (row[0], row[1], row[2])
    )
