"""The contract of dashboard.stuck_deals_view."""

from __future__ import annotations

from datetime import date
from typing import ClassVar, Literal

from revops_assets.contracts.contract import Contract, Number, Rule
from revops_assets.contracts.types import AtLeastZero, Flag, Score, Urgency


class StuckDealsView(Contract):
    """Open deals that stand too long in their stage."""

    dataset: ClassVar[str] = "dashboard.stuck_deals_view"
    key: ClassVar[tuple[str, ...]] = ("tenant_id", "snapshot_date", "opportunity_id")
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule("amount_display", "d.amount_display = dashboard.currency(d.amount)", "does not say amount"),
        Rule("urgency_icon", "d.urgency_icon = case d.urgency when 'CRITICAL' then '🔴' when 'HIGH' then '🟠' when 'MEDIUM' then '🟡' else '🟢' end",
             "does not say urgency"),
        Rule("days_until_close", "d.days_until_close is not distinct from d.close_date - d.snapshot_date", "does not agree with close_date"),
        Rule("risk_flags_display", "d.risk_flags_display = '—' and d.risk_flags = '{}'"
             " or cardinality(string_to_array(d.risk_flags_display, ' • ')) = cardinality(d.risk_flags) and d.risk_flags <> '{}'",
             "does not say risk_flags"),
        Rule("slip_risk", "(d.slip_risk is null) = (d.close_date is null)", "does not agree with close_date"),
    )  # fmt: skip

    opportunity_id: str
    account_name: str
    opportunity_name: str
    owner_name: str
    amount: Number | None
    stage_name: str
    days_in_stage: AtLeastZero
    health_score: Score | None
    close_date: date | None
    urgency: Urgency
    risk_flags: list[Flag]
    risk_flags_display: str
    days_until_close: int | None
    slip_risk: Literal["HIGH", "MEDIUM", "LOW"] | None
    primary_action: Literal["call", "email", "meeting", "escalate"]
    action_target: str | None
    action_reason: str
    urgency_icon: Literal["🔴", "🟠", "🟡", "🟢"]
    amount_display: str
    owner_id: str
    team_id: str
    team_filter: str
    segment: str | None
    region: str | None
    quarter: str | None
    benchmark_days: AtLeastZero
    deviation_days: Number
    stage_id: str
