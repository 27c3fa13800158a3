"""A logistic model of each company's deals, fitted on a month's last day to what became of those of past Fridays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from importlib.util import find_spec
from typing import Any

import sqlalchemy as sa

from revops_assets.datasets.window import ReadAt, Window
from revops_assets.warehouse.resource import Warehouse
from revops_assets.warehouse.sql_files import dataset_files

HORIZONS = (30, 60, 90)
LAY_OUT = """
create temporary table if not exists fitted_coefficients (
    tenant_id text, day date, horizon_days int, feature text, coefficient numeric, examples_count bigint,
    deals_count bigint, won_count bigint
) on commit drop
"""
# The companies and months' ends of a run that something may be fitted on.
MONTHS_ENDS = """
select r.tenant_id, r.day, t.learn_won, t.learn_lost
from pg_temp.run_days as r
inner join staging.thresholds as t on t.tenant_id = r.tenant_id and t.snapshot_date = r.day
where ops.ends_month(r.day)
order by r.day, r.tenant_id
"""
EXAMPLES = """
select s.opportunity_id, s.day, s.features, s.days_to_win
from ops.deal_sightings(array[:tenant], cast(:day as date) - :window_days, cast(:day as date)) as s
where s.is_friday and s.features is not null
order by s.day, s.opportunity_id
"""
KEEP = """
insert into pg_temp.fitted_coefficients
values (:tenant, :day, :horizon, :feature, :coefficient, :examples, :deals, :won)
"""

Example = tuple[str, date, dict[str, float], int | None]  # deal, Friday, features by name, days until it was won


def fit_logistic(connection: sa.Connection, window: Window, warehouse: Warehouse, at: ReadAt) -> None:
    """Lay out pg_temp.fitted_coefficients, of each company and month's end of the run; empty without scikit-learn."""
    connection.execute(sa.text(LAY_OUT))
    connection.execute(sa.text("truncate fitted_coefficients"))
    if find_spec("sklearn") is None:
        return
    window_days = dataset_files()["analytics.logistic_models"].window_days
    for tenant, day, least_won, least_lost in connection.execute(sa.text(MONTHS_ENDS)).all():
        params = {"tenant": tenant, "day": day, "window_days": window_days}
        examples: list[Example] = [tuple(row) for row in connection.execute(sa.text(EXAMPLES), params)]
        for horizon in HORIZONS:
            known = [example for example in examples if example[1] + timedelta(days=horizon) <= day]
            outcomes = [example[3] is not None and 1 <= example[3] <= horizon for example in known]
            won = {example[0] for example, is_won in zip(known, outcomes, strict=True) if is_won}
            others = {example[0] for example in known} - won
            if len(won) < least_won or len(others) < least_lost:
                continue
            counts = {"examples": len(known), "deals": len(won) + len(others), "won": len(won)}
            fitted = coefficients([example[2] for example in known], outcomes)
            connection.execute(
                sa.text(KEEP),
                [
                    {"tenant": tenant, "day": day, "horizon": horizon, "feature": name, "coefficient": value} | counts
                    for name, value in fitted
                ],
            )


def coefficients(features: Sequence[dict[str, Any]], outcomes: Sequence[bool]) -> Iterator[tuple[str, float]]:
    """The coefficients of features and the intercept, to six places: L2 penalty 1 on features scaled to deviation 1."""
    from sklearn.feature_extraction import DictVectorizer  # takes a second to import
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    names, scale = DictVectorizer(sparse=False), StandardScaler(with_mean=False)
    model = LogisticRegression(solver="newton-cholesky")  # many examples, few features: a few steps
    model.fit(scale.fit_transform(names.fit_transform(features)), outcomes)
    yield "intercept", round(float(model.intercept_[0]), 6)
    for name, coefficient in zip(names.get_feature_names_out(), model.coef_[0] / scale.scale_, strict=True):
        yield str(name), round(float(coefficient), 6)
