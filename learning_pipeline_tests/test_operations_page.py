"""The page on operations says what the program does."""

import re
from pathlib import Path

import yaml

from learning_pipeline.assets.instance import CONFIG
from learning_pipeline.marts.alert_rules import RULES
from learning_pipeline.watch.live import LIVE_RULES

PAGE = (Path(__file__).parents[1] / "docs" / "operations.md").read_text("utf-8")


def test_the_page_lists_every_alert_rule() -> None:
    section = PAGE.partition("## Alert rules")[2].partition("\n## ")[0]
    listed = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    assert listed == [rule.name for rule in RULES] + [rule.name for rule in LIVE_RULES]


def test_the_example_of_a_deployment_limits_runs_as_the_embedded_one_does() -> None:
    example = yaml.safe_load(PAGE.partition("```yaml\n")[2].partition("```")[0])
    embedded = yaml.safe_load(CONFIG)
    for name in ("concurrency", "run_monitoring", "run_retries", "freshness", "telemetry"):
        assert example[name] == embedded[name]
    assert example["storage"]["postgres"]["postgres_db"]["password"] == {"env": "DAGSTER_PG_PASSWORD"}
