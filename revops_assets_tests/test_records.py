"""CSV files as checked records: what is read, what is refused, and where."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revops_assets.errors import RevopsError
from revops_assets.loading import csv_rows, lines, records
from revops_assets.loading.fields import accepts
from revops_assets.loading.lines import Reject
from revops_assets.loading.mapping import FileSpec
from revops_assets.loading.records import survey

DEALS = FileSpec(path="deals.csv", fields={"id": "id", "name": "text", "at": "timestamp"})


def read(tmp_path: Path, content: str | bytes, file: FileSpec = DEALS) -> tuple[list[object], list[tuple[int, str]]]:
    """(good records, (line, reason) of rejects)"""
    path = tmp_path / file.path[0]
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    found = list(records.records(survey(path, file), file))
    return (
        [record for record in found if not isinstance(record, Reject)],
        [(record.line_no, record.reason) for record in found if isinstance(record, Reject)],
    )


def test_plain_rows_keep_their_line_and_order_of_the_mapping(tmp_path: Path) -> None:
    good, bad = read(tmp_path, "name,ID,at\nAcme,7,2024-02-29 10:00:00\n\nBlue,8,\n")
    assert good == [(2, ["7", "Acme", "2024-02-29 10:00:00"], ""), (4, ["8", "Blue", ""], "")]
    assert bad == []


def test_unknown_columns_are_kept_as_json(tmp_path: Path) -> None:
    good, _ = read(tmp_path, "id,name,at,colour\n7,Acme,,büro\n")
    assert good == [(2, ["7", "Acme", ""], '{"colour": "büro"}')]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (",Acme,", "id is empty"),
        ("7,Acme", "2 fields where the header has 3"),
        ("7,Acme,,", "4 fields where the header has 3"),
        ("7,Acme,2023-02-29 10:00:00", "at: '2023-02-29 10:00:00' is not a valid timestamp"),
        ("7,Acme,yesterday", "at: 'yesterday' is not a valid timestamp"),
        ('7,"Acme" Inc,', "not valid CSV: ',' expected after '\"'"),
        (f"{'7' * 513},Acme,", f"id: '{'7' * 60}…' is not a valid id"),
        ("7,Ac\0me,", "contains a NUL byte"),
    ],
)
def test_a_broken_record_is_refused_with_line_and_reason_and_the_rest_goes_on(
    tmp_path: Path, line: str, reason: str
) -> None:
    good, bad = read(tmp_path, f"id,name,at\n1,First,\n{line}\n9,Last,\n")
    assert [record[1][0] for record in good] == ["1", "9"]
    assert bad == [(3, reason)]


def test_a_stray_quote_costs_its_own_line_only(tmp_path: Path) -> None:
    good, bad = read(tmp_path, 'id,name,at\n1,"never closed,\n2,Blue,\n3,"Green, Inc",\n4,Red,\n')
    assert [(line, row[1]) for line, row, _ in good] == [(3, "Blue"), (4, "Green, Inc"), (5, "Red")]
    assert [line for line, _ in bad] == [2]


def test_an_unclosed_quote_at_the_end_of_the_file(tmp_path: Path) -> None:
    good, bad = read(tmp_path, 'id,name,at\n1,Acme,\n2,"open,\n3,Blue,\n')
    assert [line for line, _, _ in good] == [2, 4]
    assert bad == [(3, "not valid CSV: unexpected end of data")]


def test_a_field_over_several_lines(tmp_path: Path) -> None:
    good, bad = read(tmp_path, 'id,name,at\n1,"two\nlines",\n2,Blue,\n')
    assert good == [(2, ["1", "two\nlines", ""], ""), (4, ["2", "Blue", ""], "")]
    assert bad == []


def test_bytes_of_another_encoding_cost_their_line_and_stay_readable(tmp_path: Path) -> None:
    path = tmp_path / "deals.csv"
    path.write_bytes("id,name,at\n1,Böll,\n2,Blue,\n".encode("latin-1"))
    found = list(records.records(survey(path, DEALS), DEALS))
    assert found == [Reject(2, "is not UTF-8", "1,B\\xf6ll,"), (3, ["2", "Blue", ""], "")]


def test_an_encoding_that_the_mapping_names(tmp_path: Path) -> None:
    file = DEALS.model_copy(update={"encoding": "latin-1"})
    good, bad = read(tmp_path, "id,name,at\n1,Böll,\n".encode("latin-1"), file)
    assert (good, bad) == ([(2, ["1", "Böll", ""], "")], [])


def test_a_byte_order_mark_and_windows_line_ends(tmp_path: Path) -> None:
    good, bad = read(tmp_path, b"\xef\xbb\xbfid,name,at\r\n1,Acme,\r\n")
    assert (good, bad) == ([(2, ["1", "Acme", ""], "")], [])


def test_a_field_that_is_too_long(tmp_path: Path) -> None:
    good, bad = read(tmp_path, f"id,name,at\n1,{'x' * (csv_rows.LONGEST_FIELD + 1)},\n2,{'y' * 1000},\n")
    assert [row[0] for _, row, _ in good] == ["2"]
    assert bad == [(2, f"not valid CSV: field larger than field limit ({csv_rows.LONGEST_FIELD})")]


def test_a_line_that_is_too_long_is_never_held_whole(tmp_path: Path) -> None:
    long = "x" * (lines.LONGEST_LINE + 3 * lines.BLOCK_BYTES)
    good, bad = read(tmp_path, f"id,name,at\n1,{long},\n2,Blue,\n3,{long}")
    assert [(line, row[0]) for line, row, _ in good] == [(3, "2")]
    assert bad == [(line_no, f"a line longer than {lines.LONGEST_LINE} bytes") for line_no in (2, 4)]


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", "deals.csv: the file is empty, not even a header line"),
        (b"id,name\n1,Acme\n", "deals.csv: no column at; its header has id, name"),
        (b"id,name,at,Name\n", "deals.csv: two columns of its header have the same name: id, name, at, name"),
        ("id,name,at\n".encode("utf-16"), "deals.csv: the file is UTF-16; convert it to UTF-8"),
        (b"\xff\xfa,name\n", "deals.csv line 1: the header cannot be read: is not UTF-8"),
    ],
)
def test_what_cannot_be_this_file_at_all(tmp_path: Path, content: bytes, error: str) -> None:
    with pytest.raises(RevopsError) as raised:
        read(tmp_path, content)
    assert str(raised.value) == error


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("timestamp", ["2024-01-31", "2024-01-31T23:59:59.123456Z", "2024-01-31 10:00+05:30", "0002-01-01 00:00:00"],
         ["2024-1-31", "2024-04-31 10:00:00", "0000-01-01 00:00:00", "0001-01-01T00:00:00+14", "9999-12-31T23:59:59-10", "2024-01-31Z", "24:00", "2024-01-31 24:00:00",
          "2024-01-31 10:00+15", "2024-01-31 10:00.5", "٢٠٢٤-01-31 10:00:00", "infinity"]),
        ("date", ["2024-02-29", "2024-02-29T00:00:00.000+0000"], ["2023-02-29", "20240229", "2024-W01-1"]),
        ("number", ["1", "-1.5", "+.5", "1e3", "1."], ["", "1,5", "NaN", "Infinity", "1e999", "0x1f", "1_000", "٣"]),
        ("money", ["12345678901.99"], ["100000000000", "1e12"]),
        ("integer", ["0", "-12"], ["1.5", "1e3", "9" * 19]),
        ("boolean", ["True", "no", "1", "T"], ["maybe", "2", "ja"]),
    ],
)  # fmt: skip
def test_types_accept_just_what_postgresql_reads_in_the_same_meaning(
    kind: str, good: list[str], bad: list[str], source: object
) -> None:
    assert [value for value in good if not accepts(kind, value)] == []
    assert [value for value in bad if accepts(kind, value)] == []
    pg = {
        "timestamp": "timestamptz",
        "money": "numeric(14, 2)",
        "number": "numeric",
        "integer": "bigint",
    }.get(kind, kind)
    for value in good:
        assert source(f"select %s::text::{pg} is not null", value) == [(True,)]  # type: ignore[operator]


values = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=12)


@given(st.lists(st.tuples(values.filter(lambda value: accepts("id", value)), values, values), max_size=30))
def test_whatever_csv_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str]]
) -> None:
    file = FileSpec(path="t.csv", fields={"a": "id", "b": "text", "c": "text"})
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([("a", "b", "c"), *rows])
    path = tmp_path_factory.getbasetemp() / "t.csv"
    path.write_text(text.getvalue(), encoding="utf-8", newline="")
    assert [tuple(row) for _, row, _ in records.records(survey(path, file), file)] == rows


@given(st.binary(max_size=300))
def test_no_bytes_crash_the_reader_and_every_line_is_accounted_for(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes
) -> None:
    file = FileSpec(path="n.csv", fields={"a": "text", "b": "text"})
    path = tmp_path_factory.getbasetemp() / "n.csv"
    path.write_bytes(b"a,b\n" + noise + b"\nlast,line\n")
    found = list(records.records(survey(path, file), file))
    numbers = [record.line_no if isinstance(record, Reject) else record[0] for record in found]
    assert numbers == sorted(set(numbers))
    assert isinstance(found[-1], Reject) or found[-1][1] == ["last", "line"] or "\n" in "".join(found[-1][1])


# ---------------------------------------------------------------------------------------------- JSON

NESTED = FileSpec(
    path="deals.json",
    fields={"Id": "id", "Amount": "money", "Owner": {"type": "text", "path": "Owner.Name"}, "Won": "boolean"},  # type: ignore[dict-item]
    skip=[{"Owner": "Robot", "Won": "false"}],
)


def test_json_arrays_and_lines_say_the_same(tmp_path: Path) -> None:
    first = '{"Id": "1", "Amount": 1234.10, "Owner": {"Name": "Zoë", "Id": 7}, "Won": false, "x": [1, {"y": null}]}'
    second = '{"Id": "2", "Amount": null}'
    array, _ = read(tmp_path, f"[\n{first},\n  {second}\n]\n", NESTED)
    one_a_line, _ = read(tmp_path, f"\n{first}\n{second}", NESTED)
    assert array == one_a_line == [(2, ["1", "1234.10", "Zoë", "false"], first), (3, ["2", "", "", ""], second)]


def test_an_array_over_many_blocks_and_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "BLOCK_BYTES", 7)
    text = "[\n" + ",\n".join(f'{{"Id": "{n}",\n "Owner": {{"Name": "Ö{n}"}}}}' for n in range(50)) + "]"
    good, bad = read(tmp_path, text, NESTED)
    assert [(line, row[0], row[2]) for line, row, _ in good] == [(2 + 2 * n, str(n), f"Ö{n}") for n in range(50)]
    assert bad == []


def test_records_that_the_mapping_skips(tmp_path: Path) -> None:
    good, bad = read(
        tmp_path, '{"Id":"1","Owner":{"Name":"Robot"},"Won":false}\n{"Id":"2","Owner":{"Name":"Robot"}}', NESTED
    )
    assert ([row[0] for _, row, _ in good], bad) == (["2"], [])


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ('{"Id": ""}', "Id is empty"),
        ('{"Amount": 1}', "Id is empty"),
        ('{"Id": "1", "Amount": "much"}', "Amount: 'much' is not a valid amount"),
        ('{"Id": "1", "Amount": 1e12}', "Amount: '1e12' is not a valid amount"),
        ('{"Id": "1", "Won": {"a": 1}}', """Won: '{"a": "1"}' is not a valid boolean"""),
        ('{"Id": "1", "x": 1e999999}', "a number of more than 100 digits"),
        ('{"Id": "1", "x": NaN}', "NaN is not a JSON value"),
        ('{"Id": "1", "x": "\\u0000"}', "contains a NUL character"),
        ('{"Id": "1", "x": "\\ud83d"}', "is not UTF-8, or holds half of a surrogate pair"),
        ("[1]", "not a JSON object"),
        ("17", "not a JSON object"),
    ],
)
@pytest.mark.parametrize("form", ["array", "lines"])
def test_an_unusable_object_is_refused_and_the_rest_goes_on(
    tmp_path: Path, record: str, reason: str, form: str
) -> None:
    rows = ['{"Id": "first", "Owner": {"Name": "\\ud83d\\ude00"}}', record, '{"Id": "last"}']
    good, bad = read(tmp_path, "[" + ",\n".join(rows) + "]" if form == "array" else "\n".join(rows), NESTED)
    assert [row[0] for _, row, _ in good] == ["first", "last"]
    assert good[0][1][2] == "😀"  # type: ignore[index]
    assert bad == [(2, reason)]


def test_bytes_that_are_not_utf8_cost_their_object(tmp_path: Path) -> None:
    for text in ('[{"Id": "1"},\n{"Id": "B\xf6ll"},\n{"Id": "3"}]', '{"Id": "1"}\n{"Id": "B\xf6ll"}\n{"Id": "3"}'):
        good, bad = read(tmp_path, text.encode("latin-1"), NESTED)
        assert [row[0] for _, row, _ in good] == ["1", "3"]
        assert [line for line, _ in bad] == [2]


def test_a_broken_line_costs_itself(tmp_path: Path) -> None:
    good, bad = read(tmp_path, '{"Id": "1"}\n{"Id": \n{"Id": "3"}\n', NESTED)
    assert [row[0] for _, row, _ in good] == ["1", "3"]
    assert bad == [(2, "not valid JSON: Expecting value (character 7)")]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ('[{"Id": "1"},\n{"Id" "2"}]', "deals.json line 2: not valid JSON: Expecting ':' delimiter (character 7)"),
        (
            '[{"Id": "1"},\n{"Id": "2"',
            "deals.json line 2: not valid JSON: Expecting ',' delimiter (character 11); the file was cut off",
        ),
        ('[{"Id": "1"}', "deals.json line 1: not valid JSON: Expecting value (character 13); the file was cut off"),
        ('[{"Id": "1"}]\n{"Id": "2"}', "deals.json line 2: something follows the end of the array"),
        ("[" + "[" * 100_000, "deals.json line 1: nested too deeply"),
    ],
)
def test_an_array_with_a_fault_in_its_syntax_is_refused_whole(tmp_path: Path, text: str, error: str) -> None:
    with pytest.raises(RevopsError) as raised:
        read(tmp_path, text, NESTED)
    assert str(raised.value).partition(" (character")[0] == error.partition(" (character")[0]


anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.lists(anything, max_size=8), st.booleans())
def test_no_json_crashes_the_reader_and_no_usable_object_is_lost(
    tmp_path_factory: pytest.TempPathFactory, items: list[object], is_array: bool
) -> None:
    file = FileSpec(path="any.jsonl", fields={"Id": "text"})  # type: ignore[dict-item]
    items = [{"Id": "ok"}, *items, {"Id": "ok"}]
    texts = [json.dumps(item, ensure_ascii=True) for item in items]
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    path.write_text("[" + ",".join(texts) + "]" if is_array else "\n".join(texts), encoding="utf-8")
    found = list(records.records(survey(path, file), file))
    assert len(found) == len(items)
    for record, text in zip(found, texts, strict=True):
        assert isinstance(record, Reject) or record[2] == text
    assert not isinstance(found[0], Reject)
    assert not isinstance(found[-1], Reject)


def test_objects_over_several_lines_keep_their_text_and_what_stands_in_them(tmp_path: Path) -> None:
    """No envelopes, though they have members that envelopes have."""
    file = FileSpec(path="d.json", fields={"Id": "id", "Deep": {"type": "text", "path": "data.deep"}, "Sum": "money"})  # type: ignore[dict-item]
    text = (
        '{\n "data": {"deep": "x", "sum": 1.50},\n "Sum": 2.50,\n "Id": "1"\n}\n{\n "Id": "2",\n "items": [{"a": 1}]\n}'
    )
    good, bad = read(tmp_path, text, file)
    assert [(row, json.loads(whole)) for _, row, whole in good] == [
        (["1", "x", "2.50"], {"data": {"deep": "x", "sum": 1.5}, "Sum": 2.5, "Id": "1"}),
        (["2", "", ""], {"Id": "2", "items": [{"a": 1}]}),
    ]  # type: ignore[misc]
    assert bad == []
