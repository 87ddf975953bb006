"""A home directory, and a lake with a bit of everything."""

import json
import random
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from learning_pipeline.marts.build import build
from learning_pipeline.settings import Settings, load_settings
from learning_pipeline_tests.factories import fill_lake

NOW = datetime(2026, 4, 1, tzinfo=UTC)
FIRST = datetime(2026, 3, 1, tzinfo=UTC)
DAYS = 20


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(tmp_path / "home")


def commit_id(number: int) -> str:
    return f"{number:07d}" + "a" * 33


def in_house(rng: random.Random) -> dict[str, list[dict[str, Any]]]:
    """Return rows of the streams that in-house logs tell; some feedback is on executions of `world`."""
    times = [FIRST + timedelta(hours=7 * n, minutes=n) for n in range(60)]
    about = [{"execution_id": f"e{n * 6}"} if n % 3 else {"session_id": f"session-{n}"} for n in range(60)]
    return {
        "routing_decisions": [{"decision_id": f"d{n}", "decided_at": at} for n, at in enumerate(times)],
        "agent_transformations": [{"event_id": f"x{n}", "started_at": at} for n, at in enumerate(times)],
        "interactions": [{"interaction_id": f"i{n}", "requested_at": at} for n, at in enumerate(times)],
        "feedback": [
            {"feedback_id": f"f{n}", "execution_id": None, "given_at": at, "rating": float(rng.randrange(1, 6))}
            | about[n]
            for n, at in enumerate(times)
        ],
        "agent_definitions": [
            {"definition_hash": f"{n:064d}", "loaded_at": FIRST + timedelta(days=n)} for n in range(5)
        ],
        "health_events": [{"event_id": f"h{n}", "occurred_at": at} for n, at in enumerate(times)],
    }


def world(seed: int = 7) -> dict[str, list[dict[str, Any]]]:
    """Return rows of all streams: unknown values, sub-agents, unpriced models, work over midnight, commits."""
    rng, more = random.Random(seed), random.Random(seed + 1)
    rows: dict[str, list[dict[str, Any]]] = {"executions": [], "llm_calls": [], "tool_calls": [], "git_events": []}
    rows |= in_house(random.Random(seed + 2))
    models = ["claude-opus-4-5-20251101", "claude-sonnet-4-5", "gpt-5", "no-such-model", None]
    for n in range(400):
        start = FIRST + timedelta(seconds=rng.randrange(DAYS * 86400))
        took = timedelta(seconds=rng.randrange(1, 9000))
        session = f"session-{rng.randrange(90)}"
        success = rng.choice([True, True, True, False, None])
        parent = f"e{n - 1}" if n % 7 == 3 else None
        agent = rng.choice(["alpha", "beta", "gamma", "delta"])
        ended = None if n % 50 == 0 else start + took
        model = rng.choice(models)
        common = {"execution_id": f"e{n}", "session_id": session, "agent_name": agent}
        rows["executions"].append(
            common
            | {
                "parent_execution_id": parent,
                "agent_kind": "subagent" if parent else "main",
                "model": model,
                "task_type": rng.choice(["bug_fix", "feature", None]),
                "repository": rng.choice(["repo", "other", None]),
                "started_at": start,
                "ended_at": ended,
                "duration_ms": None if ended is None else int(took.total_seconds() * 1000),
                "success": success,
                "outcome": {True: "success", False: "failure", None: "unknown"}[success],
                "error_type": "tool" if success is False else None,
                "quality_score": rng.choice([None, rng.random()]),
                "reported_cost_usd": rng.choice([None, rng.randrange(1000) / 1000]),
                "input_tokens": rng.choice([None, rng.randrange(10_000)]),
                "output_tokens": more.choice([None, 0, *range(1000, 1010)]),
                "cache_write_tokens": more.choice([None, more.randrange(5000)]),
                "source": more.choice(["claude_code", "execution_log", "execution_log"]),
                "tool_errors": rng.randrange(3),
            }
        )
        for k in range(rng.randrange(5)):
            at = start + took * (k / 5)
            rows["llm_calls"].append(
                common
                | {
                    "call_id": f"c{n}.{k}",
                    "model": model,
                    "provider": None,
                    "started_at": at,
                    "duration_ms": rng.choice([None, rng.randrange(60_000)]),
                    "input_tokens": rng.choice([None, *range(100, 120)]),
                    "output_tokens": rng.randrange(5000),
                    "cache_read_tokens": rng.randrange(300_000),
                    "cache_write_5m_tokens": rng.choice([None, rng.randrange(9000)]),
                    "cache_write_1h_tokens": rng.choice([None, rng.randrange(9000)]),
                    "is_error": rng.choice([None, False, True]),
                    "source": rng.choice(["claude_code", "execution_log"]),
                }
            )
        for k in range(rng.randrange(4)):
            rows["tool_calls"].append(
                common
                | {
                    "tool_call_id": f"t{n}.{k}",
                    "tool_name": rng.choice(["Bash", "Read", None]),
                    "started_at": start + took * (k / 5),
                    "duration_ms": rng.choice([None, rng.randrange(60_000)]),
                    "is_error": rng.choice([None, False, True]),
                    "decision": rng.choice([None, "accept", "reject"]),
                    "commit_prefix": commit_id(rng.randrange(70))[:7] if rng.random() < 0.1 else None,
                }
            )
    rows["llm_calls"] += [{"call_id": f"loose{n}", "input_tokens": 9, "output_tokens": 1} for n in range(3)]
    for n in range(60):
        rows["git_events"].append(
            {
                "event_id": f"g{n}",
                "commit": commit_id(n),
                "occurred_at": FIRST + timedelta(hours=n * 7),
                "session_id": f"session-{n}" if n % 5 == 0 else None,
                "reverts_commit": commit_id(n - 3) if n % 11 == 10 else None,
                "subject": f"change {n}",
                "lines_added": n,
                "lines_removed": None,
                "author_hash": f"author{n % 3}",
                "is_merge": n % 9 == 0,
            }
        )
    told = {"note": "git-ai", "entry": "prompt", "accepted_lines": 4, "total_additions": 3, "dangling": False}
    for n in range(6):
        rows["git_events"].append(
            {
                "event_id": f"n{n}",
                "event_type": "note",
                "commit": commit_id(n),
                "occurred_at": FIRST + timedelta(hours=n * 7),
                "session_id": f"session-{n % 2}",
                "attributes": json.dumps(told | {"entry_id": f"p{n % 2}", "attributed_lines": n}),
            }
        )
    return rows


@pytest.fixture(scope="session")
def world_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose lake holds `world`, with the marts of it; tests copy it: a build takes as long as 20 copies."""
    home = tmp_path_factory.mktemp("world") / "home"
    fill_lake(home, **world())
    build(load_settings(home), now=NOW)
    return home


@pytest.fixture
def full(settings: Settings, world_home: Path) -> Settings:
    """Settings of a home whose lake holds `world`, and of which nothing is built."""
    return load_settings(copied(world_home, settings.home, built=False))


@pytest.fixture
def built(settings: Settings, world_home: Path) -> Settings:
    """Settings of a home whose lake holds `world`, with the marts of it."""
    return load_settings(copied(world_home, settings.home))


def copied(home: Path, to: Path, *, built: bool = True) -> Path:
    """Copy a home, with its marts or with its lake only; return where it is."""
    no_marts = None if built else shutil.ignore_patterns("marts", "marts.duckdb")
    return Path(shutil.copytree(home, to, ignore=no_marts))
