"""Charts of the page as images: the same rows, title, unit, n and colours.

Pure functions: a chart and its rows in, the bytes of a PNG out; the same rows give the same bytes. Names come from
logs, and are drawn as they are written: nothing in them is taken for markup.
"""

import io
import warnings
from collections.abc import Callable, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from learning_pipeline.report import axes, words
from learning_pipeline.report.page import count
from learning_pipeline.report.parts import Chart, Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

# Those of the page by light: Dagster's page shows the image on its own white, by light and by dark.
PALETTE = ("#9aa1a8", "#2f6fb5", "#d9772b", "#3d9a6b", "#b8455d", "#7a62b3", "#a08a1e", "#2b98a6", "#8a7565")
_COLOURS = dict(zip((axes.GREY, *axes.COLOURS), PALETTE, strict=True))
_ACCENT, _SOFT = PALETTE[1], "#5a626b"
_NAME_CHARACTERS = 36
_DAY_TICKS = 8
# A part of a bar that is thinner than this share of the axis is not seen: it is told in words.
_THIN = 0.03


def png(chart: Chart, rows: Sequence[Row]) -> bytes | None:
    """Return the image of a chart; None where there is nothing to draw."""
    if chart.kind not in _DRAW:
        return None
    plain = [{name: axes.plain(value) for name, value in row.items()} for row in rows]
    value = chart.y if chart.kind == "stack" else chart.x
    known = [row for row in plain if row[value] is not None]
    if not known:
        return None
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    draw, height = _DRAW[chart.kind]
    figure = Figure(figsize=(8, height(chart, known)), dpi=80, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(chart.title, fontsize=10, fontweight="bold", parse_math=False)
    place = figure.add_subplot()
    untold = f"; {len(plain) - len(known)} of {len(plain)} have no value" if len(known) < len(plain) else ""
    place.set_title(f"n = {count(chart, rows):,} {chart.n_of}{untold}", fontsize=8, color=_SOFT)
    place.tick_params(labelsize=8, color=_SOFT)
    for side in ("top", "right"):
        place.spines[side].set_visible(False)
    draw(place, chart, known)
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # letters that the font has not are drawn as boxes
        figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _stack(place: "Axes", chart: Chart, rows: list[Row]) -> None:
    """Draw a bar for each day, with a part for each series."""
    days = [date.fromisoformat(row[chart.x]).toordinal() for row in rows]
    base = dict.fromkeys(days, 0.0)
    for name, colour in _series(chart, rows):
        part = {day: row[chart.y] for day, row in zip(days, rows, strict=True) if str(row[chart.series or ""]) == name}
        place.bar(list(part), list(part.values()), 0.85, [base[day] for day in part], color=colour, label=name)
        base |= {day: base[day] + part[day] for day in part}
    first, last = min(days), max(days)
    ticks = range(first, last + 1, -(-(last - first + 1) // _DAY_TICKS))
    place.set_xticks(ticks, [date.fromordinal(day).strftime("%d %b") for day in ticks])
    place.set_xlim(first - 0.7, last + 0.7)
    place.set_xlabel(f"{chart.x}, UTC, {date.fromordinal(first)} to {date.fromordinal(last)}", fontsize=8)
    _measure(place.yaxis, chart, max(base.values()))
    _legend(place)


def _bars(place: "Axes", chart: Chart, rows: list[Row]) -> None:
    """Draw a bar for each name, with a part for each series, and its sum beside it."""
    names = _names(place, chart, rows)
    base = dict.fromkeys(names, 0.0)
    parts = _series(chart, rows) if chart.series else [("", _ACCENT)]
    widest = max(sum(row[chart.x] for row in rows if row[chart.y] == name) for name in names)
    thin: dict[str, list[str]] = {name: [] for name in names}
    for series, colour in parts:
        part = {row[chart.y]: row[chart.x] for row in rows if not chart.series or str(row[chart.series]) == series}
        place.barh([names[name] for name in part], list(part.values()), 0.7, [base[name] for name in part],
                   color=colour, label=series)  # fmt: skip
        base |= {name: base[name] + part[name] for name in part}
        for name, value in part.items():
            if series and 0 < value < _THIN * widest:
                thin[name].append(f"{words.number(value)} {series}")
    for name, at in names.items():
        told = words.number(base[name]) + (f", of them {', '.join(thin[name])}" if thin[name] else "")
        place.annotate(told, (base[name], at), (4, 0), textcoords="offset points", va="center", fontsize=8,
                       color=_SOFT, parse_math=False)  # fmt: skip
    # Room for what is told beside the bars: the legend stands right of it.
    place.set_xlim(0, (widest or 1) * (1.9 if any(thin.values()) else 1.2))
    _measure(place.xaxis, chart, widest)
    if chart.series:
        _legend(place)


def _intervals(place: "Axes", chart: Chart, rows: list[Row]) -> None:
    """Draw a point for each name, and its interval as a line."""
    names = _names(place, chart, rows, n=chart.n)
    for row in rows:
        if row["low"] is not None and row["high"] is not None:
            place.hlines(names[row[chart.y]], row["low"], row["high"], color=_ACCENT, alpha=0.45, linewidth=3)
        place.plot([row[chart.x]], [names[row[chart.y]]], "o", color=_ACCENT, markersize=7)
    place.grid(axis="x", color="0.9")
    place.set_axisbelow(True)
    if chart.is_share:
        place.set_xlim(-0.02, 1.02)
    else:
        place.set_xlim(left=min(0.0, place.get_xlim()[0]))
    _measure(place.xaxis, chart, place.get_xlim()[1])
    place.set_xlabel(f"{chart.unit}, with its 95 % interval", fontsize=8)


def _calibration(place: "Axes", chart: Chart, rows: list[Row]) -> None:
    """Draw what was predicted against what was seen; on the dashed line a prediction is as good as its word."""
    place.plot([0, 1], [0, 1], color=_SOFT, linestyle="--", linewidth=1)
    place.plot([row[chart.x] for row in rows], [row[chart.y] for row in rows], color=_ACCENT, alpha=0.5)
    for row in rows:
        if row.get("low") is not None and row.get("high") is not None:
            place.vlines(row[chart.x], row["low"], row["high"], color=_ACCENT, alpha=0.5, linewidth=2)
        place.plot([row[chart.x]], [row[chart.y]], "o", color=_ACCENT, markersize=7)
        place.annotate(f"n {row['n']:,}", (row[chart.x], row[chart.y]), (6, -11), textcoords="offset points",
                       fontsize=8, color=_SOFT)  # fmt: skip
    place.set(xlim=(-0.02, 1.02), ylim=(-0.05, 1.05))
    for axis, name in ((place.xaxis, "predicted success"), (place.yaxis, "observed success")):
        _measure(axis, chart, 1.0)
        axis.set_label_text(f"{name}, {chart.unit}" if axis is place.xaxis else name, fontsize=8)


def _series(chart: Chart, rows: list[Row]) -> list[tuple[str, str]]:
    """Return the series with their colours, in the page's order."""
    scale = axes.colour(chart, rows)["scale"]
    return [(name, _COLOURS[colour]) for name, colour in zip(scale["domain"], scale["range"], strict=True)]


def _names(place: "Axes", chart: Chart, rows: list[Row], n: str = "") -> dict[str, int]:
    """Put the names on the axis, in the order of the rows, with their n; return where each stands."""
    told = {row[chart.y]: f", n {row[n]:,}" if n and row[n] is not None else "" for row in rows}
    names = {name: at for at, name in enumerate(told)}
    place.set_yticks(range(len(names)), [_short(str(name)) + told[name] for name in names], parse_math=False)
    place.set_ylim(len(names) - 0.4, -0.6)
    return names


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _NAME_CHARACTERS else text[: _NAME_CHARACTERS - 1] + "…"


def _measure(axis: "Axis", chart: Chart, highest: float) -> None:
    """Give an axis its unit: shares in percent, prefixes such as k and M for what is large only."""
    from matplotlib.ticker import EngFormatter, MaxNLocator, PercentFormatter, StrMethodFormatter

    axis.set_label_text(chart.unit, fontsize=8, parse_math=False)
    axis.set_major_locator(MaxNLocator(5, integer=chart.unit in ("lines", "rows")))
    if chart.is_share:
        axis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    elif highest >= 1000:
        axis.set_major_formatter(EngFormatter(sep=" "))
    else:
        axis.set_major_formatter(StrMethodFormatter("{x:g}"))


def _legend(place: "Axes") -> None:
    """Name the series beside the chart."""
    handles: list[Any] = list(place.containers)
    # One that begins with "_" would be left out: names of models may.
    labels = ["\u200b" + _short(str(handle.get_label())) for handle in handles]
    legend = place.legend(handles, labels, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    for text in legend.get_texts():
        text.set_parse_math(False)


def _by_names(chart: Chart, rows: list[Row]) -> float:
    """Return the height of a chart that has a line for each name, in inches."""
    return 1.3 + 0.28 * len({row[chart.y] for row in rows})


_DRAW: dict[str, tuple[Callable[["Axes", Chart, list[Row]], None], Callable[[Chart, list[Row]], float]]] = {
    "stack": (_stack, lambda chart, rows: 3.2),
    "bars": (_bars, _by_names),
    "intervals": (_intervals, _by_names),
    "calibration": (_calibration, lambda chart, rows: 4.5),
}
