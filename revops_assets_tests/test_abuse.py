"""What somebody may lay before the loader, the registry and the charts on purpose: each input is taken as data, or refused in
one line with nothing half done. Each table is tried as a whole; how many were tried is printed (pytest -rP)."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import random
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from revops_assets.cli.show import print_table
from revops_assets.datasets.charts import Chart, as_metadata, bars
from revops_assets.datasets.csv_cell import csv_cell, from_csv_cell
from revops_assets.errors import RevopsError, printable, quoted
from revops_assets.loading import lines
from revops_assets.loading.json_records import json_records
from revops_assets.loading.lines import Reject
from revops_assets.loading.load import choose_mappings, load_all, load_export
from revops_assets.loading.manifest import NAME, write_manifest
from revops_assets.loading.mapping import Mapping
from revops_assets.loading.mapping_file import read_mapping, shipped
from revops_assets.loading.result import LoadResult
from revops_assets.orchestration.sensors import exports_due
from revops_assets.registry.documents import read
from revops_assets.serving.api import application
from revops_assets.serving.pages import charts
from revops_assets.settings import Settings, get_settings
from revops_assets.untrusted.regular_files import open_regular
from revops_assets_tests.building import materialize
from revops_assets_tests.conftest import Put, Query
from revops_assets_tests.exports import STAGES, USERS, opportunity, write

ODD = "'; drop table crm.loads; -- $$ %s %(x)s {} {0} \\ \" <b>&amp;"


def told(table: str, tried: int, mishandled: list[Any]) -> None:
    print(f"{table}: {tried} tried, {len(mishandled)} mishandled")
    assert mishandled == []


def refused(what: Callable[[], Any], seconds: float = 30) -> str | None:
    """What went wrong with a refusal: another error than one in one line, none at all, or too late."""
    started = time.monotonic()
    try:
        what()
    except RevopsError as error:
        text = str(error)
        if time.monotonic() - started > seconds:
            return f"took {time.monotonic() - started:.1f} s"
        return None if printable(text) == text and 0 < len(text) < 4100 else f"not one short line: {text!r}"
    except Exception as error:  # noqa: BLE001 - the point of the test
        return f"{type(error).__name__}: {error}"
    return "taken"


# ---------------------------------------------------------------------------------------------- the landing zone


def export(folder: Path, *listed: str, mapping: str | None = "salesforce", **objects: Any) -> Path:
    given = {"Opportunity": [opportunity("D1")], "OpportunityStage": STAGES, "User": USERS} | objects
    write(folder, **given)
    write_manifest(folder, "t", mapping, dict.fromkeys(listed or [f"{name}.json" for name in given], 1))
    return folder


def said(folder: Path, **members: Any) -> None:
    """Change what the manifest says; `file`: of its first file."""
    path = folder / NAME
    manifest = json.loads(path.read_text())
    manifest["files"][0] |= members.pop("file", {})
    path.write_text(json.dumps(manifest | members))
    os.utime(path, (1, 1))


def instead(path: Path, make: Callable[[Path], object]) -> None:
    path.unlink()
    make(path)


def a_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as end:
        end.bind(str(path))


def a_copy(path: Path) -> None:
    """A link to a file elsewhere, of the hash that the manifest lists."""
    content = json.dumps([USERS[0] | {"Id": "secret"}]).encode()
    (path.parents[2] / "secret.json").write_bytes(content)
    path.symlink_to(path.parents[2] / "secret.json")
    manifest = json.loads((path.parent / NAME).read_text())
    manifest["files"][2] |= {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (path.parent / NAME).write_text(json.dumps(manifest))


OWN = "name: own\nfiles: {d: {path: PATH, fields: {id: id}}}\ntables: {reps: {from: d, columns: {rep_id: id}}}\n"
BAD_EXPORTS: dict[str, Callable[[Path], object]] = {
    "a pipe for a manifest": lambda f: instead(f / NAME, os.mkfifo),
    "a folder for a manifest": lambda f: instead(f / NAME, Path.mkdir),
    "a socket for a manifest": lambda f: instead(f / NAME, a_socket),
    "a manifest that is a device": lambda f: instead(f / NAME, lambda path: path.symlink_to("/dev/zero")),
    "a manifest that is elsewhere": lambda f: instead(f / NAME, lambda path: path.symlink_to("/etc/passwd")),
    "a deep manifest": lambda f: (f / NAME).write_text("[" * 100_000),
    "no UTF-8": lambda f: (f / NAME).write_bytes(b"\xff\xfe{"),
    "a manifest of tomorrow": lambda f: (f / NAME).write_text("{"),
    "a long name": lambda f: said(f, file={"name": "x" * 300}),
    "a long path": lambda f: said(f, file={"name": "/".join(["x" * 200] * 30)}),
    "NUL in a name": lambda f: said(f, file={"name": "a\0b"}),
    "an escape sequence in a name": lambda f: said(f, file={"name": "a\x1b[2Jb"}),
    "an absolute path": lambda f: said(f, file={"name": "/etc/passwd"}),
    "upwards": lambda f: said(f, file={"name": "a/../../x"}),
    "an endless file": lambda f: said(f, file={"bytes": 10**40}),
    "NUL in a tenant": lambda f: said(f, tenant="a\0b"),
    "SQL for a tenant": lambda f: said(f, tenant=ODD),
    "NUL in a mapping": lambda f: said(f, mapping="a\0b"),
    "a long mapping": lambda f: said(f, mapping="m" * 5000),
    "a mapping of its own": lambda f: [(f / "own.yaml").write_text(OWN), said(f, mapping="own.yaml")],
    "a mapping of its own by its path": lambda f: [(f / "own.yaml").write_text(OWN), said(f, mapping=str(f / "own.yaml"))],
    "a mapping from elsewhere": lambda f: said(f, mapping="../../own"),
    "a pipe for a file": lambda f: instead(f / "User.json", os.mkfifo),
    "a folder for a file": lambda f: instead(f / "User.json", Path.mkdir),
    "a socket for a file": lambda f: instead(f / "User.json", a_socket),
    "a device for a file": lambda f: instead(f / "User.json", lambda path: path.symlink_to("/dev/zero")),
    "a file from elsewhere": lambda f: instead(f / "User.json", a_copy),
    "a link to itself": lambda f: instead(f / "User.json", lambda path: path.symlink_to(path.name)),
    "a folder from elsewhere": lambda f: [(f / "s").symlink_to("/etc"), said(f, file={"name": "s/passwd", "bytes": 1})],
    "a file within a file": lambda f: said(f, file={"name": "User.json/x", "bytes": 1}),
    "a name that cannot be printed": lambda f: f.rename(f.with_name("a\nb")),
    "a name that is no UTF-8": lambda f: f.rename(os.fsdecode(os.fsencode(f.parent) + b"/\xff")),
    "a folder that lies elsewhere": lambda f: [said(f, tenant="u"), shutil.move(f, f.parents[1]), f.symlink_to(f.parents[1] / f.name)],
}  # fmt: skip


@pytest.fixture
def landing(clean: Settings) -> Iterator[Path]:
    shutil.rmtree(clean.landing, ignore_errors=True)
    clean.landing.mkdir(parents=True)
    yield clean.landing
    shutil.rmtree(clean.landing)


@pytest.mark.timeout(60)
def test_a_bad_export_stops_no_other_and_is_reported_once(clean: Settings, landing: Path, source: Query) -> None:
    for number, spoil in enumerate(BAD_EXPORTS.values()):
        folder = export(landing / f"bad{number}", Task=[{"Id": f"{number}", "SystemModstamp": "2024-01-01T00:00:00Z"}])
        spoil(folder)
    export(landing / "good")
    for path in landing.glob(f"*/{NAME}"):
        if not path.is_symlink() or path.exists():
            os.utime(path, (1, 1), follow_symlinks=False)
    due, waiting = exports_due(clean)
    assert waiting == [] and len(due) == len(BAD_EXPORTS) + 1
    good = [folder for folder in due.values() if folder.name == "good"]
    found = {folder.name: refused(lambda folder=folder: load_export(clean, folder)) for folder in due.values()}  # type: ignore[misc]
    assert found.pop("good") == "taken" and len(good) == 1
    told("bad exports", len(found), [(name, fault) for name, fault in found.items() if fault])
    assert exports_due(clean) == ({}, [])
    assert source("select status, count(*) from crm.exports group by 1 order by 1") == [
        ("loaded", 1),
        ("quarantined", len(BAD_EXPORTS)),
    ]
    assert source("select rep_id from crm.reps where rep_id not like 'rep-%%'") == []
    (landing.parent / "secret.json").unlink()
    [shutil.rmtree(path) for path in landing.parent.glob("bad*")]


def test_only_listed_files_are_read(clean: Settings, landing: Path, source: Query) -> None:
    folder = export(landing / "one", "Opportunity.json", "OpportunityStage.json", "User.json", **{"User-2": [USERS[0] | {"Id": "x"}]})  # fmt: skip
    [result] = load_export(clean, folder) or []
    assert result.unread == ["User-2.json"]
    assert source("select rep_id from crm.reps order by 1") == [("rep-1",), ("rep-2",)]


def test_a_manifest_may_name_an_installed_mapping(
    clean: Settings, landing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: Query
) -> None:
    (tmp_path / "ours.yaml").write_text(OWN.replace("PATH", "people.csv"))
    monkeypatch.setenv("REVOPS_MAPPINGS_DIR", str(tmp_path))
    get_settings.cache_clear()
    folder = write(landing / "one", people="id\nann\n")
    write_manifest(folder, "t", "ours", {"people.csv": 1})
    assert load_export(clean, folder)
    assert source("select rep_id from crm.reps") == [("ann",)]
    get_settings.cache_clear()


def test_a_mapping_reads_nothing_outside_of_the_export(clean: Settings, tmp_path: Path) -> None:
    """The operator's own mapping, of files that somebody else laid down."""
    (tmp_path / "secret.csv").write_text("id\nroot\n")
    mishandled = []
    ways: dict[str, Callable[[Path], object]] = {
        "d.csv": lambda path: path.symlink_to(tmp_path / "secret.csv"), "*.csv": lambda path: path.symlink_to("../secret.csv"),
        "D.csv": os.mkfifo, "d-1.csv": Path.mkdir, "../secret.csv": Path.touch, str(tmp_path / "secret.csv"): Path.touch,
        "sub/../../secret.csv": Path.touch, "sub": lambda path: path.symlink_to(tmp_path),
    }  # fmt: skip
    for number, (path, make) in enumerate(ways.items()):
        folder = tmp_path / f"export{number}"
        folder.mkdir()
        make(folder / ("d.csv" if "/" in path or "*" in path else path))
        (folder / "m.yaml").write_text(OWN.replace("PATH", json.dumps(path)))
        if fault := refused(lambda at=folder: load_all(clean, at, choose_mappings(at, ["m.yaml"]), "t")):  # type: ignore[misc]
            mishandled.append((path, fault))
    told("paths of mappings", len(ways), mishandled)


def test_a_link_that_takes_a_file_s_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").symlink_to("a")
    assert refused(lambda: open_regular(tmp_path / "b")) is None


# ---------------------------------------------------------------------------------------------- records

MAPPING = {
    "name": "abuse", "max_reject_share": 1, "files": {"d": {"path": "d.json", "fields": {
        "id": "id", "name": "text", "stage": "text", "owner": "text", "amount": "money", "share": "number", "at": "timestamp", "day": "date"}}},
    "tables": {"opportunities": {"from": "d", "columns": {
        "opportunity_id": "id", "name": "name", "stage_id": "stage", "owner_id": "owner", "amount": "amount", "probability": "share",
        "created_at": "at", "close_date": "day"}}},
}  # fmt: skip
RECORD = {"id": "1", "name": "N", "stage": "S", "owner": "o", "amount": "1", "at": "2024-01-01", "day": "2024-02-01"}
# Members of a record, as JSON: those that are refused, with a word of the reason; and those that are data.
REFUSED = {
    '"id":"a\\u0001"': "not a valid id", f'"id":"{"x" * 12000}"': "not a valid id", f'"id":"{"é" * 400}"': "not a valid id",
    '"id":null': "empty", '"id":"a\\u0000"': "NUL", '"id":"\\ud800"': "surrogate", f'"owner":"{"x" * 12000}"': "512 bytes",
    f'"owner":"{"😀" * 200}"': "512 bytes", '"owner":"a\\u001b[2J"': "control character", '"stage":"a\\u0007b"': "control character",
    f'"stage":"{"y" * 5000}"': "512 bytes", '"amount":NaN': "NaN", '"amount":-Infinity': "Infinity", '"amount":1e400': "digits",
    '"amount":1e99': "not a valid amount", f'"amount":{"9" * 5000}': "digits", '"amount":"1e11"': "not a valid amount", '"amount":[1]': "not a valid",
    '"amount":true': "not a valid", '"amount":"٣"': "not a valid", '"share":1e99': "not below 10^15", '"share":"nan"': "not a valid number",
    '"at":"0001-01-01"': "", '"at":"9999-12-31"': "", '"at":"10000-01-01"': "not a valid", '"at":"-infinity"': "not a valid", '"at":"now"': "not a valid",
    '"at":"2024-01-01T25:00:00Z"': "not a valid", '"at":"1949-12-31"': "1950", '"day":"2150-01-01"': "1950", '"day":"2024-02-30"': "not a valid",
    '"day":"0000-00-00"': "not a valid", '"day":"today"': "not a valid", '"name":"\\ud800"': "surrogate", f'"name":{"[" * 3000}1{"]" * 3000}': "deep",
}  # fmt: skip
DATA = {
    '"name":"a\\u0001b"': "a\x01b", f'"name":{json.dumps(ODD)}': ODD, '"name":"=1+1"': "=1+1", '"name":{"a":"\'"}': '{"a": "\'"}',
    '"name":"\\ufffe"': "\ufffe", f'"owner":{json.dumps(ODD)}': ODD, f'"id":{json.dumps(ODD)}': ODD, '"stage":"[/x]"': "[/x]",
}  # fmt: skip


def loaded(settings: Settings, folder: Path, text: str, tenant: str) -> LoadResult:
    (folder / "d.json").write_text(text, encoding="utf-8", errors="surrogatepass")
    return load_all(settings, folder, [Mapping(**MAPPING)], tenant)[0]  # type: ignore[arg-type]


def with_member(number: int, member: str) -> str:
    name = json.loads(f'"{member[1 : member.index(":") - 1]}"')
    others = {key: value for key, value in RECORD.items() if key != name} | (
        {} if name == "id" else {"id": str(number)}
    )
    return f"{json.dumps(others)[:-1]}, {member}}}"


def test_records_that_nothing_can_hold_are_rejected_with_their_reason(
    clean: Settings, tmp_path: Path, source: Query
) -> None:
    lines_of = [json.dumps(RECORD | {"id": "good"}), *(with_member(n, member) for n, member in enumerate(REFUSED))]
    result = loaded(clean, tmp_path, "\n".join(lines_of), "t")
    assert (result.rows_read, result.rows_inserted) == (len(lines_of), 1)
    reasons = dict(source("select line_no, reason from crm.load_rejects"))
    mishandled = [
        (quoted(member), reasons.get(line))
        for line, (member, why) in enumerate(REFUSED.items(), 2)
        if why not in reasons.get(line, "-") or not reasons[line].isprintable()
    ]
    told("records that are rejected", len(REFUSED), mishandled)


def test_whatever_else_records_say_is_data(clean: Settings, tmp_path: Path, source: Query) -> None:
    result = loaded(clean, tmp_path, "\n".join(with_member(n, member) for n, member in enumerate(DATA)), "t")
    assert (result.rows_inserted, result.rows_rejected) == (len(DATA), 0)
    kept = {
        text for row in source("select opportunity_id, name, stage_id, owner_id from crm.opportunities") for text in row
    }
    told("texts that are data", len(DATA), [text for text in DATA.values() if text not in kept])


def test_other_tools_records_are_held_to_the_same(put: Put, source: Query) -> None:
    deal = {"opportunity_id": "d", "stage_id": "S", "created_at": "2024-01-01Z"}
    change = {"opportunity_id": "d", "changed_at": "2024-01-02Z", "new_value": "x" * 3000}
    put(
        "t", opportunities=[deal, deal | {"opportunity_id": "e", "owner_id": "x" * 3000}, deal | {"opportunity_id": "f", "probability": 1e20}],
        opportunity_history=[change | {"history_id": "h", "field": "owner_id"}, change | {"history_id": "i", "field": "next_step"}],
        pipeline_stages=[{"stage_id": "S", "name": "a\x1bb"}],
    )  # fmt: skip
    assert source("select opportunity_id from crm.opportunities") == [("d",)]
    assert source("select history_id from crm.opportunity_history") == [("i",)]
    assert [reason for (reason,) in source("select left(reason, 40) from crm.load_rejects order by 1")] == [
        "opportunities: owner_id '" + "x" * 15, "opportunities: probability 1000000000000", "opportunity_history: new_value '" + "x" * 8,
        "pipeline_stages: name 'a?b' has a contro",
    ]  # fmt: skip


@pytest.mark.parametrize("bad", ["NaN", "-Infinity", "1e400", "9" * 120])
def test_what_is_no_number_is_one_wherever_a_block_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bad: str
) -> None:
    for size in range(8, 60):
        monkeypatch.setattr(lines, "BLOCK_BYTES", size)
        (tmp_path / "d.json").write_text(f'[{{"id": "1", "amount": {bad}}},\n {{"id": "2", "amount": 2}}]')
        first, second = json_records(tmp_path / "d.json")
        assert isinstance(first, Reject) and not isinstance(second, Reject)


PACKED = gzip.compress(json.dumps([RECORD]).encode())
ARCHIVES = {
    "a bomb of one line": lambda: gzip.compress(b'[{"id": "' + b"x" * (64 << 20)), "a bomb of lines": lambda: gzip.compress(b"{}\n" * (8 << 20)),
    "cut off": lambda: PACKED[:-6], "cut off in its header": lambda: PACKED[:5], "another check sum": lambda: PACKED[:-8] + bytes(8),
    "something behind": lambda: PACKED + b"more", "no block": lambda: PACKED[:10] + b"\xff" * 20,
}  # fmt: skip


def test_archives(clean: Settings, tmp_path: Path, source: Query) -> None:
    mishandled = []
    for name, content in ARCHIVES.items():
        (tmp_path / "d.json.gz").write_bytes(content())
        fault = refused(lambda: load_all(clean, tmp_path, [Mapping(**MAPPING)], "t"))  # type: ignore[arg-type]
        mishandled += [(name, fault)] if fault else []
    told("archives", len(ARCHIVES), mishandled)
    assert source("select count(*) from crm.loads where status <> 'failed'") == [(0,)]


# ---------------------------------------------------------------------------------------------- YAML

GOOD = "name: m\nfiles:\n  d: {path: d.csv, fields: {id: id, n: text}}\ntables:\n  reps: {from: d, columns: {rep_id: id}}\n"
LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True))  # fmt: skip
MERGES = "a: &a {x: 1}\n" + "".join(f"{b}: &{b} {{<<: [{', '.join([f'*{a}'] * 9)}]}}\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True))  # fmt: skip
CHAIN = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 2000))
DOCUMENTS: dict[str, str | bytes] = {
    "aliases of aliases": LAUGHS, "merges of merges": MERGES, "a chain of aliases": CHAIN, "an alias of itself": "&a {name: *a}", "a merge of itself": "&a {<<: *a}",
    "deep lists": "a: " + "[" * 5000, "deep and closed": "a: " + "[" * 500 + "]" * 500, "deep mappings": "\n".join(" " * n + "a:" for n in range(500)),
    "large": "name: " + "a" * 2_000_000, "many entries": "a: [" + "1," * 60_000 + "]", "two documents": "name: a\n---\nname: b\n", "nothing": "", "a text": "3",
    "no UTF-8": b"name: \xff", "UTF-16": GOOD.encode("utf-16"), "NUL": "name: a\0b", "NUL, escaped": 'name: "a\\0b"', "half a pair": 'name: "\\ud800"',
    "no character": 'name: "\\UFFFFFFFF"', "beyond characters": 'name: "\\U00110000"', "Python": "!!python/object/apply:os.system ['true']",
    "a name of Python": "name: !!python/name:os.system", "no whole number": "name: !!int x", "no truth": "name: !!bool x", "no day": "name: !!timestamp 2020-99-99",
    "a tag": "name: !mine x", "a large number": f"n: {'9' * 10_000}", "a key that is a list": "? [a]\n: b", "a key that is null": "~: b", "whole numbers for keys": "1: 2",
    "half of a quote": 'name: "a', "tabs": "\tname: a", "another YAML": "%YAML 9.9\n---\nname: a", "a key twice": "name: a\nname: b",
}  # fmt: skip


def changed(**parts: str) -> str:
    text = GOOD
    for old, new in parts.items():
        assert {"path": "path: d.csv", "column": "{rep_id: id}", "top": "name: m\n", "field": "n: text"}[old] in text
        text = text.replace(
            {"path": "path: d.csv", "column": "{rep_id: id}", "top": "name: m\n", "field": "n: text"}[old], new, 1
        )
    return text


MAPPINGS = {
    **{f"encoding {name}": changed(path=f"path: d.csv, encoding: {json.dumps(name)}") for name in ("nope", "", "rot13", "base64", "idna", "punycode", "undefined", "utf-7", "utf-16", "unicode_escape", "raw_unicode_escape", "iso2022_jp", "hz", "x" * 300)},
    **{f"delimiter {sign!r}": changed(path=f"path: d.csv, delimiter: {json.dumps(sign)}") for sign in ('"', "\n", "\r", "", ";;")},
    **{f"path {path}": changed(path=f"path: {json.dumps(path)}") for path in ("/etc/passwd", "../d.csv", "a/../../d.csv", "", "x" * 300, "a\x1bb", "a\\b", "./../x")},
    **{f"zone {zone[:20]}": changed(top=f"name: m\ntimezone: {json.dumps(zone)}\n") for zone in ("Europe", "x" * 300, "../../etc/passwd", "/etc/passwd", "")},
    **{f"format {form}": changed(field=f"n: {{type: date, format: {json.dumps(form)}}}") for form in ("%", "%Y%Y", "%Q", "", "%Y" + "%d" * 99)},
    "a name cut off alike": changed(field=f"{'x' * 64}: text, {'x' * 63}y: text"), "no name": changed(field='"": text'), "a long object": GOOD.replace("d:", f"{'d' * 60}:").replace("from: d", f"from: {'d' * 60}"),
    "no number": changed(column="{rep_id: {field: id, times: nan}}"), "a share of nan": changed(top="name: m\nmax_reject_share: nan\n"), "a schema": changed(top="name: m\nraw_schema: crm; drop\n"),
}  # fmt: skip


def test_yaml_is_read_or_refused_in_one_line(tmp_path: Path) -> None:
    mishandled = []
    (tmp_path / "sales").mkdir()
    for name, content in {**DOCUMENTS, **MAPPINGS}.items():
        path = tmp_path / "sales" / "m.yml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        if fault := refused(lambda path=path: read_mapping(str(path))):  # type: ignore[misc]
            mishandled.append((name, "mapping", fault))
        found = read(tmp_path)
        if found.metrics or len(found.failures) != 1 or not str(found.failures[0]).isprintable():
            mishandled.append((name, "metric", str(found)))
    told("mappings and definitions", 2 * (len(DOCUMENTS) + len(MAPPINGS)), mishandled)


def test_what_a_mapping_may_say_is_data(clean: Settings, tmp_path: Path) -> None:
    """Signs that mean something to SQL, to its driver and to formats, in every place where a mapping has a text."""
    for sign in ("%", "%s", "%(x)s", "{}", "{0}", '"', "'", ";--", "\\"):
        name = json.dumps(f"a{sign}")
        (tmp_path / "m.yaml").write_text(
            f"name: m\nfiles:\n  d: {{path: d.csv, complete: true, skip: [{{{name}: {name}}}], fields: {{id: id, {name}: text, x: text}}}}\n"
            f"  {name}: {{path: e.csv, required: false, fields: {{id: id}}}}\n"
            f"tables:\n  reps: {{from: d, when: {{x: [x, {name}]}}, columns: {{rep_id: id, name: {name}, email: {{constant: {name}}},"
            f" region: {{field: x, values: {{{name}: {name}, x: {name}}}, else: {name}}}, segment: {{join: [id, x], separator: {name}}},"
            f" role: {{field: {name}, file: d, match: {{id: id}}, default: {name}}}, manager_id: {{first: [{{when: {{x: {name}}}, constant: {name}}}, id]}}}}}}\n"
        )  # fmt: skip
        quoted_sign = sign.replace('"', '""')
        (tmp_path / "d.csv").write_text(f'id,"a{quoted_sign}",x\n1,b,x\n')
        [result] = load_all(clean, tmp_path, choose_mappings(tmp_path, ["m.yaml"]), f"t{len(sign)}{ord(sign[-1])}")
        assert result.rows_inserted == 1


QUICK = hypothesis_settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
texts = st.text(max_size=8) | st.sampled_from(["id", "d", "text", "n", "%", "null", "reps", "d.csv", "*"])
trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=8,
)  # fmt: skip
MAPPED = json.loads(json.dumps({key: value for key, value in MAPPING.items() if key != "max_reject_share"}))
DEFINED = {
    "name": "x",
    "description": "d",
    "sql": "select 1",
    "tables": ["orders"],
    "sql_variants": {"by_x": "select 1"},
}


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, part in inner for place in places(part, (*path, key)))]


def replaced(value: Any, path: tuple[Any, ...], by: Any) -> Any:
    if not path:
        return by
    parts = dict(value) if isinstance(value, dict) else list(value)
    parts[path[0]] = replaced(parts[path[0]], path[1:], by)
    return parts


@QUICK
@given(st.sampled_from(places(MAPPED)), trees, st.binary(max_size=6), st.integers(0, 400))
def test_any_change_of_a_mapping(tmp_path: Path, place: tuple[Any, ...], by: Any, noise: bytes, at: int) -> None:
    text = json.dumps(replaced(MAPPED, place, by)).encode()
    check_yaml(tmp_path, text[:at] + noise + text[at:] if at % 2 else text, read_mapping)


@QUICK
@given(st.sampled_from(places(DEFINED)), trees, st.binary(max_size=6), st.integers(0, 200))
def test_any_change_of_a_definition(tmp_path: Path, place: tuple[Any, ...], by: Any, noise: bytes, at: int) -> None:
    text = json.dumps(replaced(DEFINED, place, by)).encode()
    check_yaml(tmp_path, text[:at] + noise + text[at:] if at % 2 else text, lambda path: read(Path(path)))


def check_yaml(folder: Path, content: bytes, reader: Callable[[str], Any]) -> None:
    (folder / "m.yaml").write_bytes(content)
    fault = refused(lambda: reader(str(folder / "m.yaml")))
    assert fault in (None, "taken"), fault


def test_the_shipped_mappings_are_within_the_bounds() -> None:
    assert [read_mapping(name).name for name in shipped()] == shipped()


# ---------------------------------------------------------------------------------------------- what people see

LABELS = [*map(chr, (0, 1, 7, 8, 9, 10, 11, 12, 13, 27, 31, 127, 0x85, 0x2028, 0x2029, 0x202E, 0xFDD0, 0xFFFE, 0xFFFF, 0x10FFFF)), "x" * 12_000, "😀" * 40, "Ready to sign with procurement and legal 🔥🔥🔥", ODD, "", "&#0;]]>"]  # fmt: skip


def test_no_text_ends_a_chart() -> None:
    rows = [("t", label, f"{label}!", 1.0) for label in LABELS]
    shown = Chart(LABELS[1], "").draw([*rows, *(("t", f"group {n}", "s", 1.0) for n in range(6000))])
    assert "svg" in str(shown)
    assert "svg" in str(as_metadata(bars([{"l": label, "v": 1} for label in LABELS], "l", {"v": "\x01"}, "\ufffe")))
    flat = [{"l": label, "v": 1, "label": label, "start": 0, "end": 1, "kind": "up"} for label in LABELS]
    assert "<svg" in charts.bars(flat * 300, "l", {"v": "\x02"}, "\x03")
    assert "<svg" in charts.lines(flat, "l", {"v": "\x02"}, "\x03")
    assert "<svg" in charts.waterfall(flat, "\x03")
    told("labels", len(LABELS), [])


def test_no_text_is_a_command_of_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["why"], [("[/x] [bold]b \x1b[2J\x07",)])
    assert "[/x] [bold]b \\x1b[2J\\x07" in capsys.readouterr().out


def test_no_cell_is_a_formula() -> None:
    for text in ("=1+1", "+1", "-1+cmd|x", "@SUM(A1)", "\t=1", "\r=1", "＝1", "'=1", "''+"):
        assert csv_cell(text) == f"'{text}" and from_csv_cell(csv_cell(text)) == text
    for value in (-1, -1.5, 0, None, True, "a=1", "", "it's", "'tis"):
        assert csv_cell(value) == value
    assert [from_csv_cell(text) for text in ("'tis", "a", "", "=1")] == ["'tis", "a", "", "=1"]


def test_the_longest_texts_that_are_taken_stop_no_build(put: Put, clean: Settings, warehouse: Query) -> None:
    """Every id and group as long as it may be, every free text long and odd; incompressible, as indexes compress."""
    turn = random.Random(1)

    def bounded() -> str:
        return "".join(chr(turn.randrange(0x10000, 0x1F000)) for _ in range(128))

    free = "\x01\x1b[2J\ufffe=" + "".join(chr(turn.randrange(0x4E00, 0x9000)) for _ in range(12_000))
    rep, deal, account, pipeline, group, region = (bounded() for _ in range(6))
    stages = {outcome: bounded() for outcome in ("open", "won", "lost")}
    records = {
        "reps": [{"rep_id": rep, "name": free, "email": free, "manager_id": bounded(), "region": region, "segment": group, "role": bounded()}],
        "accounts": [{"account_id": account, "name": free, "segment": group, "region": region, "industry": bounded(), "owner_id": rep}],
        "pipelines": [{"pipeline_id": pipeline, "name": bounded()}],
        "pipeline_stages": [
            {"stage_id": stage, "name": bounded(), "pipeline_id": pipeline, "stage_order": number, "outcome": outcome}
            for number, (outcome, stage) in enumerate(stages.items())
        ],
        "contacts": [{"contact_id": bounded(), "account_id": account, "name": free, "email": free, "title": free}],
        "leads": [{"lead_id": bounded(), "name": free, "company": free, "source": bounded(), "status": bounded(), "owner_id": rep, "created_at": "2024-03-05Z"}],
        "opportunities": [
            {
                "opportunity_id": deal if outcome == "open" else bounded(), "name": free, "account_id": account, "owner_id": rep, "pipeline_id": pipeline,
                "stage_id": stages[outcome], "amount": 10, "created_at": "2024-01-02Z", "close_date": "2024-03-05", "is_closed": outcome != "open",
                "is_won": outcome == "won", "closed_at": None if outcome == "open" else "2024-03-05Z", "next_step": free, "loss_reason": free,
                "lead_source": bounded(), "competitor": bounded(), "competitor_status": "named", "forecast_category": bounded(),
            }
            for outcome in stages
        ],
        "opportunity_history": [{"history_id": bounded(), "opportunity_id": deal, "field": "owner_id", "old_value": bounded(), "new_value": rep, "changed_at": "2024-02-01Z"}],
        "activities": [{"activity_id": bounded(), "type": "call", "subject": free, "opportunity_id": deal, "rep_id": rep, "occurred_at": "2024-03-05Z"}],
        "quotas": [{"quota_id": bounded(), "rep_id": rep, "period_start": "2024-01-01", "period_end": "2024-03-31", "amount": 5}],
        "forecast_calls": [
            {"call_id": bounded(), "rep_id": rep, "submitted_by": bounded(), "category": bounded(), "period_start": "2024-01-01", "amount": 5,
             "currency": bounded(), "submitted_at": "2024-02-01Z", "note": free}
        ],
    }  # fmt: skip
    put("t", **records)
    ends = ("cohort_conversion", "source_funnel", "caller_record")
    materialize(clean, " or ".join(f'+key:"analytics/{name}"' for name in ends), "2024-03-31")
    assert warehouse("select count(*) from analytics.cohort_conversion")[0][0] > 10
    assert warehouse("select count(*) from analytics.forecast_calls")[0][0] > 2
    materialize(clean, "+group:dashboard", "2024-03-07")
    assert warehouse("select count(*) from ops.unwritten") == [(0,)]
    assert warehouse("select count(*) from dashboard.dashboard_kpis where tenant_id = 't'")[0][0] > 0
    with TestClient(
        application(clean, is_open=True), base_url="http://127.0.0.1", raise_server_exceptions=False
    ) as site:
        shown = ["/pipeline", "/coaching", "/compare", *(f"/api/datasets/dashboard.dashboard_kpis?tenant=t&format={kind}" for kind in ("json", "csv", "arrow", "parquet"))]  # fmt: skip
        assert {path: site.get(path).status_code for path in shown} == dict.fromkeys(shown, 200)
