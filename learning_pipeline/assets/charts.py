"""Which charts an asset shows in Dagster: those of the page, and two on a run itself.

What has no rows has no chart: its key is absent. Nothing that draws is imported before there are rows.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import dagster as dg

from learning_pipeline.assets.metadata import image
from learning_pipeline.report.parts import Chart, Row
from learning_pipeline.report.reader import Reader, reading, reading_router
from learning_pipeline.report.section_routing import ROUTER_SECTION
from learning_pipeline.report.section_usage import USAGE
from learning_pipeline.report.section_watch import QUALITY
from learning_pipeline.report.section_work import COMPARED
from learning_pipeline.settings import Settings

Images = dict[str, dg.MarkdownMetadataValue]
_CHARTS = {chart.name: chart for section in (USAGE, COMPARED, ROUTER_SECTION, QUALITY) for chart in section.charts}
# Charts of the marts, by the asset that shows them.
ON_MARTS = {
    "marts_database": ("cost_per_day", "tokens_per_day"),
    "mart_agent_leaderboard": ("agents",),
    "mart_data_quality": ("lines",),
}
ON_ROUTER = ("router_calibration", "router_success", "router_cost")

_LANDED = replace(
    _CHARTS["lines"], name="lines_of_this_landing", title="Where every line of this landing went, by source"
)
# How the page calls what a landing counts.
_FATES = {"events": "event", "duplicates": "duplicate", "quarantined": "quarantined", "ignored": "ignored by a rule"}
_PUBLISHED = Chart(
    "rows_published",
    "Rows published, by table",
    "Rows that live systems read now, by what this publish did to them.",
    "bars",
    "rows",
    "rows",
    "rows in enhanced_learning",
    (),
    x="rows",
    y="table",
    series="change",
)


def of_marts(settings: Settings) -> dict[str, Images]:
    """Return the charts of marts.duckdb by the asset that shows them."""
    with reading(settings) as reader:
        return {asset: _drawn(reader, names) for asset, names in ON_MARTS.items()}


def of_router(settings: Settings) -> Images:
    """Return the charts of the newest router version: how far its word is good, and what its choices are worth."""
    with reading_router(settings) as reader:
        return _drawn(reader, ON_ROUTER)


def of_landing(sources: Mapping[str, Mapping[str, int]]) -> Images:
    """Return the fate of the lines that a landing read."""
    rows: list[Row] = [
        {"source": source, "fate": fate, "lines": counts[name]}
        for source, counts in sorted(sources.items())
        if counts["lines_read"]
        for name, fate in _FATES.items()
    ]
    return _image(_LANDED, rows)


def of_publish(rows: Mapping[str, int], changes: Mapping[str, Mapping[str, int]]) -> Images:
    """Return the published rows of each table: what is new in them, and what was there."""
    shown: list[Row] = []
    for table, height in sorted(rows.items(), key=lambda item: (-item[1], item[0])):
        inserted, updated = (changes.get(table, {}).get(name, 0) for name in ("inserted", "updated"))
        parts = {"inserted": inserted, "updated": updated, "(unchanged)": height - inserted - updated}
        shown += [{"table": table, "change": change, "rows": part} for change, part in parts.items()]
    return _image(_PUBLISHED, shown if any(rows.values()) else [])


def _drawn(reader: Reader, names: Iterable[str]) -> Images:
    found: Images = {}
    for name in names:
        found |= _image(_CHARTS[name], reader.answer(_CHARTS[name]).rows)
    return found


def _image(chart: Chart, rows: Sequence[Row]) -> Images:
    if not rows:
        return {}
    from learning_pipeline.assets.plots import png

    drawn = png(chart, rows)
    return {chart.name: image(chart.title, drawn)} if drawn else {}
