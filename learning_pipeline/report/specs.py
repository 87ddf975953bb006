"""Charts as Vega-Lite specifications: pure functions from a chart's rows.

Widths are those of the page, heights follow the number of names.
"""

from collections.abc import Callable, Sequence
from math import ceil, floor, log10

from learning_pipeline.report import axes
from learning_pipeline.report.axes import Spec
from learning_pipeline.report.graph import edges, nodes
from learning_pipeline.report.parts import Chart, Row

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"


def spec(chart: Chart, rows: Sequence[Row]) -> Spec | None:
    """Return the specification of a chart; None for one that is a table only, or has nothing to draw."""
    if chart.kind == "table" or not rows:
        return None
    drawn = _DRAW[chart.kind](chart, [{name: axes.plain(value) for name, value in row.items()} for row in rows])
    return drawn and {
        "$schema": SCHEMA,
        "width": "container",
        "autosize": {"type": "fit-x", "contains": "padding"},
        "description": chart.title,
        **drawn,
    }


def _stack(chart: Chart, rows: list[Row]) -> Spec:
    colour = axes.colour(chart, rows)
    places = {name: place for place, name in enumerate(colour["scale"]["domain"])}
    return {
        "data": {"values": [{**row, "place": places[str(row[chart.series or ""])]} for row in rows]},
        "height": 260,
        "mark": {"type": "bar", "width": {"band": 0.85}},
        "encoding": {
            "x": axes.days(chart),
            "y": axes.values(
                chart.y, chart.unit, axis={"format": axes.number_format(rows, chart.y), "tickCount": 6}, stack=True
            ),
            "color": colour,
            "order": {"field": "place", "type": "quantitative"},
            "tooltip": axes.tooltip(rows),
        },
    }


def _lines(chart: Chart, rows: list[Row]) -> Spec:
    value = axes.values(chart.y, chart.unit, **axes.scale(rows, chart))
    layers: list[Spec] = []
    known = [row for row in rows if row.get("low") is not None]
    if known:
        band = {**value, "field": "low"}
        layers.append(
            {
                "data": {"values": known},
                "mark": {"type": "area", "color": axes.ACCENT, "opacity": 0.18},
                "encoding": {"y": band, "y2": {"field": "high"}},
            }
        )
    encoding: Spec = {"y": value, "tooltip": axes.tooltip(rows)}
    if chart.series:
        # Told apart by colour and by dashes.
        names = list(dict.fromkeys(row[chart.series] for row in rows))
        kind = {"field": chart.series, "type": "nominal", "title": None}
        dashes = [[4 * place, 4 * place] if place else [1, 0] for place in range(len(names))]
        encoding["color"] = {**kind, "scale": {"domain": names, "range": list(axes.COLOURS[: len(names)])}}
        encoding["strokeDash"] = {**kind, "scale": {"domain": names, "range": dashes}}
    else:
        encoding["color"] = {"value": axes.ACCENT}
    layers.append({"mark": {"type": "line", "point": {"size": 40, "filled": True}}, "encoding": encoding})
    return {"data": {"values": rows}, "height": 260, "encoding": {"x": axes.time(chart)}, "layer": layers}


def _bars(chart: Chart, rows: list[Row]) -> Spec:
    colour = axes.colour(chart, rows) if chart.series else {"value": axes.ACCENT}
    value = axes.values(chart.x, chart.unit, axis={"format": axes.number_format(rows, chart.x), "tickCount": 5})
    return {
        "data": {"values": rows},
        "height": axes.height(chart, rows),
        "mark": {"type": "bar", "height": {"band": 0.7}},
        "encoding": {"x": value, "y": axes.names(chart, rows), "color": colour, "tooltip": axes.tooltip(rows)},
    }


def _intervals(chart: Chart, rows: list[Row]) -> Spec | None:
    known = [row for row in rows if row[chart.x] is not None]
    if not known:
        return None
    value = axes.values(chart.x, chart.unit, **axes.scale(known, chart))
    return {
        "data": {"values": known},
        "height": axes.height(chart, known),
        "encoding": {"y": axes.names(chart, known), "tooltip": axes.tooltip(known)},
        "layer": [
            {
                "mark": {"type": "rule", "strokeWidth": 3, "color": axes.ACCENT, "opacity": 0.45, "strokeCap": "round"},
                "encoding": {"x": {**value, "field": "low"}, "x2": {"field": "high"}},
            },
            {
                "mark": {"type": "point", "filled": True, "size": 90, "color": axes.ACCENT, "opacity": 1},
                "encoding": {"x": value},
            },
        ],
    }


_PERCENTILES = {"p50_ms": "median", "p90_ms": "90th", "p95_ms": "95th", "p99_ms": "99th"}


def _percentiles(chart: Chart, rows: list[Row]) -> Spec:
    seconds = [
        {
            chart.y: row[chart.y],
            "n": row["n"],
            "percentile": label,
            # Logarithms have no 0: what is shorter than a millisecond stands at one.
            "seconds": max(row[name], 1.0) / 1000,
            "from": max(row["p50_ms"], 1.0) / 1000,
            "to": max(row["p99_ms"], 1.0) / 1000,
        }
        for row in rows
        for name, label in _PERCENTILES.items()
    ]
    lowest = floor(log10(min(row["from"] for row in seconds)))
    highest = max(ceil(log10(max(row["to"] for row in seconds))), lowest + 1)
    powers = [float(f"1e{power}") for power in range(lowest, highest + 1)]
    scale = {"type": "log", "domain": [powers[0], powers[-1]]}
    axis = {"format": "~g", "values": powers}
    value = axes.values("seconds", "seconds, logarithmic", scale=scale, axis=axis)
    labels = list(_PERCENTILES.values())
    return {
        "data": {"values": seconds},
        "height": axes.height(chart, rows),
        "encoding": {"y": axes.names(chart, seconds)},
        "layer": [
            {
                "mark": {"type": "rule", "strokeWidth": 2, "color": "currentColor", "opacity": 0.3},
                "encoding": {"x": {**value, "field": "from"}, "x2": {"field": "to"}},
            },
            {
                "mark": {"type": "point", "filled": True, "size": 80, "opacity": 1},
                "encoding": {
                    "x": value,
                    "tooltip": axes.tooltip(seconds, hide=("from", "to")),
                    "color": {
                        "field": "percentile",
                        "type": "nominal",
                        "title": None,
                        "scale": {"domain": labels, "range": list(axes.COLOURS[:4])},
                    },
                    "shape": {
                        "field": "percentile",
                        "type": "nominal",
                        "title": None,
                        "scale": {"domain": labels, "range": ["circle", "square", "diamond", "triangle-right"]},
                    },
                },
            },
        ],
    }


def _graph(chart: Chart, rows: list[Row]) -> Spec:
    """Draw agents as two columns, and each hand-over as a curve from left to right."""
    placed = nodes(rows, chart.x, chart.y)
    sides = max(sum(node["side"] == side for node in placed) for side in ("from", "to"))
    hidden: Spec = {"axis": None, "title": None}
    across = {"field": "x", "type": "quantitative", "scale": {"domain": [-0.55, 1.55], "nice": False}, **hidden}
    down = {"field": "y", "type": "quantitative", "scale": {"domain": [-0.04, 1.04], "nice": False}, **hidden}
    text: Spec = {"type": "text", "color": "currentColor", "fontSize": 12, "limit": {"expr": "width * 0.25"}}
    sources = sorted({row[chart.x] for row in rows})
    return {
        "height": max(180, 34 * sides),
        "view": {"stroke": None},
        "layer": [
            {
                "data": {"values": edges(rows, chart.x, chart.y, "n")},
                "mark": {"type": "line", "interpolate": "monotone", "opacity": 0.45, "strokeCap": "round"},
                "encoding": {
                    "x": across,
                    "y": down,
                    "order": {"field": "x", "type": "quantitative"},
                    "detail": {"field": "edge", "type": "nominal"},
                    "strokeWidth": {
                        "field": "n",
                        "type": "quantitative",
                        "legend": None,
                        "scale": {"type": "sqrt", "domainMin": 0, "range": [0.5, 11]},
                    },
                    "color": {
                        "field": "from",
                        "type": "nominal",
                        "legend": None,
                        "scale": {
                            "domain": sources,
                            "range": [axes.COLOURS[n % len(axes.COLOURS)] for n in range(len(sources))],
                        },
                    },
                    "tooltip": [
                        {"field": "from", "type": "nominal"},
                        {"field": "to", "type": "nominal"},
                        {"field": "n", "type": "quantitative"},
                    ],
                },
            },
            {
                "data": {"values": placed},
                "mark": {"type": "point", "filled": True, "size": 70, "color": "currentColor", "opacity": 1},
                "encoding": {
                    "x": across,
                    "y": down,
                    "tooltip": [{"field": "agent", "type": "nominal"}, {"field": "n", "type": "quantitative"}],
                },
            },
            *(
                {
                    "data": {"values": [node for node in placed if node["side"] == side]},
                    "mark": {**text, "align": align, "dx": dx, "baseline": "middle"},
                    "encoding": {"x": across, "y": down, "text": {"field": "agent", "type": "nominal"}},
                }
                for side, align, dx in (("from", "right", -9), ("to", "left", 9))
            ),
        ],
    }


def _calibration(chart: Chart, rows: list[Row]) -> Spec:
    axis = {"format": "%", "tickCount": 5}
    x = axes.values(chart.x, "predicted success", scale={"domain": [0, 1]}, axis=axis)
    y = axes.values(chart.y, "observed success", scale={"domain": [0, 1]}, axis=axis)
    ends = [{chart.x: 0, chart.y: 0}, {chart.x: 1, chart.y: 1}]
    size = axes.values("n", "n", scale={"type": "sqrt", "domainMin": 0, "range": [30, 400]}, legend=None)
    interval = {
        "data": {"values": rows},
        "mark": {"type": "rule", "color": axes.ACCENT, "strokeWidth": 2, "opacity": 0.5},
        "encoding": {"y": {**y, "field": "low"}, "y2": {"field": "high"}},
    }
    return {
        "height": 320,
        "encoding": {"x": x, "y": y},
        "layer": [
            {
                "data": {"values": ends},
                "mark": {"type": "line", "color": "currentColor", "strokeDash": [4, 4], "opacity": 0.6},
            },
            {"data": {"values": rows}, "mark": {"type": "line", "color": axes.ACCENT, "opacity": 0.5}},
            *([interval] if "low" in rows[0] else []),
            {
                "data": {"values": rows},
                "mark": {"type": "point", "filled": True, "color": axes.ACCENT, "opacity": 1},
                "encoding": {"size": size, "tooltip": axes.tooltip(rows)},
            },
            {
                "data": {"values": rows},
                "mark": {"type": "text", "color": "currentColor", "dy": 16, "fontSize": 11},
                "encoding": {"text": {"field": "label", "type": "nominal"}},
                "transform": [{"calculate": "'n ' + datum.n", "as": "label"}],
            },
        ],
    }


_DRAW: dict[str, Callable[[Chart, list[Row]], Spec | None]] = {
    "stack": _stack,
    "lines": _lines,
    "bars": _bars,
    "intervals": _intervals,
    "percentiles": _percentiles,
    "graph": _graph,
    "calibration": _calibration,
}
