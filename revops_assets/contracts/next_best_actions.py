"""The contract of dashboard.next_best_actions."""

from __future__ import annotations

from datetime import date
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from annotated_types import Ge, Le

from revops_assets.contracts.contract import Contract, Count, Number, Rule, SetRule, Share
from revops_assets.contracts.types import Flag, Percent, Score, Urgency


class NextBestActions(Contract):
    """What every rep should do next."""

    dataset: ClassVar[str] = "dashboard.next_best_actions"
    key: ClassVar[tuple[str, ...]] = ("tenant_id", "snapshot_date", "rep_id", "priority_rank")
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule("contact_name", "(d.contact_name is null) = (d.contact_role is null)", "does not agree with contact_role"),
        Rule("time_display", "d.time_display = d.best_time_start || ' – ' || d.best_time_end or d.best_time_start is null and d.time_display in ('any time', '—')",
             "does not say the best time"),
        Rule("best_time_start", "coalesce(d.best_time_start ~ '^(1[0-2]|[1-9]):[0-5][0-9] [AP]M$', true)", "is not of the form 2:00 PM"),
        Rule("best_time_samples", "(d.best_time_samples is null) = (d.best_time_start is null)", "does not agree with best_time_start"),
        Rule("urgency", "case d.urgency when 'today' then d.deal_urgency = 'CRITICAL' when 'this_week' then d.deal_urgency in ('CRITICAL', 'HIGH')"
             " else d.deal_urgency in ('MEDIUM', 'LOW') end", "does not agree with deal_urgency"),
        Rule("risk_if_delayed", "(d.risk_if_delayed is null) = (d.risk_basis is null) and (d.risk_amount is null) = (d.risk_basis is null)",
             "does not agree with risk_basis and risk_amount"),
        Rule("action_icon", "d.action_icon = case d.action_type when 'call' then '📞' when 'email' then '📧' when 'meeting' then '📅' else '✅' end",
             "does not say action_type"),
    )  # fmt: skip
    sets: ClassVar[tuple[SetRule, ...]] = (
        SetRule(
            "priority_rank",
            "select tenant_id, snapshot_date, rep_id, null as priority_rank, max(priority_rank)::text as value from {window} group by 1, 2, 3"
            " having max(priority_rank) <> count(*)",
            "is the last of ranks with gaps",
        ),
    )

    action_id: UUID
    rep_id: str
    opportunity_id: str
    account_name: str
    contact_name: str | None
    contact_role: str | None
    action_type: Literal["call", "email", "meeting", "task"]
    action_reason: str
    priority_score: Percent
    priority_rank: Annotated[int, Ge(1), Le(10)]
    best_time_start: str | None
    best_time_end: str | None
    urgency: Literal["today", "this_week", "soon"]
    deal_amount: Number | None
    deal_health: Score | None
    days_since_contact: Count
    risk_if_delayed: str | None
    action_icon: Literal["📞", "📧", "📅", "✅"]
    time_display: str
    opportunity_name: str
    contact_id: str | None
    risk_flags: list[Flag]
    health_factor: Share | None
    silence_factor: Share | None
    amount_factor: Share | None
    close_date_factor: Share | None
    risk_flags_factor: Share
    best_time_basis: Literal["contact", "rep"] | None
    best_time_samples: Count | None
    close_date: date | None
    quarter: str | None
    team_id: str
    manager_name: str
    segment: str | None
    region: str | None
    deal_urgency: Urgency
    amount_at_stake: Number | None
    risk_amount: Number | None
    risk_basis: Flag | None
