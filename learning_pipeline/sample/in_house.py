"""The other logs of the agent pool: how its tasks were routed, who asked whom, what people thought, who was well."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from learning_pipeline.sample.clock import iso_day, iso_ms
from learning_pipeline.sample.dice import Dice
from learning_pipeline.sample.execution_log import Run
from learning_pipeline.sample.manifest import Book
from learning_pipeline.sample.world import POOL_AGENTS, TASK_TYPE_NAMES

Lines = list[tuple[int, dict[str, Any]]]

_AGENTS = tuple(POOL_AGENTS)
_COMMENTS = ("does what it should", "took too long", "the tests are missing", "exactly right", "wrong file was changed")
_SIGNS = (
    ({"status": "stable"}, 0.5),
    ({"status": "healthy"}, 0.2),
    ({"status": "degraded", "category": "api_timeout", "message": "slow answers from the provider"}, 0.1),
    ({"status": "config issue", "category": "kafka", "message": "no broker is configured"}, 0.05),
    ({"event_type": "error", "category": "database", "message": "deadlock detected"}, 0.1),
    ({"event_type": "recovered", "status": "stable"}, 0.05),
)
# One line of each file breaks a rule, of this name.
_INVALID: dict[str, tuple[str, dict[str, Any]]] = {
    "routing_log": ("nothing_selected", {"decided_at": None, "confidence_score": 0.5}),
    "transformation_log": ("no_target", {"started_at": None, "event_type": "transformation_start"}),
    "interaction_log": ("negative_latency", {"requested_at": None, "source_agent": "a", "target_agent": "b",
                                             "latency_ms": -1}),
    "feedback": ("about_nothing", {"given_at": None, "rating": 5}),
    "health_log": ("ratio_out_of_range", {"occurred_at": None, "agent_name": "generalist", "status": "stable",
                                          "cpu_percent": 140}),
}  # fmt: skip


def write_in_house(dice: Dice, book: Book, out: Path, runs: Sequence[Run]) -> None:
    """Write the logs that tell of these runs, and the definitions of the agents."""
    told: dict[str, Lines] = {kind: [] for kind in _INVALID}
    for run in runs:
        told["routing_log"] += _decision(dice, book, run)
        if dice.chance(0.4):
            told["transformation_log"] += _transformation(dice, book, run)
        if dice.chance(0.3):
            told["interaction_log"].append(_interaction(dice, run))
        if run.state in ("success", "failure") and dice.chance(0.1):
            told["feedback"].append(_judgement(dice, book, run))
        if dice.chance(0.3):
            told["health_log"].append(_sign(dice, run))
    for kind, lines in told.items():
        _write(book, out / kind, kind, lines)
    _write_definitions(book, out / "agent_definitions")


def _decision(dice: Dice, book: Book, run: Run) -> Lines:
    """Write a decision with the names of one of two routers; of some, a later line says how it turned out."""
    at = run.started - dice.between(20, 400)
    components = {name: round(dice.random(), 3) for name in ("trigger", "context", "capability", "historical")}
    other = dice.pick([name for name in _AGENTS if name != run.agent])
    line: dict[str, Any] = {
        "decision_id": f"decision-{run.execution_id}",
        "session_id": run.session,
        "execution_id": run.execution_id,
        "selected_agent": run.agent,
        "user_request": run.text,
    }
    hit = dice.chance(0.3)
    if dice.chance(0.5):
        line |= {
            "decided_at": iso_ms(at),
            "confidence_score": run.confidence,
            "confidence_components": components,
            "routing_strategy": "hybrid",
            "alternatives": [{"agent": other, "confidence": 0.2, "reason": "also knows this"}],
            "total_routing_time_us": dice.between(300, 9000),
            "cache_hit": hit,
        }
    else:
        line |= {
            "timestamp": at / 1000,
            "selected_model": run.model,
            "confidence": run.confidence,
            **{f"{name}_confidence": value for name, value in components.items()},
            "selection_strategy": "tier",
            "alternatives": [other],
            "routing_time_ms": dice.between(1, 9),
            "cache_hit": "true" if hit else "false",
        }
    book.count("routing_log", "decisions")
    book.count("routing_log", "cache_hits", int(hit))
    lines = [(at, line)]
    if run.state in ("success", "failure") and dice.chance(0.3):
        later = run.started + run.duration + dice.between(1, 40) * 3_600_000
        checked = {"validated_at": iso_ms(later), "actual_success": run.state == "success"}
        lines.append((later, {"decision_id": line["decision_id"], **checked}))
        book.count("routing_log", "validated")
    return lines


def _transformation(dice: Dice, book: Book, run: Run) -> Lines:
    common = {
        "correlation_id": f"request-{run.execution_id}",
        "session_id": run.session,
        "source_agent": "orchestrator",
        "target_agent": run.agent,
        "routing_confidence": run.confidence,
        "routing_strategy": "hybrid",
    }
    start = {
        **common,
        "event_type": "transformation_start",
        "started_at": iso_ms(run.started),
        "transformation_reason": "the task calls for it",
        "context_snapshot": {"branch": run.branch, "task": run.text},
        "transformation_duration_ms": dice.between(1, 30),
    }
    book.count("transformation_log", "starts")
    lines = [(run.started, start)]
    if run.state in ("success", "failure"):
        ended = run.started + run.duration
        well = run.state == "success"
        end: dict[str, Any] = {**common, "event_type": f"transformation_{'complete' if well else 'failed'}",
                               "completed_at": iso_ms(ended), "total_execution_duration_ms": run.duration,
                               "success": well}  # fmt: skip
        if run.error is not None:
            end["error_message"] = run.error[1]
        lines.append((ended, end))
        book.count("transformation_log", "completions" if well else "failures")
    return lines


def _interaction(dice: Dice, run: Run) -> tuple[int, dict[str, Any]]:
    at = run.started + dice.between(100, 5000)
    answered = at + dice.between(50, 4000)
    return at, {
        "interaction_id": f"interaction-{run.execution_id}",
        "session_id": run.session,
        "source_agent": run.agent,
        "target_agent": dice.pick([name for name in _AGENTS if name != run.agent]),
        "interaction_type": dice.pick(("question", "handover", "review")),
        "requested_at": iso_ms(at),
        "responded_at": iso_ms(answered),
        "success": dice.chance(0.9),
        "retry_attempt": 0,
        "message_content": run.text,
        "response_content": "done",
        "coordination_pattern": "sequential",
    }


def _judgement(dice: Dice, book: Book, run: Run) -> tuple[int, dict[str, Any]]:
    """Write what somebody thought of a run; it agrees with how the run went."""
    at = run.started + run.duration + dice.between(1, 600) * 60_000
    well = run.state == "success"
    line: dict[str, Any] = {"feedback_id": f"feedback-{run.execution_id}", "timestamp": iso_ms(at)}
    if dice.chance(0.5):
        line |= {"execution_id": run.execution_id, "rating": dice.between(4, 5) if well else dice.between(1, 2)}
    elif dice.chance(0.5):
        line |= {"session_id": run.session, "rating": 10 if well else 1, "rating_scale": 10}
    else:
        line |= {"task_id": run.execution_id, "satisfaction": "excellent" if well else "poor"}
    if not well and dice.chance(0.3):
        line |= {"issue_type": "wrong_agent", "expected_agent": dice.pick(_AGENTS)}
    line["comment"] = dice.pick(_COMMENTS)
    book.count("feedback", "good" if well else "bad")
    return at, line


def _sign(dice: Dice, run: Run) -> tuple[int, dict[str, Any]]:
    at = run.started + dice.between(0, 60_000)
    line = {
        "occurred_at": iso_ms(at),
        "agent_name": run.agent,
        **dice.weighted(_SIGNS),
        "latency_ms": dice.between(20, 900),
        "cpu_percent": dice.between(1, 99),
        "memory_mb": dice.between(80, 900),
    }
    return at, line


def _write(book: Book, folder: Path, kind: str, lines: Lines) -> None:
    """Write one file a day, with one line that breaks a rule in the first."""
    files: dict[str, list[tuple[int, int, bytes]]] = {}
    for number, (at, line) in enumerate(lines):
        files.setdefault(iso_day(at), []).append((at, number, msgspec.json.encode(line)))
    for number, name in enumerate(sorted(files)):
        rows = [row for _, _, row in sorted(files[name])]
        if number == 0:
            rule, broken = _INVALID[kind]
            rows.append(msgspec.json.encode({**broken, next(iter(broken)): f"{name}T12:00:00.000Z"}))
            book.damage(kind, rule)
        book.file(kind, folder / f"{name}.jsonl", b"\n".join(rows) + b"\n")
    book.count(kind, "events", len(lines))


def _write_definitions(book: Book, folder: Path) -> None:
    """Write each agent's definition: half of them in files of their own, half in one registry."""
    registry = ["agents:"]
    for number, agent in enumerate(POOL_AGENTS.values()):
        best = sorted(TASK_TYPE_NAMES, key=lambda name: -agent.success[name])[:3]
        if number % 2:
            text = "\n".join(
                (
                    "---",
                    f"name: {agent.name}",
                    f"description: Use this agent for {best[0]}: it is good at it",
                    "tools: Read, Edit, Bash",
                    "model: sonnet",
                    "---",
                    "",
                    f"You are {agent.name}. You care for {', '.join(best)}.",
                    "",
                )
            )
            book.file("agent_definitions", folder / ".claude" / "agents" / f"{agent.name}.md", text.encode())
        else:
            registry += [
                f"  - name: {agent.name}",
                f"    version: 1.{number}0",
                f"    domain: {agent.pool}",
                f"    capabilities: {{primary: [{', '.join(best)}]}}",
                f"    activation_patterns: {{explicit_triggers: [{best[0]}]}}",
                "    status: active",
            ]
    book.file("agent_definitions", folder / "agents.yaml", ("\n".join(registry) + "\n").encode())
    book.count("agent_definitions", "definitions", len(POOL_AGENTS))
