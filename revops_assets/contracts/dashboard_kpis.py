"""The contract of dashboard.dashboard_kpis."""

from __future__ import annotations

from typing import ClassVar, Literal

from revops_assets.contracts.contract import Contract, Count, Number, Rule, Share
from revops_assets.contracts.types import AtLeastZero


class DashboardKpis(Contract):
    """The quarter in one line."""

    dataset: ClassVar[str] = "dashboard.dashboard_kpis"
    key: ClassVar[tuple[str, ...]] = ("tenant_id", "snapshot_date", "quarter", "team_id", "segment", "region")
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule("gap_to_target", "coalesce(d.gap_to_target = d.ai_forecast - d.quarter_target, true)", "is not forecast less target"),
        Rule("gap_pct", "coalesce((d.gap_pct > 0) = (d.gap_to_target < 0) or abs(d.gap_to_target) < d.quarter_target / 10000, true)",
             "does not agree with gap_to_target"),
        Rule("quarter", "d.quarter ~ '^Q[1-4] [0-9]{4}$'", "is not of the form Q4 2024"),
    )  # fmt: skip

    quarter: str
    team_filter: str
    segment: str
    region: str
    team_id: str
    quarter_target: Number | None
    ai_forecast: Number | None
    ai_forecast_confidence: Share | None
    commit_amount: Number | None
    commit_confidence: Share | None
    closed_won_amount: Number | None
    gap_to_target: Number | None
    gap_pct: Share | None
    coverage_ratio: AtLeastZero | None
    risk_level: Literal["Low", "Medium", "High", "Critical"] | None
    forecast_change_1w: Number | None
    commit_change_1w: Number | None
    open_deals_count: Count
    open_pipeline_amount: Number | None
    without_amount_count: Count
    forecast_method: Literal["default"] | None
    confidence_basis: Literal["backtest", "too few quarters", "next quarter"] | None
    backtest_quarters: Count | None
