"""Axes, colours and tooltips that several kinds of chart share.

Colours are variables of the page's style sheet, and text takes the page's colour, so that light and dark need no
second drawing.
"""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from learning_pipeline.report.parts import Chart, Row

COLOURS = tuple(f"var(--series-{n})" for n in range(1, 9))
GREY = "var(--series-0)"
ACCENT = COLOURS[0]
_ROW_HEIGHT = 26
Spec = dict[str, Any]


def plain(value: Any) -> Any:
    """Return a value as JSON holds it: money as a number of six digits, days as ISO text."""
    if isinstance(value, Decimal | float):
        return float(f"{value:.6g}")
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return value


def time(chart: Chart) -> Spec:
    """Return the axis of days."""
    return {
        "field": chart.x,
        "type": "temporal",
        "timeUnit": "utcyearmonthdate",
        "title": f"{chart.x}, UTC",
        "axis": {"format": "%d %b", "labelOverlap": "greedy", "labelSeparation": 8, "grid": False, "tickCount": 8},
    }


def days(chart: Chart) -> Spec:
    """Return the axis of days for bars: a label stands below the middle of its day, and not where the day begins."""
    middle = {"expr": "(scale('x', utc(2000, 0, 2)) - scale('x', utc(2000, 0, 1))) / 2"}
    base = time(chart)
    axis = {
        **base["axis"],
        "labelOffset": middle,
        "labelFlush": False,
        "labelBound": 14,
        "labelPadding": 6,
        "ticks": False,
    }
    return {**base, "bandPosition": 0.5, "axis": axis}


def names(chart: Chart, rows: Sequence[Row]) -> Spec:
    """Return the axis of names, in the order of the rows."""
    order = list(dict.fromkeys(row[chart.y] for row in rows))
    return {
        "field": chart.y,
        "type": "nominal",
        "sort": order,
        "title": None,
        "axis": {"grid": False, "ticks": False, "labelPadding": 8},
    }


def height(chart: Chart, rows: Sequence[Row]) -> int:
    """Return the height of a chart that has a line for each name, in pixels."""
    return _ROW_HEIGHT * len({row[chart.y] for row in rows})


def values(name: str, title: str, **more: Any) -> Spec:
    """Return the axis of what is measured."""
    return {"field": name, "type": "quantitative", "title": title, **more}


def tooltip(rows: Sequence[Row], *, hide: tuple[str, ...] = ()) -> list[Spec]:
    """Return what is shown of a row under the pointer: all that is in the table."""
    return [
        {
            "field": name,
            "type": "quantitative" if isinstance(value, int | float) and not isinstance(value, bool) else "nominal",
            "title": name.replace("_", " "),
            **({"format": ",.4~g"} if isinstance(value, float) else {}),
        }
        for name, value in rows[0].items()
        if name not in hide
    ]


def colour(chart: Chart, rows: Sequence[Row]) -> Spec:
    """Return a colour for each series: the largest first, what is in brackets (others, unknown) last and grey."""
    totals: dict[str, float] = {}
    value = chart.y if chart.kind == "stack" else chart.x
    for row in rows:
        name = str(row[chart.series or ""])
        totals[name] = totals.get(name, 0.0) + float(row[value] or 0)
    names = sorted(totals, key=lambda name: (name.startswith("("), -totals[name], name))
    colours = [GREY if name.startswith("(") else COLOURS[n % len(COLOURS)] for n, name in enumerate(names)]
    scale = {"domain": names, "range": colours}
    return {"field": chart.series, "type": "nominal", "title": None, "scale": scale, "sort": names}


def scale(rows: Sequence[Row], chart: Chart) -> Spec:
    """Return scale and axis of values: a success rate from 0 to 1, all else from 0 to what there is."""
    if chart.is_share and "error" not in (chart.columns.get("rate") or ""):
        return {"scale": {"domain": [0, 1]}, "axis": {"format": "%", "tickCount": 5}}
    return {
        "axis": {
            "format": "%" if chart.is_share else number_format(rows, chart.y if chart.kind == "lines" else chart.x),
            "tickCount": 5,
        }
    }


def number_format(rows: Sequence[Row], name: str) -> str:
    """Return the number format of an axis: prefixes such as k and M for what is large only."""
    return "~s" if max((float(row[name] or 0) for row in rows), default=0.0) >= 1000 else ",.12~g"
