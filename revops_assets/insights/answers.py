"""What a language model says of each rep, laid out beside the inputs before the insights are written."""

import hashlib

import sqlalchemy as sa

from revops_assets.datasets.window import ReadAt, Window
from revops_assets.warehouse.resource import Warehouse

ANSWERS = """
create temporary table if not exists model_answers (
    tenant_id text, snapshot_date date, rep_id text, model_version text, answer jsonb, prompt_sha256 text,
    fallback_reason text
) on commit drop
"""
KEEP = "insert into ai.texts values (:sha256, :kind, :body) on conflict (sha256) do nothing"


def answers_of_model(connection: sa.Connection, window: Window, warehouse: Warehouse, at: ReadAt) -> None:
    """Lay out pg_temp.model_answers: empty without a model, else what it says of each rep of the window, or why not."""
    connection.execute(sa.text(ANSWERS))
    connection.execute(sa.text("truncate model_answers"))
    settings = warehouse.settings
    if not settings.model_base_url:
        return
    from revops_assets.insights.model import ask_about  # with its HTTP client, which only a model needs

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
