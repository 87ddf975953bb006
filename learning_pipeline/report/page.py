"""Puts the page together: asks the marts, draws the charts, fills the template."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from importlib.resources import files
from itertools import groupby
from typing import Any

from learning_pipeline.report import words
from learning_pipeline.report.library import script, script_hash
from learning_pipeline.report.lineage import Example, example
from learning_pipeline.report.overview import FIGURES
from learning_pipeline.report.parts import MAX_ROWS, Chart, Figure, Row, Section
from learning_pipeline.report.reader import NO_ROWS, Answer, Reader
from learning_pipeline.report.section_routing import ROUTER_SECTION
from learning_pipeline.report.section_usage import USAGE
from learning_pipeline.report.section_watch import ALERTS, QUALITY
from learning_pipeline.report.section_work import COMPARED, LATENCY, TOOLS_AND_ERRORS
from learning_pipeline.report.section_workflow import WORKFLOW
from learning_pipeline.report.specs import spec
from learning_pipeline.report.trails import SHOWN, Trail, trails

SECTIONS = (USAGE, COMPARED, TOOLS_AND_ERRORS, LATENCY, WORKFLOW, ROUTER_SECTION, ALERTS, QUALITY)
# Kinds of chart of which two stand side by side.
_HALF = ("bars", "intervals", "percentiles", "calibration", "lines")
_DICTIONARY = """
select table_name, table_kind, table_meaning, grain, column_name, type, unit, meaning, is_key, is_nullable
from mart_data_dictionary order by table_name, position
"""
_DICTIONARY_COLUMNS = ("table_name", "column_name", "position", "type", "unit", "meaning", "is_key", "table_meaning")


@dataclass(frozen=True)
class Table:
    """Rows as text, each cell with its style class."""

    headings: list[tuple[str, str]]
    rows: list[list[tuple[str, str]]]

    @property
    def size(self) -> str:
        return f"{len(self.rows):,} row{'' if len(self.rows) == 1 else 's'}"


@dataclass(frozen=True)
class ShownChart:
    """A chart with its rows."""

    chart: Chart
    n: int = 0
    table: Table | None = None
    drawn: bool = False
    note: str = ""
    sql: str = ""
    wide: bool = True


@dataclass(frozen=True)
class ShownSection:
    """A section with its charts; those that have nothing to show are notes."""

    section: Section
    charts: list[ShownChart]
    notes: list[str]
    intro: str = ""


@dataclass
class Page:
    """The page, and what became of its charts."""

    html: str = ""
    charts: int = 0
    left_out: dict[str, str] = field(default_factory=dict)


def table(rows: Sequence[Row], chart: Chart | None = None) -> Table:
    """Return rows as text, at most MAX_ROWS of them."""
    if not rows:
        return Table([], [])
    names = list(rows[0])
    styles = [max(words.style(row[name]) for row in rows) for name in names]
    shares = chart is not None and (chart.is_share or chart.rate is not None)
    given = chart.columns if chart else {}
    shown = [
        [(words.cell(name, row[name], shares=shares), style) for name, style in zip(names, styles, strict=True)]
        for row in rows[:MAX_ROWS]
    ]
    return Table([(words.heading(name, given), style) for name, style in zip(names, styles, strict=True)], shown)


def count(chart: Chart, rows: Sequence[Row]) -> int:
    """Return the n of a chart."""
    if not chart.n:
        return len(rows)
    if chart.n_once == "*":
        return max(int(row[chart.n] or 0) for row in rows)
    if chart.n_once:
        return sum({row[chart.n_once]: int(row[chart.n] or 0) for row in rows}.values())
    return sum(int(row[chart.n] or 0) for row in rows)


def build(reader: Reader, router: str | None) -> Page:
    """Return the page. `router` is a sentence on the newest router version, None where there is none."""
    page, specs = Page(), {}
    sections = []
    for section in SECTIONS:
        charts, notes = [], []
        for chart in section.charts:
            answer = reader.answer(chart)
            shown = _shown(chart, answer)
            if shown.table is None:
                notes.append(f"{chart.title}: {shown.note}")
                page.left_out[chart.name] = shown.note
                continue
            drawing = spec(chart, answer.rows[:MAX_ROWS])
            if drawing:
                specs[chart.name] = drawing
            charts.append(ShownChart(chart, shown.n, shown.table, bool(drawing), shown.note, shown.sql))
        charts = _placed(charts)
        intro = (
            (router or "There is no router yet: learning-pipeline train makes one.")
            if section is ROUTER_SECTION
            else ""
        )
        sections.append(ShownSection(section, charts, notes, intro))
        page.charts += len(charts)
    page.html = _fill(
        sections, specs, _figures(reader), example(reader), trails(reader), _dictionary(reader), not reader.columns
    )
    return page


def _placed(charts: Sequence[ShownChart]) -> list[ShownChart]:
    """Let charts that need no full width stand in pairs."""
    placed: list[ShownChart] = []
    for item in charts:
        if item.chart.kind not in _HALF:
            placed.append(item)
        elif placed and placed[-1].chart.kind in _HALF and placed[-1].wide:
            placed[-1] = replace(placed[-1], wide=False)
            placed.append(replace(item, wide=False))
        else:
            placed.append(item)
    return placed


def _shown(chart: Chart, answer: Answer) -> ShownChart:
    if not answer.rows:
        none = chart.none if answer.why == NO_ROWS else ""
        return ShownChart(chart, note=none or f"left out, since {answer.why}.")
    more = len(answer.rows) - MAX_ROWS
    note = f"The table shows the first {MAX_ROWS:,} rows of {len(answer.rows):,}." if more > 0 else ""
    unknown = chart.x in answer.rows[0] and chart.kind == "intervals"
    absent = sum(row[chart.x] is None for row in answer.rows) if unknown else 0
    if absent:
        note = f"{note} {absent} of {len(answer.rows)} have no value: too little is known to tell.".strip()
    return ShownChart(chart, count(chart, answer.rows), table(answer.rows, chart), False, note, answer.sql.strip())


def _figures(reader: Reader) -> list[dict[str, str]]:
    found = []
    for figure in FIGURES:
        rows = [] if reader.missing(figure.asked) else reader.rows(figure.asked.sql)
        found.append({"title": figure.title, **_figure(figure, rows[0] if rows else {})})
    return found


def _figure(figure: Figure, row: Row) -> dict[str, str]:
    if figure.unit == "rate":
        from learning_pipeline.marts.stats import wilson_interval

        k, n = int(row.get("k") or 0), int(row.get("n") or 0)
        ends = wilson_interval(k, n)
        if ends is None:
            return {"value": words.UNKNOWN, "note": f"n = 0 {row.get('note') or ''}"}
        between = f"95 % interval {words.share(ends[0])} to {words.share(ends[1])}"
        return {"value": words.share(k / n), "note": f"{between}, n = {n:,} {row['note']}"}
    value = row.get("value")
    if value is None:
        return {"value": words.UNKNOWN, "note": ""}
    shown = {"usd": lambda: f"${words.usd(value)}", "count": lambda: words.short(value), "text": lambda: str(value)}
    return {"value": shown[figure.unit](), "note": str(row.get("note") or "")}


def _dictionary(reader: Reader) -> list[dict[str, Any]]:
    columns = reader.columns.get("mart_data_dictionary", set())
    if not columns.issuperset(_DICTIONARY_COLUMNS):
        return []
    rows = reader.rows(_DICTIONARY)
    return [
        {"name": name, "columns": columns, **columns[0]}
        for name, columns in ((name, list(group)) for name, group in groupby(rows, key=lambda row: row["table_name"]))
    ]


def _fill(
    sections: list[ShownSection],
    specs: dict[str, Any],
    figures: list[dict[str, str]],
    shown: Example | None,
    others: list[Trail],
    dictionary: list[dict[str, Any]],
    empty: bool,
) -> str:
    from jinja2 import Environment, StrictUndefined

    here = files("learning_pipeline.report")
    style, draw = (here.joinpath(name).read_text("utf-8") for name in ("page.css", "page.js"))
    library = script()
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(here.joinpath("page.html").read_text("utf-8"))
    return template.render(
        sections=sections,
        figures=figures,
        example=shown,
        steps=[(step, table(step.rows)) for step in shown.steps] if shown else [],
        trails=[(trail, table(trail.rows[:SHOWN])) for trail in others],
        dictionary=dictionary,
        empty=empty,
        style=style,
        library=library,
        draw=draw,
        policy=f"{script_hash(library)} {script_hash(draw)}",
        specs=data_block(specs),
        words=words,
    )


def data_block(value: Any) -> str:
    """Return a value as JSON that can stand within a script element: nothing in it ends the element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
