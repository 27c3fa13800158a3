"""An export being written: its open files, the instants it covers, its counts."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

OBJECTS = [
    "User",
    "ForecastingQuota",
    "ForecastingOwnerAdjustment",
    "ForecastingAdjustment",
    "OpportunityStage",
    "StageBenchmark__c",
    "Product2",
    "Account",
    "Contact",
    "Lead",
    "LeadHistory",
    "Opportunity",
    "OpportunityFieldHistory",
    "OpportunityContactRole",
    "Task",
    "CampaignMember",
    "Order",
    "Subscription__c",
    "SubscriptionChange__c",
    "UserEvent__c",
    "Case",
    "InfraCost__c",
]


def stamp(at: datetime) -> str:
    """An instant as Salesforce writes it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")


class Export:
    """The open files of one export, the instants it covers, and its counts."""

    def __init__(self, out: Path, files: dict[str, TextIO], since: datetime | None, until: datetime) -> None:
        self.out, self.files, self.since, self.until = out, files, since, until
        self.rows = dict.fromkeys(OBJECTS, 0)

    def put(self, kind: str, modified: datetime, **fields: Any) -> None:
        """Write a record if it was last modified within the export's instants."""
        if modified >= self.until or (self.since and modified < self.since):
            return
        record = {"attributes": {"type": kind}, **fields, "SystemModstamp": stamp(modified)}
        self.files[kind].write(json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n")
        self.rows[kind] += 1
