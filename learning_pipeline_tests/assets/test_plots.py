"""Charts as images: drawn from rows, the same for the same rows, and proof against names that logs hold."""

import re
import subprocess
import sys
import warnings
from dataclasses import replace
from datetime import date
from importlib.resources import files

import pytest

from learning_pipeline.assets import charts
from learning_pipeline.assets.plots import PALETTE, png
from learning_pipeline.report.page import SECTIONS
from learning_pipeline.report.parts import Chart, Row
from learning_pipeline_tests.assets.images import decoded, has_colour, pixels

PAGE = {chart.name: chart for section in SECTIONS for chart in section.charts}
MODELS = ("gpt-5.5", "_hidden", "$x^{$", "\\frac{", "名前\n|", "(others)")
DAYS: list[Row] = [
    {"day": date(2026, 10, day), "model": model, "cost_usd": 0.5 * day, "priced": 2, "unpriced": 0}
    for day in (1, 2, 9)
    for model in MODELS
]
AGENTS: list[Row] = [
    {"agent": name, "labelled": 9, "successes": 6, "rate": 0.67, "low": 0.35, "high": 0.88} for name in MODELS
]
BINS: list[Row] = [{"bin_from": 0.4, "bin_to": 0.5, "n": 12, "predicted": 0.45, "observed": 0.5}]
POLICIES: list[Row] = [
    {"policy": "router", "value": 0.7, "low": 0.6, "high": 0.8, "n": 40, "basis": "full"},
    {"policy": "random", "value": None, "low": None, "high": None, "n": 3, "basis": "full"},
]
LINES: list[Row] = [
    {"source": "codex", "fate": "event", "lines": 9},
    {"source": "codex", "fate": "duplicate", "lines": 0},
]
CASES = [
    (PAGE["cost_per_day"], DAYS),
    (PAGE["agents"], AGENTS),
    (PAGE["router_calibration"], BINS),
    (PAGE["router_success"], POLICIES),
    (PAGE["lines"], LINES),
]


@pytest.mark.parametrize(("chart", "rows"), CASES, ids=lambda one: one.name if isinstance(one, Chart) else "")
def test_the_same_rows_give_the_same_image(chart: Chart, rows: list[Row]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first = png(chart, rows)
    assert first is not None
    assert png(chart, rows) == first
    assert has_colour(pixels(first), PALETTE[1])
    other = replace(chart, title="Another")
    assert png(other, rows) != first


def test_title_unit_n_and_names_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib.figure import Figure
    from matplotlib.text import Text

    drawn: list[str] = []
    save = Figure.savefig
    monkeypatch.setattr(
        Figure,
        "savefig",
        lambda self, *given, **more: (
            save(self, *given, **more),
            drawn.extend(found.get_text() for found in self.findobj(Text)),
        ),
    )
    assert png(PAGE["router_success"], POLICIES)
    said = " | ".join(drawn)
    assert "Success rate of the router's choices against baselines" in said
    assert "n = 40 held-out tasks" in said
    assert "1 of 2 have no value" in said
    assert "share of held-out tasks, with its 95 % interval" in said
    assert "router, n 40" in said
    drawn.clear()
    assert png(PAGE["cost_per_day"], DAYS)
    said = " | ".join(drawn)
    assert all(
        name in said for name in ("USD", "n = 36 priced", "_hidden", "$x^{$", "\\frac{", "2026-10-01 to 2026-10-09")
    )


def test_colours_are_those_of_the_page_by_light() -> None:
    style = files("learning_pipeline.report").joinpath("page.css").read_text("utf-8")
    light = dict(re.findall(r"--series-(\d): (#\w+)", style)[: len(PALETTE)])
    assert tuple(light[str(place)] for place in range(len(PALETTE))) == PALETTE


@pytest.mark.parametrize(
    ("chart", "rows"),
    [
        (PAGE["cost_per_day"], []),
        (PAGE["router_success"], POLICIES[1:]),  # a row, and no value in it
        (PAGE["landed"], [{"source": "codex", "lines_read": 3}]),  # a table only
    ],
)
def test_without_a_value_there_is_no_image(chart: Chart, rows: list[Row]) -> None:
    assert png(chart, rows) is None


def test_a_landing_shows_the_sources_that_it_read() -> None:
    read = {"lines_read": 4, "events": 2, "duplicates": 0, "quarantined": 1, "ignored": 1}
    nothing = dict.fromkeys(read, 0)
    assert charts.of_landing({}) == {}
    assert charts.of_landing({"codex": nothing}) == {}
    ((name, value),) = charts.of_landing({"codex": read, "aider": nothing}).items()
    title, found = decoded(value)
    assert (name, title) == ("lines_of_this_landing", "Where every line of this landing went, by source")
    assert has_colour(found, PALETTE[1])
    assert charts.of_landing({"codex": read}) == {name: value}
    assert charts.of_landing({"codex": {**read, "quarantined": 0, "events": 3}}) != {name: value}


def test_a_publish_shows_the_rows_of_its_tables() -> None:
    assert charts.of_publish({}, {}) == {}
    assert charts.of_publish({"agent_metrics": 0}, {}) == {}
    shown = charts.of_publish({"agent_metrics": 10, "publishes": 0}, {"agent_metrics": {"inserted": 4, "deleted": 9}})
    title, found = decoded(shown["rows_published"])
    assert title == "Rows published, by table"
    assert has_colour(found, PALETTE[0])
    assert has_colour(found, PALETTE[1])


def test_where_nothing_is_drawn_nothing_that_draws_is_imported() -> None:
    code = (
        "import sys\n"
        "import learning_pipeline.assets.definitions\n"
        "from learning_pipeline.assets import charts\n"
        "assert charts.of_landing({}) == {} == charts.of_publish({}, {})\n"
        "print('matplotlib' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300)
    assert done.stdout.split() == ["False"]
