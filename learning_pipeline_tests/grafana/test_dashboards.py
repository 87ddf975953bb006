"""Every query of every Grafana dashboard runs on a published database, as the role that may only read."""

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
import pytest
import yaml

from learning_pipeline.contracts.base import polars_schema
from learning_pipeline.contracts.published import Alerts, RouterPerformanceMetrics
from learning_pipeline_tests.factories import NOON, events
from learning_pipeline_tests.publish.conftest import server, upgraded, url
from learning_pipeline_tests.publish.helpers import load, version

__all__ = ["server", "upgraded", "url"]

ROOT = Path(__file__).parents[2] / "grafana"
DASHBOARDS = sorted((ROOT / "dashboards").glob("*.json"))
KINDS = {"timeseries", "stat", "table"}
TIMES = {"timestamp with time zone", "timestamptz"}
HOSTILE = "o'brien'; drop table x; --"


def panels() -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{path.stem}: {panel['title']}", panel)
        for path in DASHBOARDS
        for panel in json.loads(path.read_text("utf-8"))["panels"]
    ]


def as_grafana_sends_it(sql: str) -> str:
    """Replace Grafana's macros and variables as its PostgreSQL data source does."""
    begin, end = NOON - timedelta(days=30), NOON + timedelta(days=400)
    sql = re.sub(r"\$__timeFilter\(([^)]+)\)", rf"\1 BETWEEN '{begin.isoformat()}' AND '{end.isoformat()}'", sql)
    sql = re.sub(r"\$__timeGroup\(([^,]+), '1d'\)", r"floor(extract(epoch from \1)/86400)*86400", sql)
    quoted = ",".join("'" + name.replace("'", "''") + "'" for name in ("alpha", HOSTILE))
    sql = sql.replace("${agent:sqlstring}", quoted)
    assert "$" not in sql, sql
    return sql


def published(url: str) -> None:
    rows = [
        {
            "execution_id": f"e{n}",
            "agent_name": HOSTILE if n % 5 == 0 else "alpha",
            "repository": "repo",
            "success": n % 3 != 0,
            "outcome": "success" if n % 3 else "failure",
            "error_type": None if n % 3 else "tool",
            "started_at": NOON + timedelta(hours=n),
            "cost_usd": 1,
        }
        for n in range(30)
    ]
    plain = [{"decision_id": f"d{n}", "decided_at": NOON, "routing_us": n, "fallback": n == 0} for n in range(5)]
    decisions = events("routing_decisions", plain).select(list(polars_schema(RouterPerformanceMetrics)))
    alert = {"rule": "cost_spike", "subject": "all", "state": "warning", "value": 2.5, "threshold": 2.0, "since": NOON}
    alert |= {"n": 9, "unit": "times", "for_hours": 3}
    alerts = pl.DataFrame([alert], schema=polars_schema(Alerts))
    load(url, version(rows, recommended=[{}], router_performance_metrics=decisions, alerts=alerts))


def test_every_query_answers(upgraded: str) -> None:
    published(upgraded)
    empty = []
    with psycopg.connect(upgraded) as connection:
        connection.execute("set role learning_reader")
        connection.execute("set default_transaction_read_only = on")
        for name, panel in panels():
            for target in panel["targets"]:
                cursor = connection.execute(as_grafana_sends_it(target["rawSql"]).encode())
                columns = [column.name for column in cursor.description or []]
                found = cursor.fetchall()
                assert len(columns) == len(set(columns)), name
                if target["format"] == "time_series":
                    assert columns[0] == "time" and len(columns) > 1, name
                if not found:
                    empty.append(name)
        for path in DASHBOARDS:
            for variable in json.loads(path.read_text("utf-8"))["templating"]["list"]:
                names = [row[0] for row in connection.execute(variable["query"].encode()).fetchall()]
                assert HOSTILE in names
    # Nothing was trained, and nothing is in the log of a database that was loaded by hand.
    assert set(empty) <= {"routing: Versions of the router", "operations: What was done"}


def test_the_interval_is_wilsons(upgraded: str) -> None:
    from learning_pipeline.marts.stats import wilson_interval

    published(upgraded)
    sql = next(panel for name, panel in panels() if name == "work: Agents")["targets"][0]["rawSql"]
    with psycopg.connect(upgraded) as connection:
        rows = connection.execute(as_grafana_sends_it(sql).encode()).fetchall()
    assert len(rows) == 2
    for _, _, n, rate, low, high, _ in rows:
        assert (low, high) == pytest.approx(wilson_interval(round(rate * n), n), abs=1e-4)


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_is_whole(path: Path) -> None:
    board = json.loads(path.read_text("utf-8"))
    provisioned = yaml.safe_load((ROOT / "provisioning" / "datasources" / "learning_pipeline.yaml").read_text())
    (source,) = provisioned["datasources"]
    assert board["uid"] and board["title"] and board["description"]
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        assert panel["type"] in KINDS and panel["title"] and panel["description"]
        assert panel["datasource"] == {"type": source["type"], "uid": source["uid"]}
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken and max(x for x, _ in cells) < 24
        taken |= cells
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


def test_no_secret_is_in_a_file() -> None:
    provisioned = yaml.safe_load((ROOT / "provisioning" / "datasources" / "learning_pipeline.yaml").read_text())
    (source,) = provisioned["datasources"]
    assert source["secureJsonData"]["password"].startswith("${")
    assert source["user"].startswith("${") and source["url"].startswith("${")
