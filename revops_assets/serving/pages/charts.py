"""Charts as SVG, made on the server: coloured by the page's style, each beside a table with the same numbers."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import altair as alt
import pandas as pd
from markupsafe import Markup

from revops_assets.datasets.charts import GROUPS_SHOWN, clean, svg

COLOURS = ["#2f6f9f", "#c2571a", "#3b8a5a", "#8a6fb0", "#b0892f", "#777777"]
PICTURES = 512


def _remembered(draw: Callable[..., Markup]) -> Callable[..., Markup]:
    """Of the same rows the same picture: building a chart costs far more than reading its rows."""
    drawn: dict[str, Markup] = {}

    @wraps(draw)
    def remembered(*given: Any) -> Markup:
        key = json.dumps(given, default=str)
        if key not in drawn:
            if len(drawn) >= PICTURES:
                drawn.pop(next(iter(drawn)), None)
            drawn[key] = draw(*given)
        return drawn[key]

    return remembered


def _svg(chart: Any, height: int, width: int = 640) -> Markup:
    spec = (
        chart.properties(width=width, height=height, background="transparent")
        .configure_view(stroke=None)
        .configure_axis(labelColor="currentColor", titleColor="currentColor", gridOpacity=0.25, domainOpacity=0.4)
        .configure_legend(labelColor="currentColor", titleColor="currentColor", orient="bottom", columns=4)
        .configure_range(category=COLOURS)
    )
    return Markup(svg(spec).replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1))


@_remembered
def lines(rows: Sequence[dict[str, Any]], x: str, series: dict[str, str], unit: str, mark: Any = None) -> Markup:
    """A line for each series (column: name) over x; `mark`: where today is."""
    frame = pd.DataFrame(
        [
            {"x": row[x], "series": name, "value": float(row[column])}
            for row in rows for column, name in series.items() if row[column] is not None
        ],
        columns=["x", "series", "value"],
    )  # fmt: skip
    kind = "T" if len(frame) and hasattr(frame["x"].iloc[0], "year") else "O"
    frame["x"] = frame["x"].astype(str) if kind == "T" else frame["x"]
    chart: Any = (
        alt.Chart(frame)
        .mark_line(point=kind == "O")
        .encode(
            x=alt.X(f"x:{kind}", title=None if kind == "T" else "week of the quarter", axis=alt.Axis(labelAngle=0)),
            y=alt.Y("value:Q", title=unit, axis=alt.Axis(format="~s")),
            color=alt.Color("series:N", sort=list(series.values()), title=None),
            strokeDash=alt.StrokeDash("series:N", sort=list(series.values()), legend=None),
        )
    )
    if mark is not None:
        rule = alt.Chart(pd.DataFrame({"x": [mark]})).mark_rule(strokeDash=[4, 3], opacity=0.6).encode(x=f"x:{kind}")
        chart = chart + rule
    return _svg(chart, 240)


@_remembered
def bars(rows: Sequence[dict[str, Any]], label: str, values: dict[str, str], unit: str) -> Markup:
    """Horizontal bars, one group per row, in the rows' order; `values` maps columns to their names."""
    frame = pd.DataFrame(
        [
            {"label": clean(row[label]), "series": name, "value": float(row[column])}
            for row in rows[:GROUPS_SHOWN] for column, name in values.items() if row[column] is not None
        ],
        columns=["label", "series", "value"],
    )  # fmt: skip
    labels = list(dict.fromkeys(frame["label"]))
    chart: Any = (
        alt.Chart(frame)
        .mark_bar()
        .encode(
            x=alt.X("value:Q", title=unit, axis=alt.Axis(format="~s")),
            y=alt.Y("label:N", sort=labels, title=None, axis=alt.Axis(labelLimit=220)),
            yOffset=alt.YOffset("series:N", sort=list(values.values())),
            color=alt.Color("series:N", sort=list(values.values()), title=None)
            if len(values) > 1
            else alt.value(COLOURS[0]),
        )
    )
    return _svg(chart, max(80, 18 * max(1, len(labels)) * len(values) + 20), 460)


@_remembered
def waterfall(steps: Sequence[dict[str, Any]], unit: str) -> Markup:
    """Steps from an opening to a closing amount: rows of label, start, end."""
    frame = pd.DataFrame(
        [
            {
                "label": clean(step["label"]), "start": float(step["start"]), "end": float(step["end"]),
                "kind": step["kind"],
            }
            for step in steps[:GROUPS_SHOWN]
        ],
        columns=["label", "start", "end", "kind"],
    )  # fmt: skip
    chart: Any = (
        alt.Chart(frame)
        .mark_bar()
        .encode(
            x=alt.X("label:N", sort=list(frame["label"]), title=None, axis=alt.Axis(labelAngle=-30, labelLimit=140)),
            y=alt.Y("start:Q", title=unit, axis=alt.Axis(format="~s")),
            y2="end:Q",
            color=alt.Color("kind:N", sort=["total", "up", "down"], title=None),
        )
    )
    return _svg(chart, 220)
