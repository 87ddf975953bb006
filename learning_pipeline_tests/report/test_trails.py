"""Numbers of the page lead to lines that add up to them."""

import shlex
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from learning_pipeline.marts.build import build
from learning_pipeline.marts.query import run
from learning_pipeline.report.page import SECTIONS
from learning_pipeline.report.reader import Reader, reading
from learning_pipeline.report.trails import Trail, trails
from learning_pipeline.report.write import write_page
from learning_pipeline.settings import Settings, load_settings
from learning_pipeline_tests.factories import NOON, fill_lake
from learning_pipeline_tests.report.parsed import parse

CHARTS = {chart.name: chart for section in SECTIONS for chart in section.charts}
HOSTILE = """'; drop table x; -- "$(id)" `id` {0} {day} !! \\"""


def shown(reader: Reader, trail: Trail) -> object:
    """Return the trail's number as the page's chart has it."""
    rows = reader.answer(CHARTS[trail.chart]).rows
    if trail.chart == "cost_per_day":
        return sum((row["cost_usd"] for row in rows if str(row["day"]) == trail.subject), Decimal(0))
    if trail.chart == "agents":
        return next(f"{row['successes']} of {row['labelled']}" for row in rows if row["agent"] == trail.subject)
    if trail.chart == "tool_errors":
        return next(row["errors"] for row in rows if row["tool"] == trail.subject)
    return trail.number  # a day's tokens are of all models together there


def test_the_lines_add_up_to_the_number_of_the_chart(settings: Settings) -> None:
    with reading(settings) as reader:
        found = trails(reader)
        assert [trail.chart for trail in found] == ["cost_per_day", "tokens_per_day", "agents", "tool_errors"]
        for trail in found:
            assert trail.rows, trail.title
            assert trail.number == trail.together == shown(reader, trail), trail.title
            assert all(row["source_file"] and row["source_line"] is not None for row in trail.rows), trail.title


def test_every_day_s_cost_and_every_model_s_tokens_are_the_sum_of_their_lines(settings: Settings) -> None:
    with reading(settings) as reader:
        cost, tokens = trails(reader)[:2]
        days = reader.raw("select day::varchar, sum(cost_usd) from mart_usage_daily where cost_usd > 0 group by day")
        for day, total in days:
            assert cost.adds_up(reader.rows(cost.sql.replace(cost.subject, day))) == total
        name, day = tokens.subject.split(", ")
        models = reader.raw(
            "select model, day::varchar, sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0) + "
            "coalesce(cache_read_tokens, 0) + coalesce(cache_write_tokens, 0)) from mart_usage_daily "
            "where model is not null group by all"
        )
        assert len(models) > 1
        for model, on, total in models:
            sql = tokens.sql.replace(f"'{day}'", f"'{on}'").replace(f"'{name}'", f"'{model}'")
            assert tokens.adds_up(reader.rows(sql)) == total


def test_the_commands_of_the_page_ask_what_it_says(settings: Settings) -> None:
    with reading(settings) as reader:
        found = trails(reader)
    section = parse(write_page(settings).path.read_text("utf-8")).one("section", id="lineage")
    commands = ["".join(code.texts) for code in section.all("code")]
    for trail in found:
        assert trail.command in commands
        program, query, option, sql = shlex.split(trail.command)
        assert (program, query, option) == ("learning-pipeline", "query", "--sql")
        assert len(run(settings, sql=sql).rows) == len(trail.rows)
    assert "learning-pipeline lake rejected" in commands


def test_names_from_logs_stay_text_in_commands(tmp_path: Path) -> None:
    settings = load_settings(tmp_path)
    one = {"execution_id": "a", "agent_name": HOSTILE, "status": "success", "started_at": NOON}
    fill_lake(
        settings.home, executions=[one], tool_calls=[{"tool_call_id": "t", "tool_name": HOSTILE, "is_error": True}]
    )
    build(settings, now=NOON)
    with reading(settings) as reader:
        found = {trail.chart: trail for trail in trails(reader)}
    assert found["tool_errors"].subject == HOSTILE
    for trail in found.values():
        assert trail.number == trail.together
        sql = shlex.split(trail.command)[-1]
        assert sql == trail.sql
        assert len(run(settings, sql=sql).rows) == len(trail.rows)


@pytest.mark.parametrize("table", ["mart_usage_daily", "fct_tool_calls"])
def test_without_a_table_its_trails_are_left_out(settings: Settings, table: str) -> None:
    with duckdb.connect(str(settings.marts_path)) as connection:
        connection.execute(f"drop table {table}")
    with reading(settings) as reader:
        assert {trail.chart for trail in trails(reader)} < {"cost_per_day", "tokens_per_day", "agents", "tool_errors"}
