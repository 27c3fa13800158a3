"""Charts for asset previews: declarative Vega-Lite specs, rendered offline to a picture inside the metadata."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import altair as alt
import dagster as dg
import pandas as pd
import vl_convert


def bars(rows: Sequence[dict[str, Any]], label: str, values: dict[str, str], unit: str) -> alt.Chart:
    """Horizontal bars, one group per row in the rows' order; `values` maps columns to what the legend calls them."""
    frame = pd.DataFrame(
        [
            {"label": row[label], "series": name, "value": float(row[column])}
            for row in rows for column, name in values.items() if row[column] is not None
        ],
        columns=["label", "series", "value"],
    )  # fmt: skip
    chart: alt.Chart = (
        alt.Chart(frame)
        .mark_bar()
        .encode(
            x=alt.X("value:Q", title=unit),
            y=alt.Y("label:N", sort=[row[label] for row in rows], title=None),
            yOffset=alt.YOffset("series:N", sort=list(values.values())),
            color=alt.Color("series:N", sort=list(values.values()), title=None),
        )
        .properties(width=420)
    )
    return chart


def as_metadata(chart: alt.Chart) -> dg.MetadataValue:
    """The chart as Dagster shows it: a PNG within Markdown."""
    picture = base64.b64encode(vl_convert.vegalite_to_png(chart.to_json(), scale=1.5)).decode()
    return dg.MetadataValue.md(f"![chart](data:image/png;base64,{picture})")
