"""Which files of a folder are read, and in which shapes; no file is passed over in silence."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revops_assets.errors import RevopsError
from revops_assets.loading.find import files_in, find_files
from revops_assets.loading.load import choose_mappings, load_all
from revops_assets.loading.mapping import FileSpec
from revops_assets.loading.mapping_file import read_mapping
from revops_assets.settings import Settings
from revops_assets_tests.conftest import Query
from revops_assets_tests.exports import opportunity

DEALS = [opportunity(f"D{n}") for n in range(4)]


def answer(records: list[Any], **more: Any) -> dict[str, Any]:
    return {"totalSize": len(records), "done": True, "records": records} | more


def csv_of(records: list[dict[str, Any]], spell: Any = str) -> str:
    names = list(records[0])
    lines = [",".join(spell(name) for name in names), *(",".join(str(row[name]) for name in names) for row in records)]
    return "\n".join(lines) + "\n"


def snake(name: str) -> str:
    return "".join("_" + letter.lower() if letter.isupper() else letter for letter in name).lstrip("_")


def pretty(value: Any) -> str:
    return json.dumps(value, indent=2)


# What may lie in a folder: path and text; all of them say the same four deals.
SHAPES: dict[str, dict[str, str]] = {
    "an array": {"Opportunity.json": json.dumps(DEALS)},
    "lines": {"Opportunity.jsonl": "\n".join(map(json.dumps, DEALS))},
    "lines in a file named json": {"opportunity.json": "\n".join(map(json.dumps, DEALS))},
    "pretty-printed records": {"Opportunity.json": "\n".join(map(pretty, DEALS))},
    "an answer, pretty-printed": {"Opportunity.json": pretty(answer(DEALS))},
    "an answer on one line": {"Opportunity.json": json.dumps(answer(DEALS))},
    "an answer whose records come first": {"Opportunity.json": pretty({"records": DEALS, "done": True})},
    "what sf data query prints": {"Opportunity.json": pretty({"status": 0, "result": answer(DEALS), "warnings": []})},
    "the same on one line": {"Opportunity.json": json.dumps({"status": 0, "result": answer(DEALS)})},
    "a list of answers": {"Opportunity.json": json.dumps([answer(DEALS[:1]), answer(DEALS[1:])])},
    "answers, one a line": {"Opportunity.json": "\n".join(json.dumps(answer([deal])) for deal in DEALS)},
    "answers, pretty-printed, in two files": {
        "Opportunity-1.json": pretty(answer(DEALS[:2], done=False, nextRecordsUrl="/2", totalSize=4)),
        "Opportunity-2.json": pretty(answer(DEALS[2:], totalSize=4)),
    },
    "arrays in parts": {"Opportunity.json": json.dumps(DEALS[:1]), "Opportunity-2.json": json.dumps(DEALS[1:3]), "Opportunity_3.json": json.dumps(DEALS[3:])},
    "parts in a folder of the object's name": {"Opportunity/part-0000-a1.json": json.dumps(DEALS[:2]), "Opportunity/part-0001-b2.json": json.dumps(DEALS[2:])},
    "parts in a sub-folder": {"bulk/Opportunity_1.csv": csv_of(DEALS[:2]), "bulk/Opportunity_2.csv": csv_of(DEALS[2:])},
    "Bulk API's CSV": {"Opportunity.csv": csv_of(DEALS)},
    "Data Loader's CSV": {"opportunity.csv": csv_of(DEALS, str.upper)},
    "tabs": {"Opportunity.tsv": csv_of(DEALS).replace(",", "\t")},
    "sf data export tree": {"Opportunitys.json": pretty({"records": [{"attributes": {"type": "Opportunity"}, **deal} for deal in DEALS]})},
    "dlt's lines": {"opportunity/1711.1.0.jsonl": "\n".join(json.dumps({snake(key): value for key, value in deal.items()}) for deal in DEALS)},
    "labels as a spreadsheet has them": {"Opportunity.csv": csv_of(DEALS, lambda name: snake(name).replace("_", " ").title())},
}  # fmt: skip


@pytest.mark.parametrize("is_packed", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_says_the_same(clean: Settings, tmp_path: Path, source: Query, shape: str, is_packed: bool) -> None:
    for name, text in SHAPES[shape].items():
        path = tmp_path / (name + ".gz" * is_packed)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(gzip.compress(text.encode()) if is_packed else text.encode())
    [result] = load_all(clean, tmp_path, choose_mappings(tmp_path), "a")
    assert (result.rows_read, result.rows_rejected, result.unread, result.notes) == (4, 0, [], [])
    assert source(
        "select opportunity_id, amount, created_at::date::text, is_closed from crm.opportunities order by 1"
    ) == [(deal["Id"], 2500, "2024-03-04", False) for deal in DEALS]


@pytest.mark.parametrize(
    ("text", "note"),
    [
        (pretty(answer(DEALS, done=False, nextRecordsUrl="/next", totalSize=9)), "holds 4 of 9 records"),
        (json.dumps(answer(DEALS, done=False)), "holds 4 of 4 records"),
        (
            json.dumps({"results": DEALS, "paging": {"next": {"after": "4"}}}),
            "holds 4 records and says that there are more",
        ),
    ],
)
def test_an_answer_that_goes_on_elsewhere_is_told(clean: Settings, tmp_path: Path, text: str, note: str) -> None:
    (tmp_path / "Opportunity.json").write_text(text)
    [result] = load_all(clean, tmp_path, choose_mappings(tmp_path), "a")
    assert [said for said in result.notes if note in said]


@pytest.mark.parametrize(
    "content",
    [
        "[]",
        '{"records": [], "done": true}',
        json.dumps({"payload": {"deals": DEALS}}),
        json.dumps([{"Name": "no id"}]),
        '{"errorCode": "INVALID_SESSION_ID"}',
    ],
)
def test_a_required_object_without_a_record_fails_the_load(
    clean: Settings, tmp_path: Path, source: Query, content: str
) -> None:
    (tmp_path / "Opportunity.json").write_text(content)
    (tmp_path / "Task.jsonl").write_text("\n".join(json.dumps({"Id": str(n)}) for n in range(200)))
    with pytest.raises(
        RevopsError, match=r"Opportunity\.json.*nothing was loaded|records of Opportunity\.json cannot be loaded"
    ):
        load_all(clean, tmp_path, choose_mappings(tmp_path), "a")
    assert source("select count(*) from crm.activities") == [(0,)]


def test_the_limit_of_rejects_is_each_file_s_own(clean: Settings, tmp_path: Path) -> None:
    (tmp_path / "Opportunity.json").write_text(json.dumps([*DEALS, opportunity("bad", Amount="much")]))
    (tmp_path / "Task.jsonl").write_text("\n".join(json.dumps({"Id": str(n)}) for n in range(200)))
    with pytest.raises(
        RevopsError, match=r"1 of 5 records of Opportunity\.json cannot be loaded, more than the mapping's 5%"
    ):
        load_all(clean, tmp_path, choose_mappings(tmp_path), "a")


def test_an_empty_delta_of_a_known_company_is_fine(clean: Settings, tmp_path: Path) -> None:
    for content in (json.dumps(DEALS), "[]"):
        (tmp_path / "Opportunity.json").write_text(content)
        [result] = load_all(clean, tmp_path, choose_mappings(tmp_path), "a")
    assert result.rows_read == 0


NAMES = st.sampled_from(
    ["Opportunity.json", "Opportunity-2.json", "opportunities.csv", "Opportunity Report.csv", "OpportunityHistory.json", "Task_part_1.csv",
     "Product2.json", "Product2-3.json", "notes.txt", "Opportunity.xlsx", "Event.json.gz", "old/Opportunity.json", "Opportunity/7.json",
     "other/manifest.json", "other/Task.json", "plan.json", "User_20240301T090000Z.csv", "Case.parquet", "Account.JSON"]
)  # fmt: skip


@settings(deadline=None)
@given(st.sets(NAMES))
def test_every_file_is_read_or_named(tmp_path_factory: pytest.TempPathFactory, names: set[str]) -> None:
    folder = tmp_path_factory.mktemp("export")
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("x")
    found = {
        str(path.relative_to(folder))
        for paths in find_files(folder, read_mapping("salesforce").files).values()
        for path in paths
    }
    never = {
        "Opportunity Report.csv",
        "notes.txt",
        "Opportunity.xlsx",
        "old/Opportunity.json",
        "other/manifest.json",
        "plan.json",
        "Case.parquet",
    }
    never |= {"other/Task.json"}
    assert found == names - never
    assert {str(path.relative_to(folder)) for path in files_in(folder)} == names


def test_a_mapping_s_paths_may_be_patterns_and_several(tmp_path: Path) -> None:
    for name in ("export_2024_deals.csv", "export_2024_people.csv", "in/deals.csv", "x/deals.csv", "deals_b.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("id\n1\n")
    spec = FileSpec(path=["export_*_deals.csv", "in/deals.csv"], fields={"id": "id"})
    assert [str(path.relative_to(tmp_path)) for path in find_files(tmp_path, {"deals": spec})["deals"]] == [
        "export_2024_deals.csv", "in/deals.csv"
    ]  # fmt: skip


def test_what_nothing_reads_is_in_the_result(clean: Settings, tmp_path: Path) -> None:
    (tmp_path / "Opportunity.json").write_text(json.dumps(DEALS))
    (tmp_path / "Opportunity.xlsx").write_text("?")
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "Opportunity.json").write_text(json.dumps([opportunity("copy")]))
    [result] = load_all(clean, tmp_path, choose_mappings(tmp_path), "a")
    assert (result.rows_read, result.unread) == (4, ["Opportunity.xlsx", "old/Opportunity.json"])


def test_a_file_that_is_no_gzip_says_so(tmp_path: Path, clean: Settings) -> None:
    (tmp_path / "Opportunity.json.gz").write_bytes(gzip.compress(json.dumps(DEALS).encode())[:-9])
    with pytest.raises(RevopsError, match=r"Opportunity\.json\.gz: not readable as gzip"):
        load_all(clean, tmp_path, choose_mappings(tmp_path), "a")


@pytest.mark.parametrize("name", ["Opportunity.json", "Opportunity.json.gz", "Opportunity.csv"])
@pytest.mark.parametrize("is_packed", [False, True])
def test_a_file_is_unpacked_by_what_it_holds_not_by_its_name(
    clean: Settings, tmp_path: Path, name: str, is_packed: bool
) -> None:
    text = csv_of(DEALS) if "csv" in name else json.dumps(DEALS)
    (tmp_path / name).write_bytes(gzip.compress(text.encode()) if is_packed else text.encode())
    [result] = load_all(clean, tmp_path, choose_mappings(tmp_path), "a")
    assert (result.rows_read, result.rows_rejected, result.unread) == (4, 0, [])


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        (
            "Task.json",
            '[{"message": "Session expired", "errorCode": "INVALID_SESSION_ID"}]',
            "INVALID_SESSION_ID: Session",
        ),
        (
            "Task.json",
            '{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests"}',
            "REQUEST_LIMIT_EXCEEDED: ",
        ),
        (
            "Task.json",
            pretty({"status": "error", "message": "no scope", "category": "MISSING_SCOPES"}),
            "MISSING_SCOPES",
        ),
        ("Task.json", '{"success": false, "error": "unauthorized access", "errorCode": 401}', "unauthorized access"),
        ("Task.json", '<?xml version="1.0"?><error><exceptionCode>InvalidJob</exceptionCode></error>', "XML or HTML"),
        ("Task.csv", "<!DOCTYPE html><html><title>Login</title></html>", "XML or HTML"),
    ],
)
def test_an_error_in_place_of_records_is_told_as_such(
    clean: Settings, tmp_path: Path, source: Query, name: str, text: str, told: str
) -> None:
    (tmp_path / "Opportunity.json").write_text(json.dumps(DEALS))
    (tmp_path / name).write_text(text)
    with pytest.raises(RevopsError, match=rf"{name}.*{told}"):
        load_all(clean, tmp_path, choose_mappings(tmp_path), "a")
    assert source("select count(*) from crm.opportunities") == [(0,)]


@pytest.mark.parametrize("text", ["Records not found for this query", '"Records not found for this query"\n'])
def test_a_csv_that_says_that_nothing_was_found_holds_nothing(clean: Settings, tmp_path: Path, text: str) -> None:
    (tmp_path / "Opportunity.json").write_text(json.dumps(DEALS))
    (tmp_path / "Task.csv").write_text(text)
    [result] = load_all(clean, tmp_path, choose_mappings(tmp_path), "a")
    assert (result.rows_read, result.rows_rejected, result.unread) == (4, 0, [])
