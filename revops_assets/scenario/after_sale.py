"""What happens after a deal is won: orders, subscriptions and their changes, use, tickets; and what it costs."""

from __future__ import annotations

import random
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from revops_assets.scenario.calendar import quarters_before
from revops_assets.scenario.export import Export, stamp
from revops_assets.scenario.model import WON, Deal, Plan

FEATURES = ["dashboards", "alerts", "exports", "forecast", "api"]


def after_sale(export: Export, plan: Plan, deal: Deal) -> None:
    """Everything that follows a won deal, up to the export's end."""
    won = [change.at for change in deal.changes if change.field == "StageName" and change.value == WON]
    if not won or won[0] >= export.until:
        return
    rng = random.Random(f"{plan.seed}/after/{deal.id}")
    signed = won[0]
    amount = float(deal.state(export.until).get("Amount") or 12_000)
    completed = signed + timedelta(days=rng.uniform(0.2, 9))
    is_completed = completed < export.until
    product = f"01t{rng.randint(1, 3):04d}"
    export.put(
        "Order",
        completed if is_completed else signed,
        Id=f"801{deal.id[3:]}",
        AccountId=deal.account.id,
        OpportunityId=deal.id,
        Product2Id=product,
        Channel__c=rng.choice(["direct", "partner", "online"]),
        Status="Completed" if is_completed else "Open",
        TotalAmount=f"{amount:.2f}",
        EffectiveDate=stamp(signed),
        CompletedDate__c=stamp(completed) if is_completed else None,
    )
    mrr, at, number = round(amount / 12, 2), completed, 0
    subscription = f"a01{deal.id[3:]}"
    modified, ended = completed, None
    kind, delta = "new", mrr
    while at < export.until:
        export.put(
            "SubscriptionChange__c",
            at,
            Id=f"a02{deal.id[3:]}{number:02d}",
            Subscription__c=subscription,
            Type__c=kind,
            MrrDelta__c=f"{delta:.2f}",
            CreatedDate=stamp(at),
        )
        modified = at
        if kind == "churn":
            ended = at
            break
        number, at = number + 1, at + timedelta(days=rng.uniform(50, 160))
        kind = rng.choices(["upgrade", "expansion", "downgrade", "churn"], weights=[30, 35, 20, 15])[0]
        share = {"upgrade": 0.2, "expansion": 0.12, "downgrade": -0.15, "churn": -1.0}[kind]
        delta = round(mrr * share, 2)
        mrr = round(mrr + delta, 2) if at < export.until else mrr
    export.put(
        "Subscription__c",
        modified,
        Id=subscription,
        AccountId__c=deal.account.id,
        Product__c=product,
        Status__c="ended" if ended else "active",
        Mrr__c=f"{mrr:.2f}",
        StartDate__c=stamp(completed),
        EndDate__c=stamp(ended) if ended else None,
    )
    _use(export, plan, deal, completed, ended)


def _use(export: Export, plan: Plan, deal: Deal, start: datetime, ended: datetime | None) -> None:
    """Use of the product and tickets about it; each from a random source of its own, so that a cut changes neither."""
    rng = random.Random(f"{plan.seed}/use/{deal.id}")
    end = min(ended or export.until, export.until)
    at, number = start, 0
    while (at := at + timedelta(days=rng.expovariate(1 / 6))) < end:
        user = rng.choice(deal.account.contacts).id
        export.put(
            "UserEvent__c",
            at,
            Id=f"a03{deal.id[3:]}{number:04d}",
            AccountId__c=deal.account.id,
            User__c=user,
            Feature__c=rng.choice(FEATURES),
            OccurredAt__c=stamp(at),
        )
        number += 1
    rng = random.Random(f"{plan.seed}/tickets/{deal.id}")
    at, number = start, 0
    while (at := at + timedelta(days=rng.expovariate(1 / 45))) < end:
        resolved = at + timedelta(hours=rng.lognormvariate(2.6, 0.9))
        is_done = resolved < export.until
        export.put(
            "Case",
            resolved if is_done else at,
            Id=f"500{deal.id[3:]}{number:03d}",
            AccountId=deal.account.id,
            Status="Closed" if is_done else "Open",
            Priority=rng.choice(["Low", "Medium", "High"]),
            CreatedDate=stamp(at),
            ClosedDate=stamp(resolved) if is_done else None,
        )
        number += 1


def infra_costs(export: Export, plan: Plan) -> None:
    """A day's bill per provider and service."""
    zone = ZoneInfo(plan.timezone)
    day = quarters_before(plan.end_date, plan.quarters - 1)
    while (at := datetime.combine(day, time(23, 0), zone)) < export.until:
        for provider, service, base in (("aws", "compute", 900), ("aws", "storage", 220), ("gcp", "bigquery", 340)):
            rng = random.Random(f"{plan.seed}/cost/{provider}/{service}/{day}")
            amount = base * plan.deals / 500 * rng.uniform(0.9, 1.1)
            export.put(
                "InfraCost__c",
                at,
                Id=f"a04{provider}{service}{day:%Y%m%d}",
                Provider__c=provider,
                Service__c=service,
                Amount__c=f"{amount:.2f}",
                Date__c=stamp(at),
            )
        day += timedelta(days=1)
