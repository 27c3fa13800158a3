"""Charts for asset previews: declarative Vega-Lite specs, rendered offline to a picture inside the metadata; and what
any chart may hold, whatever a CRM's records say."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg

if TYPE_CHECKING:  # they take longer to import than the rest of the graph: what draws nothing does without
    import altair as alt
    import pandas as pd

TENANTS_SHOWN = 3
GROUPS_SHOWN = 200
LONGEST_LABEL = 80
# What no XML holds ends the chart library's process; line separators break its expressions.
UNDRAWABLE = re.compile(r"[\x00-\x1f\x7f\u2028\u2029\ud800-\udfff\ufffe\uffff]")

# The library shortens a label that is too wide by halves of characters such as these, and stumbles over the other half.
PAIRED = re.compile(r"[\U00010000-\U0010ffff]")
NEVER_CUT = 10


def clean(text: Any) -> str:
    """A label that can be drawn."""
    return UNDRAWABLE.sub(" ", str(text))[:LONGEST_LABEL]


def svg(chart: Any) -> str:
    """The chart's picture, whatever texts it holds."""
    import vl_convert

    return str(vl_convert.vegalite_to_svg(_drawable(chart.to_dict())))


def _drawable(part: Any) -> Any:
    """A part of a chart without what cannot be drawn."""
    if isinstance(part, dict):
        return {_drawable(name): _drawable(value) for name, value in part.items()}
    if isinstance(part, list):
        return [_drawable(entry) for entry in part]
    return _drawable_text(part) if isinstance(part, str) else part


def _drawable_text(text: str) -> str:
    drawn = UNDRAWABLE.sub(" ", text)
    return drawn if len(drawn) <= NEVER_CUT else PAIRED.sub("□", drawn)


def bars(rows: Sequence[dict[str, Any]], label: str, values: dict[str, str], unit: str) -> alt.Chart:
    """Horizontal bars, one group per row in the rows' order; `values` maps columns to what the legend calls them."""
    import pandas as pd

    frame = pd.DataFrame(
        [
            {"label": clean(row[label]), "series": name, "value": float(row[column])}
            for row in rows[:GROUPS_SHOWN] for column, name in values.items() if row[column] is not None
        ],
        columns=["label", "series", "value"],
    )  # fmt: skip
    return _grouped(frame, unit)


def _grouped(frame: pd.DataFrame, unit: str) -> alt.Chart:
    """Bars of `value`, a group for each `label`, a colour for each `series`, both in the order of the rows."""
    import altair as alt

    labels, series = list(dict.fromkeys(frame["label"])), list(dict.fromkeys(frame["series"]))
    chart: alt.Chart = (
        alt.Chart(frame)
        .mark_bar()
        .encode(
            x=alt.X("value:Q", title=unit),
            y=alt.Y("label:N", sort=labels, title=None),
            yOffset=alt.YOffset("series:N", sort=series),
            color=alt.Color("series:N", sort=series, title=None),
        )
        .properties(width=420)
    )
    return chart


@dataclass(frozen=True)
class Chart:
    """A picture of a dataset's newest day: what is measured, and the query of its bars.

    The query's columns: tenant_id, label (one group of bars, in the query's order), series, value. Parameter: day.
    """

    unit: str
    query: str

    def draw(self, rows: Sequence[tuple[str, str, str, Any]]) -> dict[str, dg.MetadataValue]:
        """A chart for each of the first tenants."""
        import pandas as pd

        frame = pd.DataFrame(
            [(tenant, clean(label), clean(series), value) for tenant, label, series, value in rows],
            columns=["tenant_id", "label", "series", "value"],
        ).dropna(subset=["value"])
        shown = {}
        for tenant in list(dict.fromkeys(frame["tenant_id"]))[:TENANTS_SHOWN]:
            own = frame[frame["tenant_id"] == tenant].astype({"value": float})
            first = own["label"].drop_duplicates()[:GROUPS_SHOWN]
            shown[f"chart, {tenant}"] = as_metadata(_grouped(own[own["label"].isin(first)], self.unit))
        return shown


def as_metadata(chart: alt.Chart) -> dg.MetadataValue:
    """The chart as Dagster shows it: an SVG within Markdown, an eighth of a PNG's size; every event keeps its own."""
    picture = base64.b64encode(svg(chart).encode()).decode()
    return dg.MetadataValue.md(f"![chart](data:image/svg+xml;base64,{picture})")
