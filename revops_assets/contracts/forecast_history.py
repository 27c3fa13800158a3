"""The contract of dashboard.forecast_history."""

from __future__ import annotations

from datetime import date
from typing import Annotated, ClassVar

from annotated_types import Ge, Le

from revops_assets.contracts.contract import Contract, Number, Rule, SetRule, Share
from revops_assets.contracts.types import Percent


class ForecastHistory(Contract):
    """A quarter week by week, as it was said then."""

    dataset: ClassVar[str] = "dashboard.forecast_history"
    key: ClassVar[tuple[str, ...]] = (
        "tenant_id",
        "snapshot_date",
        "quarter",
        "team_id",
        "segment",
        "region",
        "week_number",
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule("as_of_date", "coalesce(d.as_of_date <= least(d.snapshot_date, d.week_end), true)", "lies after the week or the snapshot"),
        Rule("cumulative_closed", "d.as_of_date is not null or d.cumulative_closed is null", "tells of a week to come"),
        Rule("cumulative_forecast", "d.as_of_date is not null or d.cumulative_forecast is null", "tells of a week to come"),
        Rule("cumulative_commit", "coalesce(d.cumulative_commit = d.cumulative_closed + d.pipeline_commit, true)", "is not closed plus commit"),
    )  # fmt: skip
    sets: ClassVar[tuple[SetRule, ...]] = (
        SetRule(
            "week_number",
            "select tenant_id, snapshot_date, quarter, team_id, segment, region, null as week_number, count(*)::text as value"
            " from {window} group by 1, 2, 3, 4, 5, 6 having count(*) <> 13",
            "are not the 13 weeks of the quarter",
        ),
    )

    quarter: str
    team_filter: str
    segment: str
    region: str
    week_number: Annotated[int, Ge(1), Le(13)]
    team_id: str
    week_end: date
    as_of_date: date | None
    cumulative_target: Number | None
    cumulative_closed: Number | None
    cumulative_commit: Number | None
    cumulative_forecast: Number | None
    pipeline_commit: Number | None
    pipeline_best_case: Number | None
    pipeline_total: Number | None
    avg_pipeline_health: Percent | None
    forecast_confidence: Share | None
