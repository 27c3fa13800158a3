"""The generated company as a Salesforce-style export: a file per object, a JSON object a line, field history beside.

Streamed deal by deal. `until` undoes everything from that instant on; `since` leaves out what an earlier export held.
"""

from __future__ import annotations

import random
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import TextIO
from zoneinfo import ZoneInfo

from revops_assets.scenario.after_sale import after_sale, infra_costs
from revops_assets.scenario.calendar import quarters_after, quarters_before
from revops_assets.scenario.calls import Calls
from revops_assets.scenario.company import deals, other_leads, quota_of, target_of
from revops_assets.scenario.export import OBJECTS, Export, stamp
from revops_assets.scenario.model import LOST, MANAGERS, REPS, STAGES, WON, Account, Deal, Lead, Plan

PRODUCTS = [("Platform", 60_000), ("Analytics", 24_000), ("Support Plus", 9_000)]


def write(out: Path, plan: Plan, until: datetime, since: datetime | None = None) -> dict[str, int]:
    """Write the export; returns rows per object."""
    out.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        files: dict[str, TextIO] = {
            kind: stack.enter_context((out / f"{kind}.json").open("w", encoding="utf-8")) for kind in OBJECTS
        }
        export = Export(out, files, since, until)
        _company(export, plan)
        calls = Calls(plan)
        for deal in deals(plan):
            _deal(export, deal)
            after_sale(export, plan, deal)
            calls.see(deal)
        _forecast_calls(export, calls)
        for lead in other_leads(plan):
            _lead(export, lead)
        infra_costs(export, plan)
    return export.rows


def _company(export: Export, plan: Plan) -> None:
    """People, stages, benchmarks, products, quotas and targets: there from the first day on."""
    zone = ZoneInfo(plan.timezone)
    first = quarters_before(plan.end_date, plan.quarters - 1)
    start = datetime(first.year, first.month, first.day, tzinfo=zone) - timedelta(days=30)
    for rep in [*MANAGERS, *REPS]:
        hired = plan.end_date - timedelta(days=rep.tenure_days)
        export.put(
            "User",
            start,
            Id=rep.id,
            Name=rep.name,
            Email=rep.email,
            Title=rep.role,
            IsActive=True,
            ManagerId=rep.manager_id,
            Region__c=rep.region,
            Segment__c=rep.segment,
            HireDate__c=str(hired),
        )
    for order, stage in enumerate(STAGES, 1):
        export.put(
            "OpportunityStage",
            start,
            Id=f"01J{order:04d}",
            MasterLabel=stage.name,
            SortOrder=order,
            DefaultProbability=stage.probability,
            IsClosed=False,
            IsWon=False,
        )
        export.put(
            "StageBenchmark__c",
            start,
            Id=f"a00{order:04d}",
            Stage__c=stage.name,
            ExpectedDays__c=stage.expected_days,
            MaxDays__c=stage.max_days,
            HistoricalConversion__c=stage.conversion,
        )
    for order, name in ((len(STAGES) + 1, WON), (len(STAGES) + 2, LOST)):
        export.put(
            "OpportunityStage",
            start,
            Id=f"01J{order:04d}",
            MasterLabel=name,
            SortOrder=order,
            DefaultProbability=100 if name == WON else 0,
            IsClosed=True,
            IsWon=name == WON,
        )
    for number, (name, price) in enumerate(PRODUCTS, 1):
        export.put("Product2", start, Id=f"01t{number:04d}", Name=name, Family="Software", ListPrice__c=price)
    quarter = first
    for _ in range(plan.quarters + 1):
        end = quarters_after(quarter) - timedelta(days=1)
        target = target_of(plan, quarter)
        for rep in REPS:
            amount = quota_of(plan, rep, quarter)
            export.put(
                "ForecastingQuota",
                start,
                Id=f"0J9{quarter:%Y%m}{rep.id[3:]}",
                QuotaOwnerId=rep.id,
                StartDate=str(quarter),
                EndDate__c=str(end),
                QuotaAmount=f"{amount:.2f}",
            )
        export.put(
            "ForecastingQuota",
            start,
            Id=f"0J9{quarter:%Y%m}ALL",
            QuotaOwnerId=None,
            StartDate=str(quarter),
            EndDate__c=str(end),
            QuotaAmount=f"{target:.2f}",
        )
        quarter = quarters_after(quarter)


def _forecast_calls(export: Export, calls: Calls) -> None:
    """Adjustments of the commit forecast as they were saved, time after time."""
    for call in calls:
        saved = {
            "StartDate": str(call.quarter),
            "ForecastingItemCategory": "CommitForecast",
            "ForecastCategoryName": None,
            "IsAmount": True,
            "IsQuantity": False,
            "CurrencyIsoCode": "USD",
            "LastModifiedById": call.by,
            "IsDeleted": call.amount is None,
        }
        name = f"{call.quarter:%Y%m}{call.rep_id[3:]}"
        amount = None if call.amount is None else f"{call.amount:.2f}"
        if call.by == call.rep_id:
            own = {"Id": f"0J8{name}", "ForecastOwnerId": call.rep_id, "OwnerAdjustedAmount": amount}
            export.put("ForecastingOwnerAdjustment", call.at, **own, **saved)
        else:
            other = {"Id": f"0J7{name}", "OwnerId": call.rep_id, "AdjustedAmount": amount}
            export.put("ForecastingAdjustment", call.at, **other, **saved)


def _deal(export: Export, deal: Deal) -> None:
    _account(export, deal.account, deal.created_at)
    if deal.lead:
        _lead(export, deal.lead)
    if deal.created_at >= export.until:
        return
    state = deal.state(export.until)
    past = [change for change in deal.changes if change.at < export.until]
    modified = max([deal.created_at, *(change.at for change in past)])
    is_deleted = deal.deleted_at is not None and deal.deleted_at < export.until
    closed_at = deal.closed_at(export.until)
    if deal.deleted_at and is_deleted:
        modified = max(modified, deal.deleted_at)
    export.put(
        "Opportunity",
        modified,
        Id=deal.id,
        Name=deal.name,
        AccountId=deal.account.id,
        **state,
        CreatedDate=stamp(deal.created_at),
        ClosedDate__c=stamp(closed_at) if closed_at else None,
        IsClosed=closed_at is not None,
        IsWon=state["StageName"] == WON,
        LeadSource=deal.lead_source,
        CurrencyIsoCode="USD",
        LossReason__c="No decision" if state["StageName"] == LOST else None,
        IsDeleted=is_deleted,
        MasterRecordId=deal.merged_into if is_deleted else None,
        Competitor__c=deal.competitor[0] if deal.competitor else None,
        CompetitorStatus__c=deal.competitor[1] if deal.competitor else None,
    )
    before: dict[str, str | None] = {}
    for number, change in enumerate(past):
        if change.at > deal.created_at and before.get(change.field) != change.value:
            export.put(
                "OpportunityFieldHistory",
                change.at,
                Id=f"017{deal.id[3:]}{number:03d}",
                OpportunityId=deal.id,
                Field=change.field,
                DataType="Text" if change.field != "OwnerId" else "EntityId",
                OldValue=before.get(change.field),
                NewValue=change.value,
                CreatedDate=stamp(change.at),
                CreatedById=change.by,
            )
        before[change.field] = change.value
    for role in deal.roles:
        export.put(
            "OpportunityContactRole",
            role.since,
            Id=role.id,
            OpportunityId=deal.id,
            ContactId=role.contact_id,
            Role=role.role,
            IsPrimary=role.role == "Champion",
            CreatedDate=stamp(role.since),
        )
    for activity in deal.activities:
        if activity.at < export.until:  # a late one is told by the first delta after it arrived, or by a full export
            modified = activity.arrives_at if export.since else activity.at
            export.put(
                "Task",
                modified,
                Id=activity.id,
                TaskSubtype=activity.kind,
                Subject=activity.subject,
                WhatId=deal.id,
                WhoId=activity.contact_id,
                OwnerId=activity.rep_id,
                ActivityDateTime=stamp(activity.at),
                Status="Completed" if activity.is_done else "Open",
                IsAnswered__c=activity.is_answered,
            )


def _account(export: Export, account: Account, first_deal: datetime) -> None:
    export.put(
        "Account",
        account.created_at,
        Id=account.id,
        Name=account.name,
        Industry=account.industry,
        Segment__c=account.segment,
        Region__c=account.region,
        NumberOfEmployees=account.employees,
        OwnerId=account.owner_id,
        CreatedDate=stamp(account.created_at),
    )
    for contact in account.contacts:
        email = contact.name.lower().replace(" ", ".") + f"@{account.name.split()[0].lower()}.example"
        export.put(
            "Contact",
            contact.created_at,
            Id=contact.id,
            AccountId=account.id,
            Name=contact.name,
            Email=email,
            Title=contact.title,
            CreatedDate=stamp(contact.created_at),
        )
    rng = random.Random(f"touch/{account.id}")
    for number in range(rng.randrange(4)):
        at = first_deal - timedelta(days=rng.uniform(0.5, 60))
        export.put(
            "CampaignMember",
            at,
            Id=f"00v{account.id[3:]}{number}",
            ContactId=account.contacts[0].id,
            Channel__c=rng.choice(["web", "email", "webinar"]),
            Type__c=rng.choice(["visit", "download", "signup"]),
            CreatedDate=stamp(at),
        )


def _lead(export: Export, lead: Lead) -> None:
    past = [(at, status) for at, status in lead.statuses if at < export.until]
    if not past:
        return
    when = {status: at for at, status in reversed(past)}
    converted = when.get("Converted")
    export.put(
        "Lead",
        past[-1][0],
        Id=lead.id,
        Name=lead.name,
        Company=lead.company,
        LeadSource=lead.source,
        Status=past[-1][1],
        OwnerId=lead.owner_id,
        CreatedDate=stamp(lead.created_at),
        QualifiedDate__c=stamp(when["Qualified"]) if "Qualified" in when else None,
        ConvertedDate=stamp(converted) if converted else None,
        ConvertedOpportunityId=lead.opportunity_id if converted else None,
    )
    for number, (at, status) in enumerate(past[1:], 1):
        export.put(
            "LeadHistory",
            at,
            Id=f"018{lead.id[3:]}{number}",
            LeadId=lead.id,
            Field="Status",
            OldValue=past[number - 1][1],
            NewValue=status,
            CreatedDate=stamp(at),
            CreatedById=lead.owner_id,
        )
