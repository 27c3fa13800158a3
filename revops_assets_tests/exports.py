"""Small exports as CRMs write them, for tests: each object's records become a file of a folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Record = dict[str, Any]


def write(folder: Path, **objects: list[Record] | str) -> Path:
    """A folder with a file per object: a list of records as a JSON array, a text as it stands (as CSV)."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in objects.items():
        if isinstance(content, str):
            (folder / f"{name}.csv").write_text(content, encoding="utf-8")
        else:
            (folder / f"{name}.json").write_text(json.dumps(content, indent=1), encoding="utf-8")
    return folder


def at(day: str, time: str = "09:00") -> str:
    """An instant of 2024 as Salesforce writes it."""
    return f"2024-{day}T{time}:00.000+0000"


def opportunity(name: str, stage: str = "Scoping", **more: Any) -> Record:
    """An open deal of 2,500, created on 4 March."""
    return {
        "Id": name, "Name": f"Deal {name}", "OwnerId": "rep-1", "StageName": stage, "Amount": 2500, "CloseDate": "2024-03-28",
        "CreatedDate": at("03-04"), "IsClosed": False, "IsWon": False, "IsDeleted": False, "SystemModstamp": at("03-04"),
    } | more  # fmt: skip


def won(name: str, day: str = "03-20", stage: str = "Signed", **more: Any) -> Record:
    """The same, won on a day of March."""
    return opportunity(name, stage, IsClosed=True, IsWon=True, CloseDate=f"2024-{day}", SystemModstamp=at(day)) | more


def change(deal: str, day: str, old: Any, new: Any, field: str = "StageName", **more: Any) -> Record:
    """A row of OpportunityFieldHistory."""
    return {
        "Id": f"{deal}/{field}/{day}/{new}", "OpportunityId": deal, "Field": field, "OldValue": old, "NewValue": new,
        "CreatedDate": at(day),
    } | more  # fmt: skip


def stage(name: str, order: int, outcome: str = "open", **more: Any) -> Record:
    """A row of OpportunityStage."""
    return {
        "Id": f"stage-{order}", "ApiName": name, "MasterLabel": name, "SortOrder": order, "IsClosed": outcome != "open",
        "IsWon": outcome == "won", "SystemModstamp": "2023-12-01T00:00:00.000+0000",
    } | more  # fmt: skip


STAGES = [stage("Scoping", 1), stage("Offer", 2), stage("Signed", 8, "won"), stage("Dropped", 9, "lost")]
USERS = [
    {"Id": "rep-1", "Name": "Ida Brandt", "SystemModstamp": "2023-12-01T00:00:00.000+0000"},
    {"Id": "rep-2", "Name": "Omar Klein", "SystemModstamp": "2023-12-01T00:00:00.000+0000"},
]


def pipedrive(folder: Path, **lines: list[str]) -> Path:
    """A Pipedrive export: the lines of each file under its header."""
    headers = {
        "activity": "activity_id,type,assigned_to_user,deal_id,done,due_to",
        "activity_types": "id,name,active,type",
        "deal_changes": "deal_id,change_time,changed_field_key,new_value",
        "stages": "stage_id,stage_name",
        "users": "id,name,email,modified",
    }
    content = {"activity_types": ["1,Call,Yes,call"], "stages": ["1,In", "2,Out"]} | lines
    texts = {name: "\n".join([header, *content.get(name, [])]) + "\n" for name, header in headers.items()}
    texts |= {name: "\n".join(rows) + "\n" for name, rows in content.items() if name not in headers}
    if "activity_types" in lines and lines["activity_types"][0].startswith("id,"):
        texts["activity_types"] = "\n".join(lines["activity_types"]) + "\n"
    return write(folder, **texts)
