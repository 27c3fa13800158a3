"""Tier 5: coaching insights, from all dashboards."""

import hashlib

import sqlalchemy as sa

from revops_assets.insights.model import ask_about
from revops_assets.look_back import LookBack
from revops_assets.resources import Warehouse
from revops_assets.sql_asset import sql_daily
from revops_assets.warehouse.writer import Window

ANSWERS = """
create temporary table if not exists model_answers (
    tenant_id text, snapshot_date date, rep_id text, model_version text, answer jsonb, prompt_sha256 text,
    fallback_reason text
) on commit drop
"""
KEEP = "insert into ai.texts values (:sha256, :kind, :body) on conflict (sha256) do nothing"


def answers_of_model(connection: sa.Connection, window: Window, warehouse: Warehouse) -> None:
    """Lay out pg_temp.model_answers: empty without a model, else what it says of each rep of the window, or why not."""
    connection.execute(sa.text(ANSWERS))
    connection.execute(sa.text("truncate model_answers"))
    settings = warehouse.settings
    if not settings.model_base_url:
        return
    rows = connection.execute(
        sa.text(
            "select i.tenant_id, i.snapshot_date, i.rep_id, i.inputs, i.inputs::text from ai.coaching_inputs as i"
            f" where {window.condition('i')} order by 1, 2, 3"
        ),
        window.params,
    ).all()
    for row, answer in zip(rows, ask_about(settings, [row[3] for row in rows]), strict=True):
        texts = (("inputs", row[4]), ("prompt", answer.prompt))
        for kind, body in texts:
            sha256 = hashlib.sha256(body.encode()).hexdigest()
            connection.execute(sa.text(KEEP), {"sha256": sha256, "kind": kind, "body": body})
        connection.execute(
            sa.text(
                "insert into model_answers values"
                " (:tenant, :day, :rep, :model, cast(:answer as jsonb), :prompt, :reason)"
            ),
            {
                "tenant": row[0],
                "day": row[1],
                "rep": row[2],
                "model": settings.model_name if answer.insight else None,
                "answer": answer.insight.model_dump_json() if answer.insight else None,
                "prompt": answer.prompt_sha256,
                "reason": answer.fallback_reason,
            },
        )


ASSETS = [
    sql_daily(
        "ai.coaching_inputs",
        deps=[
            "dashboard.dashboard_kpis",
            "dashboard.forecast_history",
            "dashboard.stage_velocity",
            "dashboard.health_distribution",
            "dashboard.rep_performance_view",
            "dashboard.rep_driver_comparison",
            "dashboard.rep_activity_metrics",
            "dashboard.next_best_actions",
            "dashboard.stuck_deals_view",
            "reference.rep_metrics",
        ],
        looks_back_on={"dashboard.rep_driver_comparison": LookBack.LAST_WEEK},
    ),
    sql_daily("ai.rep_coaching_insights", deps=["ai.coaching_inputs"], before_write=answers_of_model),
]
