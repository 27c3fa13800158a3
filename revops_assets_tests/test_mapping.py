"""What a mapping can say, and how its mistakes are told."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from revops_assets.errors import RevopsError
from revops_assets.loading import fields
from revops_assets.loading.load import choose_mappings, load_all
from revops_assets.loading.mapping_file import read_mapping
from revops_assets.loading.result import LoadResult
from revops_assets.settings import Settings
from revops_assets_tests.conftest import Query

Bring = Callable[..., LoadResult]


@pytest.fixture
def bring(clean: Settings, tmp_path: Path) -> Bring:
    """Load a folder of texts by a mapping given as YAML."""

    def load(mapping: str, tenant: str = "a", **files: str) -> LoadResult:
        for path in tmp_path.glob("*"):
            path.unlink()
        for name, text in files.items():
            (tmp_path / name.replace("__", ".")).write_text(text, encoding="utf-8")
        (tmp_path / "m.yaml").write_text(mapping)
        return load_all(clean, tmp_path, choose_mappings(tmp_path, ["m.yaml"]), tenant)[0]

    return load


@pytest.mark.parametrize(
    ("kind", "formats", "written", "read"),
    [
        ("timestamp", ["%m/%d/%Y %H:%M"], "2/26/2018 19:58", "2018-02-26 19:58:00"),
        ("timestamp", ["%m/%d/%y %I:%M %p"], "02/23/26 08:55 PM", "2026-02-23 20:55:00"),
        ("timestamp", ["%m/%d/%Y %H:%M", "%m/%d/%Y"], "10/20/2016", "2016-10-20"),
        ("date", ["%d.%m.%Y"], "14.06.2026", "2026-06-14"),
        ("date", ["%d.%m.%Y"], "31.02.2026", None),
        ("date", ["%d.%m.%Y"], "2026-06-14", None),
        ("date", ["%d.%m.%Y", "iso"], "2026-06-14", "2026-06-14"),
        ("epoch_ms", [], "1710151200000", "2024-03-11T10:00:00Z"),
        ("epoch_s", [], "1710151200", "2024-03-11T10:00:00Z"),
        ("timestamp", ["iso", "epoch_ms"], "1710151200123", "2024-03-11T10:00:00.123000Z"),
        ("epoch_ms", [], "soon", None),
        ("money", ["1.234,56"], "€ 1.250,00", "1250.00"),
        ("money", ["1.234,56"], "1250", "1250"),
        ("money", ["1.234,56"], "12.50", None),  # no thousands: not 1,250 and not 12.50
        ("money", ["1,234.56"], "$1,250.00", "1250.00"),
        ("money", ["1,234.56"], "(1,250.00)", "-1250.00"),
        ("money", ["1,234.56"], "1.250,00", None),
        ("money", ["1 234,56"], "1\u00a0250,5 kr", "1250.5"),
        ("money", ["1'234.56"], "CHF 1’250.00", "1250.00"),
        ("number", ["1234,56"], "12,5 %", "12.5"),
        ("money", [], "$1,250.00", None),
        ("money", [], " 1250 ", "1250"),
        ("integer", [], "40.0", "40"),
        ("boolean", [], " TRUE ", "true"),
        ("sfid", [], "001D000000IqhSL", "001D000000IqhSLIAZ"),
        ("sfid", [], "ValueProposition", "ValueProposition"),
        ("sfid", [], "NeedsAssessment", "NeedsAssessment"),  # 15 letters and no digit: a word
        ("sfid", [], "@AccountRef12", "AccountRef12"),
    ],
)  # fmt: skip
def test_ways_to_write_values(kind: str, formats: list[str], written: str, read: str | None) -> None:
    assert fields.converter(kind, formats)(written) == read


PARTS = """
name: parts
files:
  deals:
    path: deals.csv
    fields: {No: id, Seller: text, Value: {type: money, format: "1,234.56"}, Step: text, Since: date, Status: text, Chance: number, Note: text optional}
  sellers: {path: sellers.csv, required: false, fields: {Who: id, First: text, Last: text, Boss: text}}
tables:
  reps:
    from: sellers
    columns: {rep_id: Who, name: {join: [First, Last], separator: " "}, manager_id: {field: Boss, default: nobody}}
  opportunities:
    from: deals
    when: {Status: [new, "won*", null]}
    columns:
      opportunity_id: No
      owner_id: {file: sellers, match: {Seller: Last}, field: Who}
      amount: Value
      stage_id: {field: Step, values: {OFFER: proposal}, default: none}
      created_at: Since
      probability: {field: Chance, times: 100}
      is_closed: {field: Status, values: {Won: "true", "won early": "true"}, else: "false"}
      is_won: {field: Status, values: {Won: "true", "won early": "true"}, else: "false"}
      next_step: {first: [{field: Note}, {when: {Step: offer}, constant: call}, {unless: {Step: null}, constant: mail}]}
"""
ROWS = ("No,Seller,Value,Step,Since,Status,Chance\n1,kim ,\"1,200.50\",Offer,2024-03-01,new,0.2\n2,Low,5,Demo,2024-03-01,won early,1\n"
        "3,Kim,7,,2024-03-01,,\n4,Kim,9,Demo,2024-03-01,lost,0\n")  # fmt: skip
SELLERS = "Who,First,Last,Boss\ns1,Jo,Kim,\ns2,Al,Low,s1\ns3,Di,Low,s1\n"


def test_where_columns_come_from(bring: Bring, source: Query) -> None:
    bring(PARTS, deals__csv=ROWS, sellers__csv=SELLERS)
    assert source(
        "select opportunity_id, owner_id, amount, stage_id, probability, is_won, next_step from crm.opportunities order by 1"
    ) == [
        ("1", "s1", Decimal("1200.50"), "proposal", 20, False, "call"),
        ("2", None, 5, "Demo", 100, True, "mail"),  # two sellers of that name
        ("3", "s1", 7, "none", None, False, None),
    ]
    assert source("select rep_id, name, manager_id from crm.reps order by 1")[0] == ("s1", "Jo Kim", "nobody")
    assert source(
        "select closing_known_by, closed_at is not null from crm.opportunities where opportunity_id = '2'"
    ) == [(None, False)]


def test_a_changed_file_that_others_look_into_is_read_with_them(bring: Bring, source: Query) -> None:
    bring(PARTS, deals__csv=ROWS, sellers__csv=SELLERS)
    again = bring(PARTS, deals__csv=ROWS, sellers__csv=SELLERS)
    assert all(file["is_unchanged"] for file in again.files)
    bring(PARTS, deals__csv=ROWS, sellers__csv=SELLERS.replace("s3,Di,Low", "s3,Di,Long"))
    assert source("select owner_id from crm.opportunities where opportunity_id = '2'") == [("s2",)]
    bring(PARTS, deals__csv=ROWS.replace("9,Demo", "8,Demo"), sellers__csv=SELLERS.replace("s3,Di,Low", "s3,Di,Long"))
    assert source("select owner_id from crm.opportunities where opportunity_id = '2'") == [("s2",)]


def test_what_a_mapping_does_not_map_stays_as_it_is_known(bring: Bring, source: Query) -> None:
    bring(PARTS, deals__csv=ROWS, sellers__csv=SELLERS)
    second = ("name: second\nfiles: {more: {path: more.csv, fields: {No: id, Rival: text, Stage: text optional}}}\n"
              "tables: {opportunities: {from: more, columns: {opportunity_id: No, competitor: Rival, stage_id: Stage}}}\n")  # fmt: skip
    bring(second, more__csv="No,Rival\n1,Acme\n9,Bolt\n")
    assert source("select opportunity_id, amount, stage_id, is_closed, competitor from crm.opportunities where competitor is not null order by 1") == [
        ("1", Decimal("1200.50"), "proposal", False, "Acme"), ("9", None, None, False, "Bolt"),
    ]  # fmt: skip
    bring(PARTS, deals__csv=ROWS.replace("1,200.50", "1,300.00"), sellers__csv=SELLERS)
    assert source("select amount, competitor from crm.opportunities where opportunity_id = '1'") == [(1300, "Acme")]


@pytest.mark.parametrize("shape", ["named", "wild"])
def test_a_wide_table_tells_of_changes(bring: Bring, source: Query, shape: str) -> None:
    """One row per deal, a column for the day on which it came into each stage: two of them on one day."""
    changes = {
        "named": "[{field: stage_id, to: New, at: in_New}, {field: stage_id, to: Offer, at: in_Offer}, {field: stage_id, to: Won, at: in_Won}]",
        "wild": "[{field: stage_id, at: in_*}]",
    }[shape]
    named = "in_New: date, in_Offer: date, in_Won: date" if shape == "named" else "in_*: date"
    bring(
        f"name: wide\nfiles: {{d: {{path: d.csv, fields: {{id: id, made: date, stage: text, {named}}}}}}}\ntables:\n"
        "  opportunities: {from: d, columns: {opportunity_id: id, created_at: made, stage_id: stage}}\n"
        f"  opportunity_history: {{from: d, record: id, changes: {changes}}}\n",
        d__csv="id,made,stage,in_New,in_Offer,in_Won\n1,2024-03-01,Won,2024-03-01,2024-03-05,2024-03-05\n2,2024-03-02,New,2024-03-02,,\n",
    )
    assert source("select opportunity_id, old_value, new_value, changed_at::date::text from crm.opportunity_history"
                  " order by 1, changed_at, line_no, old_value nulls first") == [
        ("1", None, "New", "2024-03-01"), ("1", "New", "Offer", "2024-03-05"), ("1", "Offer", "Won", "2024-03-05"),
        ("2", None, "New", "2024-03-02"),
    ]  # fmt: skip
    assert source("select stage_id from crm.opportunities_as_of('2024-03-06Z') where opportunity_id = '1'") == [
        ("Won",)
    ]


def test_lists_within_records_are_records(bring: Bring, source: Query) -> None:
    bring(
        """
name: nested
files:
  deals: {path: d.json, records: data.deals, fields: {key: id, stage: {type: text, path: now.stage}, at: {type: epoch_s}, boss: {type: text, path: people.0.id}}}
  steps:
    {path: d.json, records: data.deals, explode: log.*.entries,
     fields: {deal: {type: id, path: key}, what: {type: text, path: key_of}, value: {type: text, path: item.v}, at: {type: epoch_s, path: item.t}, name: {type: text, path: key}}}
tables:
  opportunities: {from: deals, columns: {opportunity_id: key, stage_id: stage, created_at: at, owner_id: boss}}
""",
        d__json='{"meta": {"n": 1}, "data": {"count": 1, "deals": [{"key": "K", "now": {"stage": "Offer"}, "at": 1709283600,'
        ' "people": [{"id": "p7"}], "log": {"stage": {"entries": [{"v": "Offer", "t": 1709370000}]}}}]}}',
    )
    assert source("select opportunity_id, stage_id, created_at::text, owner_id from crm.opportunities") == [
        ("K", "Offer", "2024-03-01 09:00:00+00", "p7")
    ]


def test_records_that_were_merged_into_others(bring: Bring, source: Query) -> None:
    mapping = ("name: m\nfiles: {d: {path: d.csv, fields: {id: id, made: date, was: text}}}\n"
               "tables: {opportunities: {from: d, merged_ids: was, columns: {opportunity_id: id, created_at: made}}}\n")  # fmt: skip
    bring(mapping, d__csv="id,made,was\n1,2024-03-01,\n2,2024-03-01,\n3,2024-03-01,\n")
    bring(mapping, d__csv="id,made,was\n1,2024-03-01,2;3\n")
    assert source("select opportunity_id from crm.opportunities") == [("1",)]
    assert source(
        "select opportunity_id, merged_into_id from crm.opportunities_current where is_deleted order by 1"
    ) == [("2", "1"), ("3", "1")]


BASE = """name: x
files:
  d:
    path: d.csv
    fields:
      id: id
      made: timestamp
      sum: money
tables:
  opportunities:
    from: d
    columns:
      opportunity_id: id
"""


@pytest.mark.parametrize(
    ("added", "said"),
    [
        ("      amount: {constant: abc}\n", "line 14: tables.opportunities.columns.amount.constant: 'abc' is not a money"),
        ("      amount: {field: sum, default: none}\n", "line 14: tables.opportunities.columns.amount.default: 'none' is not a money"),
        ("      is_won: {field: sum, values: {'1': sure}, else: \"false\"}\n",
         "line 14: tables.opportunities.columns.is_won.values.1: 'sure' is not a boolean"),
        ("      close_date: {constant: 2024-02-30}\n", "line 14: tables.opportunities.columns.close_date.constant: '2024-02-30' is not a date"),
        ("      competitor_status: {constant: strong}\n", "'strong' is not named or active"),
        ("      amount: made\n", "the column is numeric(14,2), so the field made must be money, not timestamp"),
        ("      amount: {field: sum, constant: '1'}\n", "line 14: tables.opportunities.columns.amount: a column takes exactly one of field, constant"),
        ("      amount: {fild: sum}\n", "line 14: tables.opportunities.columns.amount.fild: no such key here"),
        ("      amount: sum\n      amount: sum\n", "line 15: tables.opportunities.columns.amount: stands twice (first in line 14)"),
        ("      owner_id: {file: people, match: {id: id}, field: id}\n", "line 14: tables.opportunities.columns.owner_id.file: there is no file 'people'"),
        ("      stage_id: {field: made, values: {A: x, a: y}}\n", "two of them differ only by case"),
        ("      closing_known_by: id\n", "crm.opportunities has no such column"),
        ("      name: {field: id, times: 100}\n", "line 14: tables.opportunities.columns.name.times: the column is text"),
        ("    when: {state: open}\n", "line 14: tables.opportunities.when: file d has no field 'state'"),
        ("  opportunity_history:\n    from: d\n    record: id\n    changes: [{field: stag_id, to: x, at: made}]\n",
         "line 17: tables.opportunity_history.changes.0.field: opportunities has no column stag_id"),
        ("  activities:\n    - {from: d, columns: {activity_id: id, type: {constant: webinar}}}\n",
         "line 15: tables.activities.0.columns.type.constant: 'webinar' is not call or email or meeting or demo or task"),
    ],
)  # fmt: skip
def test_every_mistake_is_named_with_its_line(tmp_path: Path, added: str, said: str) -> None:
    (tmp_path / "m.yaml").write_text(BASE + added)
    with pytest.raises(RevopsError) as raised:
        read_mapping(str(tmp_path / "m.yaml"))
    assert str(raised.value).startswith(f"{tmp_path / 'm.yaml'} line ")
    assert said in str(raised.value)


def test_all_mistakes_are_named_at_once(tmp_path: Path) -> None:
    text = BASE.replace("made: timestamp", "made: {type: timestamp, format: DD.MM.YYYY}").replace(
        "sum: money", "sum: cash"
    )
    (tmp_path / "m.yaml").write_text(text)
    with pytest.raises(
        RevopsError, match=r"line 7: files.d.fields.made.*line 8: files.d.fields.sum: 'cash' is no type"
    ):
        read_mapping(str(tmp_path / "m.yaml"))


def test_several_mappings_are_one_export(clean: Settings, tmp_path: Path, source: Query) -> None:
    (tmp_path / "d.csv").write_text("id,made,sum\n1,2024-03-01,5\n")
    (tmp_path / "e.csv").write_text("id,who\n1,kim\n2,lou\n")
    (tmp_path / "m.yaml").write_text(BASE + "      created_at: made\n      amount: sum\n")
    (tmp_path / "n.yaml").write_text("name: n\nfiles: {e: {path: e.csv, fields: {id: id, who: id}}}\n"
                                     "tables: {opportunities: {from: e, columns: {opportunity_id: id, owner_id: who}}}\n")  # fmt: skip
    results: list[Any] = load_all(clean, tmp_path, choose_mappings(tmp_path, ["m.yaml", "n.yaml"]), "a")
    assert [result.unread for result in results] == [[], []]
    assert source("select opportunity_id, amount, owner_id from crm.opportunities order by 1") == [
        ("1", 5, "kim"),
        ("2", None, "lou"),
    ]
    (tmp_path / "e.csv").write_text("id,who\n1,\n")
    (tmp_path / "d.csv").write_text("id,made,sum\n1,2024-03-01,6\n")
    with pytest.raises(RevopsError, match=r"e\.csv"):
        load_all(clean, tmp_path, choose_mappings(tmp_path, ["m.yaml", "n.yaml"]), "a")
    assert source("select amount from crm.opportunities where opportunity_id = '1'") == [(5,)]  # nothing of either
