"""What the page says: every chart with title, unit, n and table; nothing from the logs becomes markup."""

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from learning_pipeline.marts.build import build
from learning_pipeline.marts.query import run
from learning_pipeline.report.library import script, script_hash
from learning_pipeline.report.lineage import example
from learning_pipeline.report.page import SECTIONS, count, data_block
from learning_pipeline.report.parts import Chart, Question
from learning_pipeline.report.reader import reading
from learning_pipeline.report.specs import spec
from learning_pipeline.report.write import write_page
from learning_pipeline.settings import Settings, load_settings
from learning_pipeline_tests.factories import NOON, fill_lake
from learning_pipeline_tests.report.parsed import Element, parse

CHARTS = [chart for section in SECTIONS for chart in section.charts]
# Charts whose marts are yet to come.
TO_COME = {"answers"}
HOSTILE = """</script><script>alert(1)</script><img src=x onerror=alert(2)>'"`$(id)&amp;{{ 7*7 }}\u2028"""


def page_of(settings: Settings) -> Element:
    return parse(write_page(settings).path.read_text("utf-8"))


def specs_of(page: Element) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = json.loads("".join(page.one("script", id="specs").texts))
    return found


def test_every_chart_has_title_unit_n_and_a_table(settings: Settings) -> None:
    page = page_of(settings)
    figures = page.all("figure")
    assert len(figures) > 20
    for figure in figures:
        title = figure.one("h3")
        assert title.text
        assert figure.attributes["aria-labelledby"] == title.attributes["id"]
        assert figure.one("span", class_="unit").text.removeprefix("Unit:").strip()
        n = re.match(r"n = ([\d,]+) \w", figure.one("span", class_="n").text)
        assert n is not None, title.text
        assert int(n[1].replace(",", "")) > 0, title.text
        details = figure.children[-1]
        assert details.tag == "details"
        table = details.one("table")
        assert table.one("caption").text.startswith(title.text)
        assert len(table.all("th", scope="col")) == len(table.one("tbody").children[0].children)


def test_every_chart_that_is_drawn_has_a_specification_and_says_what_it_is(settings: Settings) -> None:
    page = page_of(settings)
    places = {place.attributes["data-chart"] for place in page.all("div", class_="chart")}
    specs = specs_of(page)
    assert places == set(specs)
    titles = {figure.attributes["id"].removeprefix("chart-"): figure.one("h3").text for figure in page.all("figure")}
    assert all(specs[name]["description"] == titles[name] for name in specs)


def test_no_table_of_the_page_has_more_rows_than_the_answer_to_its_query(settings: Settings) -> None:
    for figure in page_of(settings).all("figure"):
        sql = figure.one("details", class_="sql").one("code")
        if "router_" not in sql.text:
            rows = run(settings, sql="".join(sql.texts)).rows
            assert len(figure.one("tbody").children) == len(rows)


def test_ids_are_unique_and_links_lead_somewhere(settings: Settings) -> None:
    page = page_of(settings)

    def ids(element: Element) -> list[str]:
        own = [element.attributes["id"]] if "id" in element.attributes else []
        return own + [one for child in element.children for one in ids(child)]

    found = ids(page)
    assert len(found) == len(set(found))
    assert {link.attributes["href"] for link in page.all("a")} <= {f"#{one}" for one in found}


def test_what_scrolls_can_be_reached_by_keyboard_and_has_a_name(settings: Settings) -> None:
    page = page_of(settings)
    for region in page.all("div", class_="scroll"):
        assert region.attributes["tabindex"] == "0"
        assert region.attributes["aria-label"]
    assert page.one("a", class_="skip").attributes["href"] == "#main"
    assert page.one("html").attributes["lang"] == "en"


def test_nothing_is_fetched_and_only_the_page_s_own_scripts_may_run(settings: Settings) -> None:
    path = write_page(settings).path
    page = parse(path.read_text("utf-8"))
    policy = page.one("meta", **{"http-equiv": "Content-Security-Policy"}).attributes["content"]
    assert "default-src 'none'" in policy
    scripts = ["".join(script.texts) for script in page.all("script", type="module")]
    assert scripts[0] == script()
    assert re.findall(r"'sha256-[^']+'", policy) == [script_hash(text) for text in scripts]
    assert not [element for tag in ("script", "img", "iframe", "audio") for element in page.all(tag, src="")]
    assert all("src" not in element.attributes for element in page.all("script"))
    assert page.all("img") == []
    assert [link.attributes["href"] for link in page.all("link")] == ["data:,"]
    assert path.stat().st_size < 5_000_000


def test_light_and_dark_and_narrow_are_told_apart(settings: Settings) -> None:
    style = "".join(page_of(settings).one("style").texts)
    assert "prefers-color-scheme: dark" in style
    assert "max-width: 600px" in style


def test_names_and_texts_from_logs_stay_text(tmp_path: Path) -> None:
    settings = load_settings(tmp_path)
    named = {"agent_name": HOSTILE, "task_type": "other", "repository": HOSTILE, "task_text": HOSTILE}
    priced = {"input_tokens": 1000, "output_tokens": 10}
    fill_lake(
        settings.home,
        executions=[
            {"execution_id": f"e{n}", "session_id": "s", **named, "model": "claude-sonnet-4-5", **priced}
            for n in range(9)
        ],
        llm_calls=[{"call_id": "c", "execution_id": "e1", **priced, "source_file": HOSTILE}],
        tool_calls=[{"tool_call_id": "t", "tool_name": HOSTILE, "tool_kind": "mcp", "duration_ms": 5}],
        interactions=[{"interaction_id": "i", "source_agent": HOSTILE, "target_agent": HOSTILE}],
    )
    build(settings, now=datetime(2026, 3, 3, tzinfo=UTC))
    page = page_of(settings)
    assert len(page.all("script")) == 3
    assert page.all("img") == []
    cells = [cell.text for cell in page.one("figure", id="chart-agents").all("td")]
    assert " ".join(HOSTILE.split()) in cells
    drawn = specs_of(page)["latency_agents"]
    assert HOSTILE in json.dumps(drawn, ensure_ascii=False).replace('\\"', '"')


@pytest.mark.parametrize("text", ["</script>", "<!--", "<script>", "]]>", "&lt;", "\u2028", 'a"b\\'])
def test_a_data_block_holds_any_text(text: str) -> None:
    block = data_block({"name": text})
    assert json.loads(block) == {"name": text}
    assert not set("<>&") & set(block)


def test_an_empty_home_says_so_plainly(tmp_path: Path) -> None:
    report = write_page(load_settings(tmp_path / "nothing"))
    page = parse(report.path.read_text("utf-8"))
    assert report.charts == 0
    assert page.all("figure") == []
    assert "There are no marts yet" in page.text
    assert "There is no router yet" in page.text
    assert set(report.left_out) == {chart.name for chart in CHARTS}
    assert len(page.all("p", class_="absent")) >= len(CHARTS)
    assert all(card.one("p", class_="value").text == "unknown" for card in page.all("div", class_="card"))


def test_marts_without_rows_say_so(tmp_path: Path) -> None:
    settings = load_settings(tmp_path)
    build(settings, now=NOON)
    report = write_page(settings)
    assert "there are no rows yet" in report.left_out["cost_per_day"]


def test_all_that_is_asked_of_the_marts_can_be_asked(settings: Settings) -> None:
    """A chart is left out because its table is yet to come, or is empty; never because its SQL is wrong."""
    left_out = write_page(settings).left_out
    wrong = {name: why for name, why in left_out.items() if "no rows yet" not in why and not why.startswith("none: ")}
    assert set(wrong) <= TO_COME
    assert not [why for why in wrong.values() if "cannot be asked" in why]


@pytest.mark.parametrize("table", ["mart_usage_daily", "mart_agent_daily", "fct_executions", "mart_data_dictionary"])
def test_a_missing_table_costs_its_own_charts_only(settings: Settings, table: str) -> None:
    before = set(write_page(settings).left_out)
    with duckdb.connect(str(settings.marts_path)) as connection:
        connection.execute(f"drop table {table}")
    report = write_page(settings)
    asking = {chart.name for chart in CHARTS if all(table in question.needs for question in chart.asked)}
    assert set(report.left_out) - before == asking - before
    assert report.charts > 10


def test_a_table_of_another_form_costs_its_own_charts_only(settings: Settings) -> None:
    with duckdb.connect(str(settings.marts_path)) as connection:
        connection.execute("drop table mart_agent_leaderboard")
        connection.execute("create table mart_agent_leaderboard (agent_name varchar)")
    report = write_page(settings)
    assert report.left_out["agents"] == ("left out, since the marts have no mart_agent_leaderboard.rank.")
    assert report.charts > 10


def test_a_mart_that_comes_later_appears(settings: Settings) -> None:
    with duckdb.connect(str(settings.marts_path)) as connection:
        connection.execute("alter table mart_alert rename to later")
    assert write_page(settings).left_out["alerts"] == "left out, since the marts have no mart_alert."
    with duckdb.connect(str(settings.marts_path)) as connection:
        connection.execute("alter table later rename to mart_alert")
    assert "message" in page_of(settings).one("figure", id="chart-alerts").text


def test_sums_of_the_page_are_those_of_the_facts(settings: Settings) -> None:
    with reading(settings) as reader:
        chart = next(chart for chart in CHARTS if chart.name == "cost_per_model")
        shown = sum(row["cost_usd"] or Decimal(0) for row in reader.answer(chart).rows)
        facts = reader.raw(
            "select (select sum(cost_usd) from fct_llm_calls) + (select coalesce(sum(cost_usd), 0) from "
            "fct_executions as e where not exists (from fct_llm_calls as c where c.execution_id = e.execution_id))"
        )[0][0]
    assert shown == facts


def test_the_worked_example_adds_up_and_leads_to_its_line(settings: Settings) -> None:
    with reading(settings) as reader:
        found = example(reader)
        assert found is not None
        number, executions, calls = found.steps
        assert number.rows[0]["cost_usd"] == found.number
        assert sum(row["cost_usd"] or Decimal(0) for row in executions.rows) == found.number
        one = next(row for row in executions.rows if row["source_file"] == found.file)
        assert found.line == one["source_line"]
        if calls.rows:
            assert sum(row["cost_usd"] or Decimal(0) for row in calls.rows) <= found.number
    for step in found.steps:
        assert len(run(settings, sql=step.sql).rows) == len(step.rows)


def test_commands_of_the_example_are_safe_to_paste() -> None:
    from learning_pipeline.report.lineage import Example, Step

    step = Step("", "", "select '$(touch x)'", [])
    assert step.command == """learning-pipeline query --sql 'select '"'"'$(touch x)'"'"''"""
    assert Step("", "", "select 'a'", []).command == """learning-pipeline query --sql "select 'a'\""""
    assert Example(Decimal(1), "", [], "a b;c.jsonl", 7, True).command == "sed -n '7p' 'a b;c.jsonl'"


def test_the_router_is_shown_against_baselines(settings: Settings) -> None:
    page = page_of(settings)
    assert "Router abc123, stage staging" in page.one("section", id="router").text
    chart = page.one("figure", id="chart-router_success")
    assert [row.children[0].text for row in chart.one("tbody").children] == ["router", "best single", "random"]
    assert "1 of 3 have no value" in chart.text
    assert "n = 50" in chart.one("span", class_="n").text
    assert "chart-router_calibration" in {figure.attributes["id"] for figure in page.all("figure")}


def test_answers_that_were_followed_are_held_against_their_outcome(settings: Settings) -> None:
    with duckdb.connect(str(settings.marts_path)) as connection:
        connection.execute(
            "create or replace table mart_router_prediction as select 0.75::double as success_probability, "
            "n % 4 > 0 as success, n < 40 as is_followed from range(50) as one(n)"
        )
    row = page_of(settings).one("figure", id="chart-answers").one("tbody").children[0]
    assert [cell.text for cell in row.children[2:6]] == ["40", "30", "75.0 %", "75.0 %"]


def test_equal_n_of_one_day_counts_once() -> None:
    chart = Chart("c", "t", "a", "stack", "u", "n", "things", (Question({}, ""),), n_once="day")
    assert count(chart, [{"day": 1, "n": 5}, {"day": 1, "n": 5}, {"day": 2, "n": 1}]) == 6


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.name)
def test_specifications_compile(settings: Settings, chart: Chart) -> None:
    import vl_convert

    with reading(settings) as reader:
        rows = reader.answer(chart).rows
    drawn = spec(chart, rows)
    if chart.kind == "table" or not rows:
        assert drawn is None
    elif drawn is not None:
        svg = vl_convert.vegalite_to_svg({**drawn, "width": 400})
        assert "<path" in svg or "<text" in svg
        assert "NaN" not in svg
