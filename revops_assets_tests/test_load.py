"""Everything a load promises, on the shipped Pipedrive mapping."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from revops_assets.errors import RevopsError
from revops_assets.loading.result import LoadResult
from revops_assets.settings import Settings
from revops_assets_tests.conftest import REAL_EXPORT, Export, Query, query

Load = Callable[..., LoadResult]

DEAL = [
    "10,2024-01-31 23:30:00,add_time,2024-01-31T23:30:00",
    "10,2024-02-01 00:00:00,user_id,7",
    "10,2024-02-02 09:00:00,stage_id,1",
    "10,2024-02-29 12:00:00,stage_id,2",
    "10,2024-03-05 12:00:00,lost_reason,4",
]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_raw_rows_are_the_file_row_for_row(export: Export, load: Load, source: Query) -> None:
    lines = [
        "5,meeting,7,10,True,2024-02-03T10:00:00",
        "5,sc_2,,11,False,",
        "5,meeting,7,10,True,2024-02-03T10:00:00",
    ]
    load(export(activity=lines))
    assert source("select activity_id, type, assigned_to_user, deal_id, done, due_to from pipedrive_raw.activity") == [
        ("5", "meeting", "7", "10", "True", "2024-02-03T10:00:00"),
        ("5", "sc_2", None, "11", "False", None),
        ("5", "meeting", "7", "10", "True", "2024-02-03T10:00:00"),
    ]


def test_a_deal_is_folded_from_its_changes(export: Export, load: Load, source: Query) -> None:
    result = load(export(deal_changes=DEAL))
    assert source(
        "select tenant_id, opportunity_id, owner_id, stage_id, created_at, is_closed, is_won, closed_at, loss_reason"
        " from crm.opportunities"
    ) == [("default", "10", "7", "2", at("2024-01-31 23:30"), True, False, at("2024-03-05 12:00"), "4")]
    assert source("select field, new_value, changed_at from crm.opportunity_history order by changed_at limit 2") == [
        ("created_at", "2024-01-31T23:30:00", at("2024-01-31 23:30")),
        ("owner_id", "7", at("2024-02-01")),
    ]
    assert result.earliest_business_at == at("2024-01-31 23:30")


def test_a_stage_change_after_a_loss_reopens_the_deal(export: Export, load: Load, source: Query) -> None:
    load(export(deal_changes=[*DEAL, "10,2024-03-06 12:00:00,stage_id,3"]))
    assert source("select stage_id, is_closed, closed_at from crm.opportunities") == [("3", False, None)]


def test_changes_of_one_instant_go_by_their_line(export: Export, load: Load, source: Query) -> None:
    load(export(deal_changes=["10,2024-01-01 00:00:00,stage_id,2", "10,2024-01-01 00:00:00,stage_id,1"]))
    assert source("select stage_id, created_at from crm.opportunities") == [("1", at("2024-01-01"))]


def test_a_change_that_arrives_later_folds_into_what_was_known(export: Export, load: Load, source: Query) -> None:
    load(export(deal_changes=DEAL[:3]))
    result = load(export(deal_changes=[*DEAL[:3], DEAL[3], "11,2024-05-01 00:00:00,stage_id,1"]))
    assert source("select opportunity_id, stage_id, owner_id from crm.opportunities order by 1") == [
        ("10", "2", "7"),
        ("11", "1", None),
    ]
    assert source(
        "select stage_id, known_from, known_to from crm.opportunities_versions where opportunity_id = '10' order by 2"
    ) == [
        ("1", 1, 2),
        ("2", 2, 9223372036854775807),
    ]
    assert (result.rows_inserted, result.rows_updated) == (3, 1)
    assert result.earliest_business_at == at("2024-02-29 12:00")


def test_the_same_content_twice_changes_nothing(export: Export, load: Load, source: Query) -> None:
    folder = export(deal_changes=DEAL, users=["7,Ada,ada@example.com,2024-01-01 00:00:00.5"])
    load(folder)
    before = (
        source("select * from crm.opportunities_versions"),
        source("select * from pipedrive_raw.deal_changes_versions"),
    )
    again = load(folder)
    assert (again.rows_inserted, again.rows_updated, again.rows_rejected, again.earliest_business_at) == (
        0,
        0,
        0,
        None,
    )
    assert all(file["is_unchanged"] for file in again.files)
    assert before == (
        source("select * from crm.opportunities_versions"),
        source("select * from pipedrive_raw.deal_changes_versions"),
    )


def test_the_same_records_in_another_order_change_no_canonical_record(
    export: Export, load: Load, source: Query
) -> None:
    load(export(deal_changes=DEAL))
    again = load(export(deal_changes=DEAL[::-1]))
    assert (again.rows_inserted, again.rows_updated) == (0, 0)
    assert source("select count(*) from crm.opportunity_history_versions") == [(5,)]


def test_a_full_export_replaces_what_is_current_and_earlier_ones_stay_readable(
    export: Export, load: Load, source: Query
) -> None:
    load(export(stages=["1,Lead", "2,Qualified"]))
    load(export(stages=["1,Lead Generation"]))
    assert source("select stage_id, stage_name from pipedrive_raw.stages") == [("1", "Lead Generation")]
    as_known = "select stage_id, stage_name from pipedrive_raw.stages_versions where known_from <= %s and known_to > %s order by 1"
    assert source(as_known, 1, 1) == [("1", "Lead"), ("2", "Qualified")]
    assert source(as_known, 2, 2) == [("1", "Lead Generation")]
    assert source(
        "select name, known_from, known_to from crm.pipeline_stages_versions where stage_id = '1' order by 2"
    ) == [
        ("Lead", 1, 2),
        ("Lead Generation", 2, 9223372036854775807),
    ]


@pytest.mark.parametrize("newest_first", [False, True])
def test_the_newer_version_of_a_record_wins_in_whatever_order_files_arrive(
    export: Export, load: Load, source: Query, newest_first: bool
) -> None:
    exports = [
        export(users=["7,Ada,old@example.com,2024-01-01 00:00:00"]),
        export(users=["7,Ada,new@example.com,2024-06-01 00:00:00"]),
    ]
    for folder in exports[::-1] if newest_first else exports:
        load(folder)
    assert source("select email from crm.reps") == [("new@example.com",)]
    assert source("select email, modified_at from crm.reps_versions order by modified_at") == [
        ("old@example.com", at("2024-01-01")),
        ("new@example.com", at("2024-06-01")),
    ]


def test_an_older_version_that_arrives_twice_is_kept_once(export: Export, load: Load, source: Query) -> None:
    old = ["7,Ada,old@example.com,2024-01-01 00:00:00"]
    load(export(users=["7,Ada,new@example.com,2024-06-01 00:00:00"]))
    load(export(users=old))
    load(export(users=[*old, "8,Bela,b@example.com,2024-01-01 00:00:00"]))
    assert source(
        "select email, known_from, known_to from crm.reps_versions where rep_id = '7' order by known_from"
    ) == [
        ("new@example.com", 1, 9223372036854775807),
        ("old@example.com", 2, 2),
    ]


def test_two_rows_with_one_id_the_later_is_current_and_the_conflict_recorded(
    export: Export, load: Load, source: Query
) -> None:
    lines = ["5,meeting,7,10,True,2024-02-03T10:00:00", "5,sc_2,7,11,True,2024-02-04T10:00:00"]
    result = load(export(activity=lines))
    assert source("select type, opportunity_id from crm.activities") == [("call", "11")]
    assert source("select kind, file_name, line_no, reason from crm.load_rejects") == [
        (
            "conflict",
            "activity.csv",
            2,
            "activity_id 5 stands again in activity.csv line 3, which is later and wins",
        )
    ]
    assert (result.rows_conflicting, result.rows_rejected) == (1, 0)


def test_two_versions_of_one_record_in_one_file_are_no_conflict(export: Export, load: Load, source: Query) -> None:
    load(export(users=["7,Ada,new@example.com,2024-06-01 00:00:00", "7,Ada,old@example.com,2024-01-01 00:00:00"]))
    assert source("select email from crm.reps") == [("new@example.com",)]
    assert source("select email, known_from, known_to from crm.reps_versions where known_to < 100") == [
        ("old@example.com", 1, 1)
    ]
    assert source("select count(*) from crm.load_rejects") == [(0,)]


def test_a_broken_row_is_quarantined_and_the_load_goes_on(export: Export, load: Load, source: Query) -> None:
    good = [f"{n},2024-01-01 00:00:00,stage_id,1" for n in range(40)]
    result = load(export(deal_changes=[*good[:20], "77,2024-02-30 00:00:00,stage_id,1", *good[20:]]))
    assert source("select tenant_id, kind, file_name, line_no, reason, record from crm.load_rejects") == [
        ("default", "rejected", "deal_changes.csv", 22,
         "change_time: '2024-02-30 00:00:00' is not a valid timestamp", "77,2024-02-30 00:00:00,stage_id,1")
    ]  # fmt: skip
    assert source("select count(*) from crm.opportunities") == [(40,)]
    assert source("select rows_read, rows_rejected from crm.loads") == [(result.rows_read, 1)]
    assert result.rows_read == 46  # 41 changes, 3 stages, 2 activity types


def test_too_many_broken_rows_fail_the_load_whole(export: Export, load: Load, source: Query) -> None:
    load(export(deal_changes=DEAL))
    broken = [f"{n},never,stage_id,1" for n in range(40)]
    with pytest.raises(RevopsError) as raised:
        load(export(deal_changes=[*DEAL, *broken], stages=["1,Renamed"]))
    assert (
        "more than the mapping's 5%; nothing was loaded. The first: deal_changes.csv line 7: change_time: 'never'"
        in str(raised.value)
    )
    assert source("select name from crm.pipeline_stages where stage_id = '1'") == [("Lead Generation",)]
    assert source(
        "select status, load_seq is null, error like '%%nothing was loaded%%' from crm.loads order by load_id"
    ) == [
        ("finished", False, None),
        ("failed", True, True),
    ]
    assert source("select count(*) > 0 from crm.load_rejects where load_id = (select max(load_id) from crm.loads)") == [
        (True,)
    ]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"stages": None}, "required file stages.csv is missing; nothing was loaded"),
        (
            {"deal_changes": b"deal_id,change_time,new_value\n"},
            "deal_changes.csv: no column changed_field_key",
        ),
        ({"activity": b""}, "activity.csv: the file is empty, not even a header line"),
        (
            {"users": "id,name,email,modified\n".encode("utf-16")},
            "users.csv: the file is UTF-16; convert it to UTF-8",
        ),
    ],
)
def test_what_stops_a_load_before_anything_is_written(
    export: Export, load: Load, source: Query, change: dict[str, bytes | None], error: str
) -> None:
    folder = export(deal_changes=DEAL)
    for name, content in change.items():
        (folder / f"{name}.csv").unlink() if content is None else (folder / f"{name}.csv").write_bytes(content)
    with pytest.raises(RevopsError) as raised:
        load(folder)
    assert error in str(raised.value)
    assert source("select count(*) from crm.loads") == [(0,)]


def test_a_missing_optional_file_leaves_its_tables_alone(export: Export, load: Load, source: Query) -> None:
    load(export(users=["7,Ada,ada@example.com,2024-01-01 00:00:00"]))
    load(export(users=None, fields=None))
    assert source("select count(*) from crm.reps") == [(1,)]
    assert source("select count(*) from pipedrive_raw.users") == [(1,)]


def test_a_file_with_a_header_only_empties_the_current_export(export: Export, load: Load, source: Query) -> None:
    load(export(users=["7,Ada,ada@example.com,2024-01-01 00:00:00"]))
    load(export(users=[]))
    assert source("select count(*) from pipedrive_raw.users") == [(0,)]
    assert source("select count(*) from crm.reps") == [(0,)]  # the export is complete: who is not in it is gone


def test_an_unknown_column_is_kept(export: Export, load: Load, source: Query) -> None:
    folder = export()
    (folder / "stages.csv").write_text("stage_id,Rotten_Days,stage_name\n1,30,Lead\n")
    load(folder)
    assert source("select stage_id, stage_name, extra from pipedrive_raw.stages") == [
        ("1", "Lead", {"rotten_days": "30"})
    ]


def test_wrong_encoding_costs_the_lines_it_breaks(export: Export, load: Load, source: Query) -> None:
    folder = export()
    names = [f"{n},Zoë,z@example.com,2024-01-01 00:00:00" if n == 3 else f"{n},Zoe,z@example.com," for n in range(30)]
    (folder / "users.csv").write_bytes("\n".join(["id,name,email,modified", *names]).encode("latin-1"))
    result = load(folder)
    assert source("select line_no, reason from crm.load_rejects") == [(5, "is not UTF-8")]
    assert (result.rows_rejected, source("select count(*) from crm.reps")) == (1, [(29,)])


def test_a_huge_field_is_loaded_whole_up_to_a_mebibyte_and_refused_above(
    export: Export, load: Load, source: Query
) -> None:
    users = [f"{n},Zoe,z@example.com," for n in range(40)]
    load(export(users=[*users, f"98,{'x' * 1_000_000},,", f"99,{'x' * 1_100_000},,"]))
    assert source("select length(name) from crm.reps where rep_id = '98'") == [(1_000_000,)]
    assert source("select line_no, length(record) from crm.load_rejects") == [(43, 1_100_005)]


def test_two_tenants_with_the_same_ids_stay_apart(export: Export, load: Load, source: Query) -> None:
    load(export(deal_changes=DEAL), tenant="acme")
    load(export(deal_changes=[line.replace("stage_id,2", "stage_id,3") for line in DEAL]), tenant="blue")
    assert source("select tenant_id, stage_id from crm.opportunities order by 1") == [
        ("acme", "2"),
        ("blue", "3"),
    ]
    assert source("select tenant_id, count(*) from pipedrive_raw.deal_changes group by 1 order by 1") == [
        ("acme", 5),
        ("blue", 5),
    ]
    assert source("select tenant_id from crm.tenants order by 1") == [("acme",), ("blue",)]


def test_a_tenant_that_is_no_slug(export: Export, load: Load) -> None:
    with pytest.raises(RevopsError, match="tenant 'Acme Inc' is not a slug"):
        load(export(), tenant="Acme Inc")


def test_a_dry_run_says_what_would_happen_and_leaves_nothing(export: Export, load: Load, source: Query) -> None:
    result = load(export(deal_changes=DEAL), dry_run=True)
    assert (result.dry_run, result.rows_inserted) == (True, 10)  # 5 changes, 1 deal, 3 stages, 1 pipeline
    assert source("select (select count(*) from crm.loads) + (select count(*) from crm.opportunities)") == [(0,)]


def test_other_tools_load_through_the_staging_tables(source: Query) -> None:
    [(load_id,)] = source("select crm.start_load('acme', 'airbyte')")
    source(
        "insert into crm_staging.opportunities (load_id, opportunity_id, stage_id, amount, created_at, modified_at) values"
        " (%s, '1', 'Proposal', 10.5, '2024-01-01Z', '2024-02-01Z'), (%s, null, 'Lost row', null, null, null)",
        load_id, load_id,
    )  # fmt: skip
    assert source("select crm.finish_load(%s)", load_id) == [(1,)]
    assert source("select tenant_id, opportunity_id, amount::text, is_closed from crm.opportunities") == [
        ("acme", "1", "10.50", False)
    ]
    assert source("select status, rows_inserted, rows_rejected, earliest_business_at from crm.loads") == [
        ("finished", 1, 1, at("2024-01-01"))
    ]
    assert source("select count(*) from crm_staging.opportunities") == [(0,)]
    assert source("select reason from crm.load_rejects") == [("opportunities: opportunity_id is empty",)]


def test_a_record_that_a_constraint_refuses_is_quarantined(source: Query) -> None:
    [(load_id,)] = source("select crm.start_load('acme', 'airbyte')")
    source(
        "insert into crm_staging.activities (load_id, activity_id, type) values (%s, '1', 'call'), (%s, '2', 'fax'), (%s, %s, null)",
        load_id, load_id, load_id, "x" * 513,
    )  # fmt: skip
    source("select crm.finish_load(%s)", load_id)
    assert source("select activity_id from crm.activities") == [("1",)]
    reasons = sorted(reason for (reason,) in source("select reason from crm.load_rejects"))
    assert reasons == [
        f"activities: activity_id '{'x' * 60}' must have between 1 and 512 characters",
        "activities: type 'fax' must be call, email, meeting, demo or task",
    ]


def test_a_deleted_record_is_marked_not_lost(source: Query) -> None:
    for is_deleted in (False, True):
        [(load_id,)] = source("select crm.start_load('acme', 'airbyte')")
        source(
            "insert into crm_staging.reps (load_id, rep_id, name, is_deleted) values (%s, '1', 'Ada', %s)",
            load_id,
            is_deleted,
        )
        source("select crm.finish_load(%s)", load_id)
    assert source("select count(*) from crm.reps") == [(0,)]
    assert source("select name, is_deleted, known_from from crm.reps_versions order by known_from") == [
        ("Ada", False, 1),
        ("Ada", True, 2),
    ]


def test_a_finished_load_cannot_be_finished_again(source: Query) -> None:
    [(load_id,)] = source("select crm.start_load('acme', 'airbyte')")
    source("select crm.finish_load(%s)", load_id)
    with pytest.raises(Exception, match=f"load {load_id} is not running"):
        source("select crm.finish_load(%s)", load_id)


FOLD = "insert into crm_staging.opportunity_history (load_id, history_id, opportunity_id, field, new_value, changed_at, is_deleted) values (%s, %s, %s, 'stage_id', %s, %s, %s)"


def fold(source: Query, *rows: tuple[object, ...]) -> None:
    """One load of another tool that brings changes only: (id, deal, stage, at, is deleted)."""
    [(load_id,)] = source("select crm.start_load('acme', 'tool')")
    for row in rows:
        source(FOLD, load_id, *row)
    source("select crm.finish_load(%s, true)", load_id)


def test_a_folded_deal_follows_its_changes_wherever_they_go(source: Query) -> None:
    state = "select opportunity_id, stage_id from crm.opportunities order by 1"
    fold(source, ("h1", "d1", "1", "2024-01-01Z", False), ("h2", "d1", "2", "2024-01-05Z", False))
    fold(source, ("h2", "d1", "9", "2024-01-03Z", False))  # corrected, to an earlier instant
    assert source(state) == [("d1", "9")]
    fold(source, ("h2", "d2", "9", "2024-01-03Z", False))  # it was another deal's
    assert source(state) == [("d1", "1"), ("d2", "9")]
    fold(source, ("h1", "d1", "1", "2024-01-01Z", True))  # the only change left is deleted
    assert source(state) == [("d2", "9")]
    assert source("select * from crm.version_faults") == []


def test_another_mapping_of_the_same_file_replaces_what_it_said(clean: Settings, tmp_path: Path, source: Query) -> None:
    from revops_assets.loading.load import load_directory
    from revops_assets.loading.mapping_file import read_mapping

    text = (
        "name: x\ntimezone: {zone}\nfiles: {{d: {{path: d.csv, fields: {{id: id, m: timestamp, c: date}}}}}}\n"
        "tables: {{opportunities: {{from: d, columns: {{opportunity_id: id, modified_at: m, close_date: c, created_at: c}}}}}}\n"
    )
    (tmp_path / "d.csv").write_text("id,m,c\na,2024-01-05 00:30:00,2024-05-01\n")
    for zone in ("UTC", "Asia/Tokyo"):
        (tmp_path / "m.yaml").write_text(text.format(zone=zone))
        load_directory(clean, tmp_path, read_mapping(str(tmp_path / "m.yaml")), "acme")
    assert source("select modified_at, close_date::text, created_at from crm.opportunities") == [
        (at("2024-01-04 15:30"), "2024-05-01", at("2024-05-01"))  # a day is a business day, whatever the source's zone
    ]


def test_carriage_returns_inside_values_and_ids_too_long_for_an_index(
    export: Export, load: Load, source: Query
) -> None:
    users = [f"{n},Zoe,z@example.com," for n in range(60)]
    reason = "x" * 600
    load(export(
        users=[*users, '98,"two\rhalves",,'],
        deal_changes=["10,2024-01-01 00:00:00,stage_id,1", f"10,2024-01-02 00:00:00,lost_reason,{reason}"],
        activity=[f"1,meeting,7,{'9' * 6000},True,2024-01-01", *(f"{n},meeting,7,1,True,2024-01-01" for n in range(2, 30))],
    ))  # fmt: skip
    assert source("select name from crm.reps where rep_id = '98'") == [("two\rhalves",)]
    assert source("select is_closed, loss_reason = %s from crm.opportunities", reason) == [(True, True)]
    assert source("select reason from crm.load_rejects") == [
        (f"activities: opportunity_id '{'9' * 60}' must have at most 512 characters",)
    ]


def test_older_versions_that_stand_twice_in_one_load_are_kept_once(source: Query) -> None:
    [(load_id,)] = source("select crm.start_load('acme', 'tool')")
    for line, day in enumerate((3, 1, 1)):
        source("insert into crm_staging.reps (load_id, line_no, rep_id, name, modified_at) values (%s, %s, '1', %s, %s)",
               load_id, line, f"day {day}", f"2024-01-0{day}Z")  # fmt: skip
    source("select crm.finish_load(%s)", load_id)
    assert source("select name from crm.reps_versions order by modified_at") == [("day 1",), ("day 3",)]
    assert source(
        "select rows_staged, rows_inserted, rows_late, rows_unchanged from crm.load_tables where table_name = 'reps'"
    ) == [(3, 1, 1, 1)]


def test_known_time_is_the_order_of_commits(export: Export, load: Load, source: Query) -> None:
    """Loads of several tenants at once: numbers without gaps, each later number finished later."""
    folders = [(export(deal_changes=DEAL), f"t{n}") for n in range(6)]
    threads = [threading.Thread(target=load, args=folder) for folder in folders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = source("select load_seq, finished_at from crm.loads order by load_seq")
    assert [seq for seq, _ in rows] == [1, 2, 3, 4, 5, 6]
    assert [finished for _, finished in rows] == sorted(finished for _, finished in rows)


SLOW_LOAD = """
import sys, time
from pathlib import Path
from revops_assets.loading import load, transaction
from revops_assets.loading.mapping_file import read_mapping
from revops_assets.settings import get_settings
def wait(self, *args):
    print("merged", flush=True)
    time.sleep(60)
transaction.LoadTransaction._write_files = wait
load.load_directory(get_settings(), Path(sys.argv[1]), read_mapping("pipedrive"), "default")
"""


def test_a_process_killed_half_way_leaves_nothing_and_blocks_nobody(
    export: Export, load: Load, source: Query, settings: Settings
) -> None:
    folder = export(deal_changes=DEAL)
    process = subprocess.Popen([sys.executable, "-c", SLOW_LOAD, str(folder)], stdout=subprocess.PIPE, env=os.environ)
    assert process.stdout is not None
    assert process.stdout.readline() == b"merged\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    deadline = time.monotonic() + 30
    while query(
        settings,
        "source",
        "select 1 from pg_stat_activity where state like 'idle in%%' and datname = current_database()",
    ):
        assert time.monotonic() < deadline, "the killed load's session is still there"
        time.sleep(0.1)
    assert source("select (select count(*) from crm.loads) + (select count(*) from crm.opportunities)") == [(0,)]
    assert load(folder).rows_inserted == 10
    assert source("select count(*) from crm.opportunities") == [(1,)]


@pytest.mark.skipif(not REAL_EXPORT.is_dir(), reason="the real export is not here")
def test_the_real_export_loads_whole(load: Load, source: Query) -> None:
    result = load(REAL_EXPORT)
    assert (result.rows_read, result.rows_rejected, result.rows_conflicting) == (21789, 0, 11)
    assert source("select count(*) from pipedrive_raw.activity") == [(4579,)]
    assert source("select count(*), count(*) filter (where is_closed and not is_won) from crm.opportunities") == [
        (1995, 1995)
    ]


def test_files_are_found_by_the_mapping_that_fits(export: Export, tmp_path: Path) -> None:
    from revops_assets.loading.find import detect_mapping

    assert detect_mapping(export()).name == "pipedrive"
    with pytest.raises(RevopsError, match="fits no shipped mapping; say which with --mapping"):
        detect_mapping(tmp_path)
