"""The handful of deals that carry the story, told relative to the plan's end date; only events, no verdicts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from revops_assets.scenario.model import REPS, STAGE_INDEX, STAGES, Activity, Change, Contact, Deal, Plan, Role

CONTACT_ROLES = ["Champion", "Economic Buyer", "Technical Evaluator", "Influencer", "User"]


@dataclass(frozen=True)
class Named:
    """A named deal. `stages`: stage and how many days ago it was entered; `touches`: days ago and which contact held a
    two-way talk; `close_in`: days from the end date to the close date; `roles`: how many contacts have one."""

    company: str
    what: str
    rep: int
    amount: int
    stages: tuple[tuple[str, int], ...]
    close_in: int
    roles: int
    touches: tuple[tuple[int, int], ...]
    competitor: tuple[str, str] | None = None


NAMED = [
    # A committed seven-figure deal whose champion went quiet.
    Named(
        "Northwind Global",
        "Platform",
        4,
        1_450_000,
        (
            ("Prospecting", 118),
            ("Discovery", 110),
            ("Solution Design", 95),
            ("Proposal", 62),
            ("Negotiation", 44),
            ("Verbal Commit", 16),
        ),
        24,
        2,
        ((90, 0), (70, 0), (61, 1), (48, 0), (33, 0), (26, 0)),
    ),
    # A healthy expansion.
    Named(
        "Meridian Health",
        "Expansion",
        0,
        420_000,
        (("Prospecting", 40), ("Discovery", 34), ("Solution Design", 21), ("Proposal", 5)),
        36,
        5,
        ((30, 0), (20, 1), (12, 2), (6, 3), (4, 4), (2, 1), (1, 0)),
    ),
    # A proposal with a competitor at the table.
    Named(
        "Kestrel Logistics",
        "Suite",
        2,
        260_000,
        (("Prospecting", 52), ("Discovery", 44), ("Solution Design", 30), ("Proposal", 8)),
        30,
        2,
        ((38, 0), (22, 0), (9, 1), (3, 0)),
        ("Corvid Systems", "active"),
    ),
    # One deal a signature away.
    Named(
        "Orion Retail",
        "Rollout",
        8,
        380_000,
        (
            ("Prospecting", 84),
            ("Discovery", 77),
            ("Solution Design", 62),
            ("Proposal", 40),
            ("Negotiation", 30),
            ("Verbal Commit", 16),
            ("Legal Review", 12),
            ("Security Review", 6),
            ("Procurement", 3),
        ),
        4,
        4,
        ((60, 0), (41, 1), (25, 2), (13, 1), (7, 3), (2, 1), (1, 0)),
    ),
    # One stuck for 45 days.
    Named(
        "Halcyon Finance",
        "Platform",
        1,
        610_000,
        (
            ("Prospecting", 150),
            ("Discovery", 140),
            ("Solution Design", 120),
            ("Proposal", 90),
            ("Negotiation", 75),
            ("Verbal Commit", 52),
            ("Legal Review", 45),
        ),
        14,
        2,
        ((120, 0), (88, 1), (60, 0), (46, 0), (19, 0)),
    ),
]


def named_deals(plan: Plan, drafts: list[Deal]) -> dict[int, Deal]:
    """The named deals, each in the place of a draft of its rep that was created about as long ago."""
    found: dict[int, Deal] = {}
    for named in NAMED:
        created = _at(plan, named.stages[0][1])
        own = [index for index, deal in enumerate(drafts) if index % len(REPS) == named.rep and index not in found]
        index = min(own, key=lambda index: abs(drafts[index].created_at - created))
        found[index] = _told(plan, named, drafts[index])
    return found


def _at(plan: Plan, days_ago: int, hour: int = 10) -> datetime:
    day = plan.end_date - timedelta(days=days_ago)
    while day.weekday() >= 5:  # nobody works on a weekend
        day -= timedelta(days=1)
    return datetime.combine(day, time(hour), ZoneInfo(plan.timezone))


def _told(plan: Plan, named: Named, draft: Deal) -> Deal:
    rep = REPS[named.rep].id
    account = draft.account
    account.name = named.company
    account.created_at = min(account.created_at, _at(plan, named.stages[0][1]) - timedelta(days=20))
    while len(account.contacts) < 5:
        n = len(account.contacts)
        account.contacts.append(
            Contact(f"003{account.id[3:]}x{n}", f"Extra Contact {n}", "Manager", account.created_at)
        )
    created = _at(plan, named.stages[0][1])
    changes = [
        Change(created, "Amount", f"{named.amount:.2f}", rep),
        Change(created, "CloseDate", str(plan.end_date + timedelta(days=named.close_in)), rep),
        Change(created, "OwnerId", rep, rep),
        Change(created, "NextStep", "Intro call", rep),
        Change(created, "Discount__c", "0", rep),
    ]
    for name, days_ago in named.stages:
        at, stage = _at(plan, days_ago), STAGES[STAGE_INDEX[name]]
        changes.append(Change(at, "StageName", name, rep))
        changes.append(Change(at, "ForecastCategoryName", stage.category, rep))
        changes.append(Change(at, "Probability", str(stage.probability), rep))
    deal = Deal(
        draft.id,
        f"{named.company} {named.what}",
        account,
        "Referral",
        named.competitor,
        created,
        sorted(changes, key=lambda change: change.at),
    )
    deal.roles = [
        Role(f"00K{deal.id[3:]}{n}", account.contacts[n].id, CONTACT_ROLES[n], created + timedelta(days=2 * n + 1))
        for n in range(named.roles)
    ]
    for n, (days_ago, contact) in enumerate(named.touches):
        at = _at(plan, days_ago, 14)
        deal.activities.append(
            Activity(
                f"00T{deal.id[3:]}{n:03d}",
                at,
                "call" if n % 2 else "meeting",
                f"Talk with {named.company}",
                rep,
                account.contacts[contact].id,
                True,
                True,
                at,
            )
        )
    return deal
