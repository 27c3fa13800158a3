"""The generated company: deals with everything that happens around them, one after the other, from (plan, number).

Every deal draws from a random source of its own, so size, order and cut change nothing in the others, and memory is
bounded by a slice of SLICE deals. What patterns there are (a rep's habits, a slow stage) act on events; nothing that a
transform reads gives the answer away. Times are local working hours of the business time zone.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from revops_assets.scenario.calendar import day_end, quarter_start, quarters_after, quarters_before, work_time
from revops_assets.scenario.model import (
    LOST,
    REPS,
    STAGES,
    WON,
    Account,
    Activity,
    Change,
    Contact,
    Deal,
    Lead,
    Plan,
    Rep,
    Role,
)
from revops_assets.scenario.story import named_deals

SLICE = 500
HORIZON_DAYS = 28  # the future that `next-day` tells
TARGET = 13_000_000  # of the current quarter, for a slice
TARGET_GROWTH = 1.04  # from quarter to quarter
QUOTA_WEIGHTS = {"Enterprise": 4.0, "Mid-Market": 2.0, "SMB": 0.8}
MERGED_SHARE = 0.008
CLOSED_SHARE = 0.63  # of the target, half-way through the quarter

FIRST = [
    "Ada",
    "Bela",
    "Carla",
    "Dmitri",
    "Emeka",
    "Farah",
    "Goran",
    "Hana",
    "Ines",
    "Jonas",
    "Kemal",
    "Lina",
    "Milan",
    "Nora",
]
LAST = ["Abe", "Brand", "Costa", "Dietz", "Eriks", "Fonse", "Gruber", "Haddad", "Ivan", "Jansen", "Kovac", "Lund"]
ENDINGS = ["tec", "works", "soft", "line", "mark"]
TITLES = [
    "CFO",
    "VP Operations",
    "Head of IT",
    "Procurement Lead",
    "Director RevOps",
    "Data Engineer",
    "General Counsel",
]
ROLES = ["Champion", "Economic Buyer", "Technical Evaluator", "Influencer", "User"]
INDUSTRIES = ["Manufacturing", "Retail", "Healthcare", "Logistics", "Software", "Finance"]
SOURCES = ["Web", "Referral", "Event", "Outbound", "Partner"]
COMPETITORS = ["Acmesoft", "Bluebird", "Corvid Systems"]
SIZES = {"Enterprise": (320_000, 0.55), "Mid-Market": (110_000, 0.5), "SMB": (34_000, 0.45)}


def target_of(plan: Plan, quarter: date) -> float:
    """What the company is to sell in a quarter, given by its first day."""
    now = quarter_start(plan.end_date)
    ahead = ((quarter.year - now.year) * 12 + quarter.month - now.month) // 3
    return TARGET * (plan.deals / 500) * TARGET_GROWTH**ahead


def quota_of(plan: Plan, rep: Rep, quarter: date) -> float:
    """The rep's share of it, with something on top."""
    total = sum(QUOTA_WEIGHTS[other.segment or "SMB"] for other in REPS)
    return target_of(plan, quarter) * 1.08 * QUOTA_WEIGHTS[rep.segment or "SMB"] / total


def deals(plan: Plan) -> Iterator[Deal]:
    """Every deal of the company, its whole life up to the horizon."""
    for start in range(0, plan.deals, SLICE):
        numbers = range(start, min(start + SLICE, plan.deals))
        drafts = [_deal(plan, number) for number in numbers]
        named = named_deals(plan, drafts) if start == 0 and plan.deals >= SLICE else {}
        for index, deal in named.items():
            drafts[index] = deal
        scale, of_quarter = _scales(plan, drafts, set(named), len(numbers) / SLICE)
        for index, deal in enumerate(drafts):
            if index in named:
                yield deal
            else:
                yield _scaled(deal, of_quarter.get(_won_in(plan, deal), scale))


def _scales(plan: Plan, drafts: list[Deal], named: set[int], share: float) -> tuple[float, dict[date | None, float]]:
    """What amounts are multiplied with: in general, and those of deals that a quarter won.

    Every quarter sells about its target, the current one as much of it as the time passed lets expect.
    """
    start = quarter_start(plan.end_date)
    passed = ((plan.end_date - start).days + 1) / (quarters_after(start) - start).days
    rng = random.Random(f"{plan.seed}/{plan.end_date}/quarters")
    won: dict[date | None, dict[bool, float]] = {}
    for index, deal in enumerate(drafts):
        amount = deal.state(day_end(plan, plan.end_date)).get("Amount")
        won.setdefault(_won_in(plan, deal), {True: 0.0, False: 0.0})[index in named] += float(amount or 0)
    wanted = {}
    for number in range(plan.quarters):
        quarter = quarters_before(plan.end_date, plan.quarters - 1 - number)
        reached = rng.uniform(0.88, 1.06)
        if quarter == start:
            reached = min(1.0, CLOSED_SHARE * passed * 2)
        if won.get(quarter, {}).get(False):
            target = TARGET * share * TARGET_GROWTH ** (number - plan.quarters + 1)
            wanted[quarter] = (target * reached - won[quarter][True], won[quarter][False])
    if not wanted:
        return 1.0, {}
    scale = sum(amount for amount, _ in wanted.values()) / sum(amount for _, amount in wanted.values())
    return scale, {quarter: amount / sold for quarter, (amount, sold) in wanted.items()}


def _won_in(plan: Plan, deal: Deal) -> date | None:
    """First day of the quarter in which the deal was won by the end date."""
    state = deal.state(day_end(plan, plan.end_date))
    if state.get("StageName") != WON or not state["CloseDate"] or deal.deleted_at:
        return None
    return quarter_start(date.fromisoformat(state["CloseDate"]))


def _scaled(deal: Deal, scale: float) -> Deal:
    def changed(change: Change) -> Change:
        if change.field != "Amount" or change.value is None:
            return change
        return replace(change, value=f"{max(5_000, round(float(change.value) * scale, -2)):.2f}")

    deal.changes = [changed(change) for change in deal.changes]
    return deal


def _deal(plan: Plan, number: int) -> Deal:
    rng = random.Random(f"{plan.seed}/{plan.end_date}/{number}")
    zone = ZoneInfo(plan.timezone)
    first = quarters_before(plan.end_date, plan.quarters)  # the first quarter with a target begins with a pipeline
    days = (plan.end_date - first).days + HORIZON_DAYS
    rep = REPS[number % len(REPS)]
    # Every slice spans the whole time: what the company sells in a quarter grows with its size.
    place, size = number % SLICE, min(SLICE, plan.deals - number // SLICE * SLICE)
    created = work_time(
        rng, zone, datetime.combine(first, time(), zone) + timedelta(days=days * (place + rng.random()) / size)
    )
    if created >= day_end(
        plan, plan.end_date + timedelta(days=HORIZON_DAYS)
    ):  # where that is a weekend: the Monday after
        created -= timedelta(days=7)
    account = _account(rng, number, rep, created)
    median, spread = SIZES[rep.segment or "SMB"]
    amount = None if rng.random() < 0.02 else median * rng.lognormvariate(0, spread)
    is_late_life = plan.end_date - created.date() < timedelta(days=180)
    threads = max(
        1,
        min(
            len(account.contacts), round(rng.gauss(rep.threads + (1.8 if rep.turnaround and is_late_life else 0), 0.9))
        ),
    )
    bias = rep.win_bias + (0.15 if rep.turnaround and is_late_life else 0)
    deal = Deal(
        id=f"006{number:09d}",
        name=f"{account.name} {rng.choice(['Platform', 'Expansion', 'Rollout', 'Pilot', 'Suite'])}",
        account=account,
        lead_source=None if rng.random() < 0.04 else rng.choice(SOURCES),
        competitor=(rng.choice(COMPETITORS), rng.choice(["named", "active"])) if rng.random() < 0.25 else None,
        created_at=created,
        changes=[],
    )
    if deal.competitor and deal.competitor[1] == "active":
        bias -= 0.12
    is_won = rng.random() < max(0.04, min(0.9, 0.10 + 0.085 * threads + bias))
    _live(rng, plan, deal, rep, amount, is_won)
    deal.roles = _roles(rng, deal, threads)
    deal.activities = _activities(rng, plan, deal, rep, threads)
    deal.lead = _lead(rng, deal, rep, number) if rng.random() < 0.6 else None
    if rng.random() < 0.006 and not is_won:
        deal.deleted_at = deal.changes[-1].at + timedelta(days=rng.uniform(1, 20))
    if number >= len(REPS):
        _merge(random.Random(f"{plan.seed}/{plan.end_date}/merge/{number}"), deal, f"006{number - len(REPS):09d}")
    return deal


def _merge(rng: random.Random, deal: Deal, survivor: str) -> None:
    """A few deals turn out to be entered twice; nothing happens to them after they were merged into the other one."""
    at = deal.created_at + timedelta(days=rng.uniform(3, 30))
    if rng.random() < MERGED_SHARE and deal.closed_at(at) is None:
        deal.deleted_at, deal.merged_into = at, survivor
        deal.changes = [change for change in deal.changes if change.at < at]
        deal.activities = [activity for activity in deal.activities if activity.at < at]
        deal.roles = [role for role in deal.roles if role.since < at]


def _account(rng: random.Random, number: int, rep: Rep, created: datetime) -> Account:
    name = f"{rng.choice(LAST)}{rng.choice(ENDINGS)} {rng.choice(['AG', 'Inc', 'Ltd', 'SA'])}"
    account = Account(
        f"001{number:09d}",
        name,
        rng.choice(INDUSTRIES),
        rep.segment or "SMB",
        rep.region,
        int(20 * 2 ** rng.uniform(0, 9)),
        rep.id,
        created - timedelta(days=rng.uniform(1, 400)),
    )
    account.contacts = [
        Contact(
            f"003{number:08d}{n}",
            f"{rng.choice(FIRST)} {rng.choice(LAST)}",
            rng.choice(TITLES),
            account.created_at + timedelta(hours=n + 1),
        )
        for n in range(rng.randint(3, 7))
    ]
    return account


def _live(rng: random.Random, plan: Plan, deal: Deal, rep: Rep, amount: float | None, is_won: bool) -> None:
    """Write the deal's changes from creation to its end or the horizon."""
    zone, horizon = ZoneInfo(plan.timezone), day_end(plan, plan.end_date + timedelta(days=HORIZON_DAYS))
    at, by = deal.created_at, rep.id
    owner: str | None = None if rng.random() < 0.015 else rep.id
    close = (at + timedelta(days=rng.uniform(60, 130))).date()
    changes: list[Change] = []

    def note(when: datetime, field: str, value: str | None) -> None:
        changes.append(Change(when, field, value, by))

    note(at, "StageName", STAGES[0].name)
    note(at, "ForecastCategoryName", STAGES[0].category)
    note(at, "Probability", str(STAGES[0].probability))
    note(at, "Amount", None if amount is None else f"{amount:.2f}")
    note(at, "CloseDate", None if rng.random() < 0.02 else str(close))
    note(at, "OwnerId", owner)
    note(at, "NextStep", "Intro call")
    note(at, "Discount__c", "0")
    lost_in = None if is_won else _stage_of_loss(rng)
    has_gone_back = False
    stage = 0
    late = random.Random(f"{plan.seed}/{plan.end_date}/late/{deal.id}")
    while stage < len(STAGES):
        here = STAGES[stage]
        slow = 2.6 if rep.slow_stage == here.name else 2.4 if here.name == "Legal Review" else 1.0
        if lost_in == stage:  # what will be lost drags on
            slow *= 1.6
        stay = here.expected_days * slow * rep.pace * rng.lognormvariate(-0.045, 0.3)
        left = work_time(rng, zone, at + timedelta(days=stay))
        while close < left.date():  # the date passes, and is moved out
            pushed = work_time(rng, zone, datetime.combine(close, time(), zone))
            if late.random() < 0.7:  # most only notice days later
                pushed = min(pushed + timedelta(days=late.randint(2, 20)), left)
            close = (
                max(left.date(), close) + timedelta(days=rng.randint(7, 35))
                if rng.random() < 0.5
                else close + timedelta(days=21)
            )
            note(max(pushed, at), "CloseDate", str(close))
        if amount is not None and rng.random() < 0.12:
            amount *= rng.uniform(0.8, 1.15)
            note(at + (left - at) / 2, "Amount", f"{amount:.2f}")
        if owner and rng.random() < 0.012:
            owner = rng.choice([other for other in REPS if other.id != owner]).id
            note(at + (left - at) / 3, "OwnerId", owner)
        if here.name in ("Proposal", "Negotiation") and rng.random() < 0.3:
            note(at + (left - at) / 4, "Discount__c", str(rng.choice([5, 8, 10, 12, 15, 18, 22, 28])))
        at = max(left, at + timedelta(minutes=5))
        if lost_in == stage:
            _close(note, at, LOST)
            if rng.random() < 0.05:  # reopened, and lost again for good
                again = work_time(rng, zone, at + timedelta(days=rng.uniform(5, 25)))
                note(again, "StageName", here.name)
                note(again, "ForecastCategoryName", here.category)
                if rng.random() < 0.5:  # the others keep the day of the closing as their close date
                    note(again, "CloseDate", str(again.date() + timedelta(days=rng.randint(14, 45))))
                    note(again, "Probability", str(here.probability))
                _close(note, work_time(rng, zone, again + timedelta(days=rng.uniform(6, 30))), LOST)
            break
        if here.name == "Proposal" and not has_gone_back and rng.random() < 0.12:
            has_gone_back, stage = True, 1
        else:
            stage += 1
        if stage < len(STAGES):
            note(at, "StageName", STAGES[stage].name)
            note(at, "ForecastCategoryName", STAGES[stage].category)
            note(at, "Probability", str(STAGES[stage].probability))
            note(at, "NextStep", f"Prepare {STAGES[stage].name.lower()}")
    else:
        _close(note, at, WON)
    deal.changes = sorted((change for change in changes if change.at < horizon), key=lambda change: change.at)


def _close(note: object, at: datetime, outcome: str) -> None:
    """The changes of a closing: they come at one instant, the stage first."""
    assert callable(note)
    note(at, "StageName", outcome)
    note(at, "ForecastCategoryName", "Closed" if outcome == WON else "Omitted")
    note(at, "Probability", "100" if outcome == WON else "0")
    note(at, "CloseDate", str(at.date()))


def _stage_of_loss(rng: random.Random) -> int:
    return rng.choices(range(len(STAGES)), weights=[18, 22, 20, 20, 12, 3, 2, 1, 2])[0]


def _roles(rng: random.Random, deal: Deal, threads: int) -> list[Role]:
    """The first contacts engaged get roles; not every deal has a champion or an economic buyer."""
    found = []
    for n, contact in enumerate(deal.account.contacts[:threads]):
        if n < 2 and rng.random() < 0.18:
            continue
        since = deal.created_at + timedelta(days=n * rng.uniform(2, 9))
        found.append(Role(f"00K{deal.id[3:]}{n}", contact.id, ROLES[min(n, len(ROLES) - 1)], since))
    return found


def _activities(rng: random.Random, plan: Plan, deal: Deal, rep: Rep, threads: int) -> list[Activity]:
    """Touches at the rep's pace while the deal is open; a few arrive in the CRM days after they happened."""
    zone = ZoneInfo(plan.timezone)
    horizon = day_end(plan, plan.end_date + timedelta(days=HORIZON_DAYS))
    end = min(deal.changes[-1].at, horizon)
    if deal.state(horizon).get("StageName") == LOST and rng.random() < 0.65:  # and falls silent
        end = max(deal.created_at, min(end, deal.changes[-1].at - timedelta(days=rng.uniform(8, 24))))
    contacts = deal.account.contacts[:threads]
    found: list[Activity] = []
    at = deal.created_at
    while True:
        at = work_time(rng, zone, at + timedelta(days=rng.expovariate(rep.activity / 5.5) + 0.3))
        if at >= end:
            return found
        kind = rng.choices(["call", "email", "meeting", "demo", "task"], weights=[30, 40, 18, 5, 7])[0]
        is_late = rng.random() < 0.01
        found.append(
            Activity(
                id=f"00T{deal.id[3:]}{len(found):03d}",
                at=at,
                kind=kind,
                subject=f"{kind.capitalize()} with {deal.account.name}",
                rep_id=None if rng.random() < 0.02 else rep.id,
                contact_id=rng.choice(contacts).id if rng.random() < 0.95 else None,
                is_done=kind == "task" or rng.random() < 0.92,
                is_answered=rng.random() < 0.55,
                arrives_at=at + timedelta(days=rng.uniform(1, 6)) if is_late else at,
            )
        )


def _lead(rng: random.Random, deal: Deal, rep: Rep, number: int) -> Lead:
    """The lead that a deal came from."""
    created = deal.created_at - timedelta(days=rng.uniform(3, 40))
    qualified = created + (deal.created_at - created) * rng.uniform(0.3, 0.9)
    contact = deal.account.contacts[0]
    statuses = [
        (created, "New"),
        (created + (qualified - created) / 2, "Working"),
        (qualified, "Qualified"),
        (deal.created_at, "Converted"),
    ]
    return Lead(
        f"00Q{number:09d}", contact.name, deal.account.name, deal.lead_source, rep.id, created, statuses, deal.id
    )


def other_leads(plan: Plan) -> Iterator[Lead]:
    """Leads that came to nothing yet."""
    zone = ZoneInfo(plan.timezone)
    first = quarters_before(plan.end_date, plan.quarters - 1)
    days = (plan.end_date - first).days + HORIZON_DAYS
    for number in range(plan.deals):
        rng = random.Random(f"{plan.seed}/{plan.end_date}/lead/{number}")
        at = work_time(
            rng,
            zone,
            datetime.combine(first, time(), zone) + timedelta(days=days * (number + rng.random()) / plan.deals),
        )
        statuses = [(at, "New")]
        for status in ("Working", "Qualified" if rng.random() < 0.3 else "Disqualified"):
            if rng.random() < 0.85:
                statuses.append((statuses[-1][0] + timedelta(days=rng.uniform(0.5, 12)), status))
        yield Lead(
            f"00Q1{number:08d}",
            f"{rng.choice(FIRST)} {rng.choice(LAST)}",
            f"{rng.choice(LAST)}tec",
            None if rng.random() < 0.06 else rng.choice(SOURCES),
            None if rng.random() < 0.08 else REPS[number % len(REPS)].id,
            at,
            statuses,
        )
