"""Whatever stands in the files: a load takes every valid record and accounts for the rest, or changes nothing and says why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from revops_assets.errors import RevopsError
from revops_assets.loading.load import load_directory
from revops_assets.loading.mapping import Mapping
from revops_assets.settings import Settings
from revops_assets_tests.conftest import empty, query

FEW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
COLUMNS = {"opportunity_id": "id", "stage_id": "stage", "amount": "amount", "created_at": "created"}
FIELDS = {"id": "id", "stage": "text", "amount": "money", "created": "timestamp required"}

noise = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\r"), max_size=30)
valid = st.fixed_dictionaries(
    {
        "stage": st.text(st.characters(categories=["L", "N", "P", "S"]), max_size=10),
        "amount": st.sampled_from(["", "0", "12.50", "-3", "99999999"]),
        "created": st.sampled_from(["2024-02-29T10:00:00Z", "2024-03-31 02:30:00", "2024-12-31"]),
    }
)


def mapping(path: str, share: float) -> Mapping:
    return Mapping(
        name="fuzz", max_reject_share=share,
        files={"deals": {"path": path, "fields": FIELDS}},  # type: ignore[dict-item]
        tables={"opportunities": {"from": "deals", "columns": COLUMNS}},  # type: ignore[dict-item]
    )  # fmt: skip


def loaded(settings: Settings) -> list[str]:
    return [key for (key,) in query(settings, "source", "select opportunity_id from crm.opportunities order by 1")]


def check(clean: Settings, folder: Path, content: bytes, name: str, ids: list[str], share: float) -> None:
    """Load the file: all valid ids arrive and every other record is accounted for, or nothing does and one line says why."""
    empty(clean, "source", "'crm', 'crm_staging'")
    (folder / name).write_bytes(content)
    try:
        result = load_directory(clean, folder, mapping(name, share), "fuzz")
    except RevopsError as error:
        assert "\n" not in str(error)
        assert loaded(clean) == []
        assert query(clean, "source", "select count(*) from crm.loads where status <> 'failed'") == [(0,)]
        return
    assert set(ids) <= set(loaded(clean))
    rejects = query(clean, "source", "select count(*) from crm.load_rejects")[0][0]
    assert result.rows_read == len(loaded(clean)) + rejects
    assert result.rows_rejected + result.rows_conflicting == rejects


@FEW
@given(st.lists(st.one_of(valid, noise), max_size=12), st.sampled_from([0.05, 1.0]))
def test_csv(clean: Settings, tmp_path: Path, rows: list[dict[str, str] | str], share: float) -> None:
    lines, ids = ["id,stage,amount,created"], []
    for number, row in enumerate(rows):
        if isinstance(row, str):
            lines.append(row)
        else:
            ids.append(f"k{number}")
            stage = '"' + row["stage"].replace('"', '""') + '"'
            lines.append(f"k{number},{stage},{row['amount']},{row['created']}")
    if any('"' in row for row in rows if isinstance(row, str)):
        ids = []  # a stray quote may join the lines around it into one valid record; the others are tested below
    check(clean, tmp_path, ("\n".join(lines) + "\n").encode(), "deals.csv", ids, share)


anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "stage", "amount", "created", "x"]), inner)
    ),
    max_leaves=6,
)


@FEW
@given(st.lists(st.one_of(valid, anything, noise), max_size=10), st.booleans(), st.sampled_from([0.05, 1.0]))
def test_json(clean: Settings, tmp_path: Path, items: list[object], is_array: bool, share: float) -> None:
    texts, ids = [], []
    for number, item in enumerate(items):
        if (
            isinstance(item, dict)
            and set(item) == {"stage", "amount", "created"}
            and all(isinstance(v, str) for v in item.values())
        ):
            ids.append(f"k{number}")
            texts.append(json.dumps({"id": f"k{number}", **item}))
        else:
            texts.append(item if isinstance(item, str) and not is_array else json.dumps(item))
    if any(not _is_loadable(text) for text in texts if '"id": "k' in text):
        ids = []
    content = "[" + ",\n".join(texts) + "]" if is_array else "\n".join(texts)
    check(clean, tmp_path, content.encode("utf-8", "surrogatepass"), "deals.jsonl", ids, share)


def _is_loadable(text: str) -> bool:
    record = json.loads(text)
    return record["created"] in ("2024-02-29T10:00:00Z", "2024-03-31 02:30:00", "2024-12-31") and "\\u0000" not in text


@FEW
@given(st.binary(max_size=400), st.sampled_from(["deals.csv", "deals.json"]))
def test_any_bytes_at_all(clean: Settings, tmp_path: Path, content: bytes, name: str) -> None:
    check(clean, tmp_path, content, name, [], 1.0)


def test_the_mapping_under_test_loads_a_plain_file(clean: Settings, tmp_path: Path) -> None:
    check(clean, tmp_path, b"id,stage,amount,created\nk1,A,1,2024-01-01\n", "deals.csv", ["k1"], 0)
    assert loaded(clean) == ["k1"]
    with pytest.raises(RevopsError):
        load_directory(clean, tmp_path / "none", mapping("deals.csv", 0), "fuzz")
