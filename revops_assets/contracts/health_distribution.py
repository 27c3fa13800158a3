"""The contract of dashboard.health_distribution."""

from __future__ import annotations

from typing import ClassVar

from revops_assets.contracts.contract import Contract, Count, Number, Rule, Share
from revops_assets.contracts.types import Trend


class HealthDistribution(Contract):
    """The open pipeline by health."""

    dataset: ClassVar[str] = "dashboard.health_distribution"
    key: ClassVar[tuple[str, ...]] = ("tenant_id", "snapshot_date", "quarter", "team_id", "segment", "region")
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule("deals_count", "d.healthy_count + d.monitor_count + d.at_risk_count + d.critical_count + d.unjudged_count = d.deals_count",
             "is not the sum of the bands"),
        Rule("healthy_pct", "coalesce(abs(d.healthy_pct + d.monitor_pct + d.at_risk_pct + d.critical_pct - 1) < 0.00001, d.deals_count = d.unjudged_count)",
             "and the others do not add up to 1"),
    )  # fmt: skip

    quarter: str
    team_filter: str
    segment: str
    region: str
    team_id: str
    healthy_count: Count
    healthy_amount: Number | None
    healthy_pct: Share | None
    monitor_count: Count
    monitor_amount: Number | None
    monitor_pct: Share | None
    at_risk_count: Count
    at_risk_amount: Number | None
    at_risk_pct: Share | None
    critical_count: Count
    critical_amount: Number | None
    critical_pct: Share | None
    at_risk_change_1w: Number | None
    trend_direction: Trend | None
    deals_count: Count
    unjudged_count: Count
