"""The datasets that people build on, column by column: what a row may hold. Consumers bind to these names."""

from revops_assets.contracts.contract import Contract
from revops_assets.contracts.dashboard_kpis import DashboardKpis
from revops_assets.contracts.forecast_history import ForecastHistory
from revops_assets.contracts.health_distribution import HealthDistribution
from revops_assets.contracts.next_best_actions import NextBestActions
from revops_assets.contracts.rep_activity_metrics import RepActivityMetrics
from revops_assets.contracts.rep_coaching_insights import RepCoachingInsights
from revops_assets.contracts.rep_driver_comparison import RepDriverComparison
from revops_assets.contracts.rep_performance_view import RepPerformanceView
from revops_assets.contracts.stage_velocity import StageVelocity
from revops_assets.contracts.stuck_deals_view import StuckDealsView

ALL: tuple[type[Contract], ...] = (
    DashboardKpis,
    ForecastHistory,
    StageVelocity,
    StuckDealsView,
    HealthDistribution,
    RepPerformanceView,
    RepDriverComparison,
    RepActivityMetrics,
    NextBestActions,
    RepCoachingInsights,
)
BY_DATASET: dict[str, type[Contract]] = {contract.dataset: contract for contract in ALL}
