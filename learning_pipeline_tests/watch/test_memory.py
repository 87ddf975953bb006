"""A finding is told once when it fires, and once when it clears."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from learning_pipeline.errors import PipelineError
from learning_pipeline.watch import memory
from learning_pipeline.watch.live import GIB, LIVE_RULES, measured
from learning_pipeline.watch.memory import Standing, advance

FIRST = datetime(2026, 3, 1, tzinfo=UTC)
STATES = st.sampled_from(["ok", "warning", "critical", None])


@given(st.lists(STATES, max_size=30))
def test_every_fire_is_told_once_and_every_clear_once(states: list[str | None]) -> None:
    before: dict[str, Standing] = {}
    told = []
    for n, state in enumerate(states):
        seen = {} if state is None else {"a": state}
        before, changes = advance(before, seen, FIRST + timedelta(hours=n))
        told += [change.state for change in changes]
        assert set(before) == set(seen)
    # What is told is what is seen, without repetition; what is not there is ok.
    seen_states = ["ok", *(state or "ok" for state in states)]
    expected = [now for was, now in pairwise(seen_states) if was != now]
    assert told == expected


def test_since_stays_while_the_state_does() -> None:
    first, _ = advance({}, {"a": "warning"}, FIRST)
    second, changes = advance(first, {"a": "warning"}, FIRST + timedelta(hours=5))
    assert not changes and second["a"].since == "2026-03-01T00:00:00+00:00"
    third, (change,) = advance(second, {"a": "ok"}, FIRST + timedelta(hours=6))
    assert change.cleared and change.before == "warning" and third["a"].since == "2026-03-01T06:00:00+00:00"


def test_what_is_remembered_survives_and_damage_forgets(tmp_path: Path) -> None:
    path = tmp_path / "health.json"
    assert memory.load(path) == {}
    standings = {"a": Standing("critical", "2026-03-01T00:00:00+00:00")}
    memory.save(path, standings)
    assert memory.load(path) == standings
    for damage in ('{"a": 1}', "[]", "{", '{"a": {"x": 1}}'):
        path.write_text(damage)
        assert memory.load(path) == {}
    with pytest.raises(PipelineError, match="cannot write"):
        memory.save(tmp_path / "no" / "health.json", standings)


@pytest.mark.parametrize(
    ("name", "value", "state"),
    [
        ("disk_free", 0.5, "ok"),
        ("disk_free", 0.04, "warning"),
        ("disk_free", 0.001, "critical"),
        ("home_size", 1.0, "ok"),
        ("home_size", 100.0 * GIB, "warning"),
        ("home_size", 900.0 * GIB, "critical"),
    ],
)
def test_rules_on_the_machine_fire_and_clear(name: str, value: float, state: str) -> None:
    rule = next(rule for rule in LIVE_RULES if rule.name == name)
    assert rule.state(value) == state


def test_the_machine_is_measured(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 1000)
    found = {one.rule.name: one for one in measured(tmp_path)}
    assert set(found) == {rule.name for rule in LIVE_RULES}
    assert found["home_size"].value == 1000 and 0 <= found["disk_free"].value <= 1
