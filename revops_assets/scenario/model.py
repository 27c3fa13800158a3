"""What a generated company consists of: its people, its stages, and the shapes of what happens. No randomness here."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any


@dataclass(frozen=True)
class Stage:
    """A stage of the sales process: how long it should take, at most, and the share of deals that pass it."""

    name: str
    expected_days: int
    max_days: int
    conversion: float
    probability: int
    category: str


STAGES = [
    Stage("Prospecting", 7, 14, 0.80, 10, "Pipeline"),
    Stage("Discovery", 14, 21, 0.70, 20, "Pipeline"),
    Stage("Solution Design", 21, 35, 0.65, 35, "Pipeline"),
    Stage("Proposal", 10, 18, 0.60, 50, "Best Case"),
    Stage("Negotiation", 14, 28, 0.75, 65, "Best Case"),
    Stage("Verbal Commit", 5, 10, 0.90, 80, "Commit"),
    Stage("Legal Review", 5, 10, 0.95, 85, "Commit"),
    Stage("Security Review", 3, 7, 0.98, 90, "Commit"),
    Stage("Procurement", 7, 14, 0.95, 95, "Commit"),
]
STAGE_INDEX = {stage.name: index for index, stage in enumerate(STAGES)}
WON, LOST = "Closed Won", "Closed Lost"


@dataclass(frozen=True)
class Rep:
    """Someone who sells, or leads those who do. The numbers are habits that show in what they do, never in a column."""

    id: str
    name: str
    role: str
    region: str
    segment: str | None
    manager_id: str | None
    tenure_days: int
    threads: float = 3.0  # contacts engaged per deal
    win_bias: float = 0.0
    slow_stage: str | None = None
    pace: float = 1.0  # time taken, against others
    activity: float = 1.0
    turnaround: bool = False  # habits improve in the last half year
    optimism: float = 0.0  # by how much what is called is above what it looks like

    @property
    def email(self) -> str:
        return f"{self.name.lower().replace(' ', '.')}@company.example"


REGIONS = ["West", "East", "Central", "EMEA"]
MANAGERS = [
    Rep(f"005M{n:04d}", name, "Sales Manager", region, None, None, 1500 + 200 * n)
    for n, (name, region) in enumerate(
        zip(["Mara Quist", "Tom Adeyemi", "Lena Vogt", "Ravi Menon"], REGIONS, strict=True), 1
    )
]
# Name, manager, segment, days of tenure, habits.
HABITS: list[tuple[str, int, str, int, dict[str, Any]]] = [
    ("Sofia Reyes", 0, "Enterprise", 1400, {"threads": 5.2, "win_bias": 0.10, "activity": 1.2, "optimism": -0.12}),
    ("Walter Brandt", 0, "Enterprise", 3000, {"slow_stage": "Negotiation", "threads": 3.2, "optimism": 0.25}),
    ("Kim Osei", 0, "Mid-Market", 900, {}),
    ("Dana Frost", 1, "Mid-Market", 1100, {"threads": 1.2, "win_bias": -0.06, "activity": 0.7}),
    ("Priya Nair", 1, "Enterprise", 1600, {"threads": 3.8, "win_bias": 0.03}),
    ("Ben Castor", 1, "SMB", 120, {"activity": 1.7, "win_bias": -0.12, "threads": 2.4, "optimism": 0.35}),
    ("Olga Petrov", 2, "Mid-Market", 800, {"turnaround": True, "win_bias": -0.05, "threads": 2.2}),
    ("Luis Ortega", 2, "SMB", 700, {"pace": 0.85, "optimism": -0.05}),
    ("Amara Diallo", 3, "Enterprise", 1300, {"threads": 3.4}),
    ("Jonas Weber", 3, "SMB", 600, {"activity": 0.9}),
]
REPS = [
    Rep(f"005R{n:04d}", name, "Account Executive", MANAGERS[m].region, segment, MANAGERS[m].id, tenure, **habits)
    for n, (name, m, segment, tenure, habits) in enumerate(HABITS, 1)
]


@dataclass(frozen=True)
class Change:
    """A tracked field of a deal gets a value; of the first ones, at creation, no history is written."""

    at: datetime
    field: str
    value: str | None
    by: str


@dataclass(frozen=True)
class Activity:
    """Something done with, or planned for, a contact."""

    id: str
    at: datetime
    kind: str
    subject: str
    rep_id: str | None
    contact_id: str | None
    is_done: bool
    is_answered: bool
    arrives_at: datetime


@dataclass(frozen=True)
class Contact:
    """A person at an account."""

    id: str
    name: str
    title: str
    created_at: datetime


@dataclass(frozen=True)
class Role:
    """What a contact is to a deal, since when."""

    id: str
    contact_id: str
    role: str
    since: datetime


@dataclass
class Account:
    """A company that buys or may buy."""

    id: str
    name: str
    industry: str
    segment: str
    region: str
    employees: int
    owner_id: str
    created_at: datetime
    contacts: list[Contact] = field(default_factory=list)


@dataclass
class Lead:
    """A first interest: its changes of status, and the deal it became, if any."""

    id: str
    name: str
    company: str
    source: str | None
    owner_id: str | None
    created_at: datetime
    statuses: list[tuple[datetime, str]] = field(default_factory=list)
    opportunity_id: str | None = None


@dataclass
class Deal:
    """A deal's whole life, in order of time."""

    id: str
    name: str
    account: Account
    lead_source: str | None
    competitor: tuple[str, str] | None
    created_at: datetime
    changes: list[Change]
    roles: list[Role] = field(default_factory=list)
    activities: list[Activity] = field(default_factory=list)
    lead: Lead | None = None
    deleted_at: datetime | None = None
    merged_into: str | None = None  # the deal that lives on, if deleted_at was a merge

    def state(self, until: datetime) -> dict[str, str | None]:
        """Last value of each tracked field before `until`."""
        return {change.field: change.value for change in self.changes if change.at < until}

    def closed_at(self, until: datetime) -> datetime | None:
        """When the deal was closed, if it is closed before `until`."""
        stages = [change for change in self.changes if change.field == "StageName" and change.at < until]
        return stages[-1].at if stages and stages[-1].value in (WON, LOST) else None


@dataclass(frozen=True)
class Plan:
    """What is generated: `deals` up to and beyond `end_date`, whose day's end is the story's present.

    `quarters`: how many have a target, the last one's included; the first deals come a quarter before them.
    """

    deals: int
    end_date: date
    seed: int
    timezone: str
    quarters: int = 5
