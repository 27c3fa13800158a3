"""What the components of health would weigh if they were to rank deals by whether they are won: none below zero."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from revops_assets.datasets.window import ReadAt, Window
from revops_assets.learning.logistic import MONTHS_ENDS
from revops_assets.warehouse.resource import Warehouse
from revops_assets.warehouse.sql_files import dataset_files

if TYPE_CHECKING:
    import pandas as pd

COMPONENTS = ("velocity", "activity", "stakeholder", "competition", "discount")
HELD_OUT_DAYS = 91  # the newest quarter of the endings: learned without, to see how such weights would have ranked it
LAY_OUT = """
create temporary table if not exists fitted_weights (
    tenant_id text, day date, component text, weight numeric, deals_count bigint, won_count bigint,
    held_out_count bigint, learned_auc numeric, current_auc numeric
) on commit drop
"""
# Deals that ended in the year before, as they stood at the last end of a week 30 days or more before.
ENDED = """
select e.closed_on, e.is_won, h.health_score, h.velocity_score, h.activity_score, h.stakeholder_score,
    h.competition_score, h.discount_score
from ops.endings_seen(array[:tenant], cast(:day as date) - :window_days + 1, cast(:day as date) + 1) as e
inner join enriched.deal_health_scores as h
    on h.tenant_id = e.tenant_id and h.opportunity_id = e.opportunity_id and h.snapshot_date = e.seen_on
where e.days_before = 30 and e.known_on <= :day and h.health_score is not null
order by e.opportunity_id, e.closed_on
"""
KEEP = """
insert into pg_temp.fitted_weights
values (:tenant, :day, :component, :weight, :deals, :won, :held_out, :learned_auc, :current_auc)
"""


def fit_health_weights(connection: sa.Connection, window: Window, warehouse: Warehouse, at: ReadAt) -> None:
    """Lay out pg_temp.fitted_weights, of each company and month's end of the run; empty without scikit-learn."""
    connection.execute(sa.text(LAY_OUT))
    connection.execute(sa.text("truncate fitted_weights"))
    if find_spec("sklearn") is None:
        return
    import pandas as pd

    window_days = dataset_files()["analytics.learned_health_weights"].window_days
    for tenant, day, least_won, least_lost in connection.execute(sa.text(MONTHS_ENDS)).all():
        params = {"tenant": tenant, "day": day, "window_days": window_days}
        ended = pd.read_sql(sa.text(ENDED), connection, params=params)
        won = int(ended["is_won"].sum())
        if won < least_won or len(ended) - won < least_lost:
            continue
        told = [component for component in COMPONENTS if ended[f"{component}_score"].notna().any()]
        weights = learned_weights(*_scores(ended, told))
        learned_auc, current_auc, held_out = _held_out(ended, told, day)
        counts = {"deals": len(ended), "won": won, "held_out": held_out}
        aucs = {"learned_auc": learned_auc, "current_auc": current_auc}
        connection.execute(
            sa.text(KEEP),
            [
                {"tenant": tenant, "day": day, "component": component, "weight": weight} | counts | aucs
                for component, weight in zip(told, weights, strict=True)
            ],
        )


def learned_weights(scores: Any, outcomes: Any) -> list[float]:
    """Shares of the components (columns of `scores`, 0 to 1), to four places, that rank outcomes best: a logistic model
    whose coefficients are not below zero (L2 penalty 1). All 0 where none of them tells won from lost."""
    import numpy as np
    from scipy.optimize import minimize

    signs = np.where(outcomes, 1.0, -1.0)
    centred = scores - scores.mean(axis=0)

    def loss(solution: Any) -> tuple[float, Any]:
        margins = signs * (solution[0] + centred @ solution[1:])
        pull = -signs / (1 + np.exp(margins))
        slope = np.concatenate([[pull.sum()], centred.T @ pull + solution[1:]])
        return float(np.logaddexp(0, -margins).sum() + 0.5 * (solution[1:] ** 2).sum()), slope

    bounds = [(None, None)] + [(0, None)] * scores.shape[1]
    found = minimize(loss, np.zeros(scores.shape[1] + 1), jac=True, bounds=bounds, method="L-BFGS-B").x[1:]
    total = found.sum()
    return [round(float(weight / total), 4) if total > 0 else 0.0 for weight in found]


def _scores(ended: pd.DataFrame, told: Sequence[str]) -> tuple[Any, Any]:
    """Component scores as shares (where one is not told, the deal's health), and whether deals were won."""
    scores = ended[[f"{component}_score" for component in told]].apply(
        lambda column: column.fillna(ended["health_score"])
    )
    return scores.to_numpy(float) / 100, ended["is_won"].to_numpy(bool)


def _held_out(ended: pd.DataFrame, told: Sequence[str], day: date) -> tuple[float | None, float | None, int]:
    """Of the deals that ended last: AUC of weights learned from the others, AUC of health as it was, and how many."""
    import pandas as pd
    from sklearn.metrics import roc_auc_score

    is_last = pd.to_datetime(ended["closed_on"]) > pd.Timestamp(day) - pd.Timedelta(days=HELD_OUT_DAYS)
    last, before = ended[is_last], ended[~is_last]
    if before["is_won"].nunique() < 2 or last["is_won"].nunique() < 2:
        return None, None, len(last)
    scores, outcomes = _scores(last, told)
    learned = scores @ learned_weights(*_scores(before, told))
    return (
        round(float(roc_auc_score(outcomes, learned)), 6),
        round(float(roc_auc_score(outcomes, last["health_score"])), 6),
        len(last),
    )
