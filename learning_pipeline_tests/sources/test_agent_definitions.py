"""Definitions of agents: registries and Markdown, versions by content, and files that are traps."""

import json
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learning_pipeline.contracts.vocabulary import UNDATED
from learning_pipeline.sources import agent_definitions, registry
from learning_pipeline.sources.base import Line, Options, Parsed
from learning_pipeline_tests.homes import NOW, land_all, read
from learning_pipeline_tests.sources.lines import held, landed, united

MARKDOWN = b"""---
name: reviewer
description: Use this agent when: somebody wrote code
tools: Read, Grep
model: sonnet
---

You review.
"""
REGISTRY = b"""agents:
  - name: planner
    version: 1.10
    title: Plans
    domain: planning
    type: specialist
    model: inherit
    status: active
    updated_at: 2026-02-03
    capabilities: {primary: [plan, estimate], secondary: [draw]}
    activation_patterns:
      explicit_triggers: [plan this]
      context_triggers: ['roadmap.*']
  - agent_name: builder
    capabilities: [build]
    activation_triggers: [build]
    temperature: 0.2
"""


def parsed(raw: bytes) -> Parsed:
    found = agent_definitions.parse([Line(1, 0, raw)], Options())
    told = set(found.records["source_line"])
    assert found.lines_read == len(told) + len(found.rejects) + found.ignored.total()
    return found


def rows(raw: bytes) -> list[dict[str, Any]]:
    found = parsed(raw)
    assert found.rejects == []
    frame = registry.family("agent_definitions").assemble({"event": united(landed(found, "agent_definitions"))})
    held(frame["agent_definitions"], "agent_definitions")
    return sorted(frame["agent_definitions"].to_dicts(), key=lambda row: row["source_line"])


def test_markdown_whose_front_matter_is_no_yaml() -> None:
    (row,) = rows(MARKDOWN)
    assert row["definition_hash"] == sha256(MARKDOWN).hexdigest()
    assert (row["agent_name"], row["model"], row["tools"]) == ("reviewer", "sonnet", ["Read", "Grep"])
    definition = json.loads(row["definition"])
    assert definition["instructions"] == "You review."
    assert definition["description"] == "Use this agent when: somebody wrote code"
    assert (row["loaded_at"], row["day"]) == (None, UNDATED)


def test_a_registry_of_several() -> None:
    planner, builder = rows(REGISTRY)
    assert (planner["agent_name"], planner["agent_version"], planner["model"]) == ("planner", "1.10", None)
    assert (planner["title"], planner["domain"], planner["agent_type"]) == ("Plans", "planning", "specialist")
    assert (planner["capabilities"], planner["triggers"]) == (["plan", "estimate"], ["plan this"])
    assert (planner["trigger_patterns"], planner["status"]) == (["roadmap.*"], "active")
    assert (planner["loaded_at"], planner["day"]) == (datetime(2026, 2, 3, tzinfo=UTC), date(2026, 2, 3))
    assert (builder["capabilities"], builder["triggers"]) == (["build"], ["build"])
    assert json.loads(builder["attributes"]) == {"file_sha256": sha256(REGISTRY).hexdigest()}
    assert planner["definition_hash"] != builder["definition_hash"]
    assert parsed(REGISTRY).lines_read == 2
    assert parsed(REGISTRY).unknown == {"field:temperature": 1}
    changed = rows(REGISTRY.replace(b"[build]", b"[build, ship]", 1))
    assert changed[0]["definition_hash"] == planner["definition_hash"]
    assert changed[1]["definition_hash"] != builder["definition_hash"]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("name: a\ncapabilities: [x]", ["a"]),
        ("agent:\n  name: a", ["a"]),
        ("- name: a\n- name: b", ["a", "b"]),
        ("name: a\n---\nname: b", ["a", "b"]),
        ("agents:\n  a: {model: opus}\n  b: {tools: Read}", ["a", "b"]),
        ("a: {description: x}\nb: {model: y}", ["a", "b"]),
        ("---\nname: a\n---\nkey: a body that could be YAML", ["a"]),
        ("\ufeff---\r\nname: a\r\ntools: [Read]\r\n---\r\n\r\nbody\r\n", ["a"]),
    ],
)
def test_forms(text: str, names: list[str]) -> None:
    assert [row["agent_name"] for row in rows(text.encode())] == names


@pytest.mark.parametrize("text", ["# Read me\n\n[x: y\n", "key: value\n", "[1, 2]", "plain words", "---\n---\n"])
def test_other_files_are_ignored_by_a_rule(text: str) -> None:
    found = parsed(text.encode())
    if found.rejects:
        assert [reject.check for reject in found.rejects] == ["missing_field"]
    else:
        assert found.ignored == {"no_definition": 1}


@pytest.mark.parametrize(
    ("raw", "check"),
    [
        (b"name: [", "yaml"),
        (b"name: \xff", "utf8"),
        (b"name: a\ncapabilities: 7", "type"),
        (b"name: a\ntitle: [x]", "type"),
        (b"agents: [a, b]", "type"),
        (b"---\ndescription: nobody\n---\nbody", "missing_field"),
        (b"name: &a [*a]", "yaml"),
        (b"name: !!python/object/apply:os.system ['true']", "yaml"),
        (b"a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
         b"d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nname: [*e,*e,*e]", "yaml"),
        (b"name: " + b"[" * 5000, "yaml"),
        (b"name: a\nx: '" + b"y" * 5_000_000 + b"'", "too_long"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_rejected(raw: bytes, check: str) -> None:
    assert {reject.check for reject in parsed(raw).rejects} == {check}


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_damaged_files_never_fail(data: st.DataObject) -> None:
    text = bytearray(data.draw(st.sampled_from([MARKDOWN, REGISTRY])))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(text) - 1))
        match data.draw(st.integers(0, 2)):
            case 0:
                text[at] = data.draw(st.integers(0, 255))
            case 1:
                del text[at : at + 9]
            case _:
                text[at:at] = data.draw(
                    st.sampled_from([b"---\n", b": ", b"&a ", b"*a", b"- ", b"{", b"<<: *a\n", b"\t"])
                )
    found = parsed(bytes(text))
    registry.family("agent_definitions").assemble({"event": united(landed(found, "agent_definitions"))})


@pytest.mark.parametrize(
    ("head", "is_one"),
    [
        (MARKDOWN, True),
        (REGISTRY, True),
        (b"---\ntitle: A post\ndate: 2026-01-01\n---\nname: x", False),
        (b"---\nname: pdf\ndescription: A skill\nallowed-tools: Read\n---\n", False),
        (b"# Read me\nname: x\n", False),
        (b'{"name": "x", "capabilities": []}', False),
        (b"name: build\non: push\njobs: {}\n", False),
    ],
)
def test_sniffing(head: bytes, is_one: bool) -> None:
    assert agent_definitions.sniff(head) is is_one


def test_a_change_is_a_new_row_and_the_old_one_stays(tmp_path: Path) -> None:
    folder = tmp_path / "project" / ".claude" / "agents"
    folder.mkdir(parents=True)
    path = folder / "reviewer.md"
    path.write_bytes(MARKDOWN)
    home = tmp_path / "home"
    first = land_all(home, tmp_path / "project", kind="agent_definitions")
    assert (first.lines_read, first.events) == (1, 1)
    path.touch()
    again = land_all(home, tmp_path / "project", kind="agent_definitions", now=NOW + timedelta(days=1))
    assert (again.events, again.duplicates, again.days) == (0, 1, [])
    newer = MARKDOWN.replace(b"\n\nYou review.", b"\n\n\nYou review \t\nwith care.")
    path.write_bytes(newer)
    land_all(home, tmp_path / "project", kind="agent_definitions", now=NOW + timedelta(days=2))
    path.unlink()
    land_all(home, tmp_path / "project", kind="agent_definitions", now=NOW + timedelta(days=3))
    kept = read(home, "agent_definitions").sort("landed_at")
    assert kept["definition_hash"].to_list() == [sha256(MARKDOWN).hexdigest(), sha256(newer).hexdigest()]
    assert kept["path"].unique().to_list() == [".claude/agents/reviewer.md"]


def test_hash_mode_keeps_no_words(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "a.md").write_bytes(MARKDOWN)
    land_all(tmp_path / "home", tmp_path / "logs", kind="agent_definitions", task_text="hash")
    (row,) = read(tmp_path / "home", "agent_definitions").to_dicts()
    assert (row["agent_name"], row["definition"]) == ("reviewer", None)
