"""Real sessions of Codex and Copilot CLI, against counts by plain JSON and by ccusage."""

import json
import os
import re
import shutil
import subprocess
import tarfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from learning_pipeline_tests.homes import SHARED, land_all, read

ARCHIVE = SHARED / "data" / "agentv-checkpoints.tar.gz"
EXIT_CODE = re.compile(r"^(?:Process exited with code|Exit code:) (\d+)$", re.MULTILINE)
TOKENS = ("input_tokens", "cached_input_tokens", "output_tokens", "reasoning_output_tokens")
COLUMNS = ("input_tokens", "cache_read_tokens", "output_tokens", "reasoning_tokens")

pytestmark = pytest.mark.skipif(not ARCHIVE.exists(), reason="the real logs of shared/ are not on this machine")

Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with all logs of both programs: some are growing copies of one session."""
    tree = tmp_path_factory.mktemp("real")
    with tarfile.open(ARCHIVE) as archive:
        for member in archive:
            held = archive.extractfile(member) if member.name.endswith("/full.jsonl") else None
            data = held.read() if held is not None else b""
            kind = {b'"session_meta"': "codex", b'"session.start"': "copilot_cli"}
            for mark, name in kind.items():
                if mark in data.split(b"\n", 1)[0]:
                    path = tree / name / "-".join(Path(member.name).parts[1:-1]) / "full.jsonl"
                    path.parent.mkdir(parents=True)
                    path.write_bytes(data)
    return tree


@pytest.fixture(scope="module")
def home(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    for kind in ("codex", "copilot_cli"):
        report = land_all(home, tree / kind, kind)
        assert (report.quarantined, report.unknown_fields) == (0, {})
    return home


def sessions(tree: Path, kind: str) -> dict[str, Rows]:
    """Return the rows of each session's longest copy."""
    found: dict[str, Rows] = {}
    for path in sorted((tree / kind).rglob("full.jsonl")):
        rows = [json.loads(line) for line in path.read_bytes().splitlines() if line.strip()]
        first = rows[0]["payload"]["id"] if kind == "codex" else rows[0]["data"]["sessionId"]
        if len(rows) > len(found.get(first, [])):
            found[first] = rows
    return found


def of(home: Path, stream: str, source: str) -> pl.DataFrame:
    return read(home, stream).filter(pl.col("source") == source)


def calls_of(rows: Rows) -> Iterator[tuple[str, str | None, tuple[int, ...]]]:
    """Yield day, model and tokens of each call of a rollout."""
    model, before = None, None
    for row in rows:
        payload = row["payload"]
        if row["type"] == "turn_context":
            model = payload["model"]
        elif (
            payload.get("type") == "token_count" and payload["info"] and payload["info"]["total_token_usage"] != before
        ):
            before = payload["info"]["total_token_usage"]
            last = payload["info"]["last_token_usage"]
            given, cached, output, reasoning = (last[name] for name in TOKENS)
            yield row["timestamp"][:10], model, (given - cached, cached, output, reasoning)


def added(found: pl.DataFrame, *keys: str) -> dict[tuple[Any, ...], tuple[int, ...]]:
    sums = found.group_by(keys).agg(pl.col(name).sum() for name in COLUMNS)
    return {row[: len(keys)]: row[len(keys) :] for row in sums.select(*keys, *COLUMNS).iter_rows()}


def plus(parts: Iterator[tuple[tuple[Any, ...], tuple[int, ...]]]) -> dict[tuple[Any, ...], tuple[int, ...]]:
    sums: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0] * 4)
    for key, counts in parts:
        sums[key] = [a + b for a, b in zip(sums[key], counts, strict=True)]
    return {key: tuple(counts) for key, counts in sums.items()}


class TestCodex:
    def test_usage_by_session_and_by_day_and_model(self, tree: Path, home: Path) -> None:
        calls = of(home, "llm_calls", "codex")
        logs = sessions(tree, "codex")
        assert added(calls, "session_id") == plus(
            ((session,), counts) for session, rows in logs.items() for _, _, counts in calls_of(rows)
        )
        assert added(calls.with_columns(pl.col("day").cast(pl.String)), "day", "model") == plus(
            ((day, model), counts) for rows in logs.values() for day, model, counts in calls_of(rows)
        )

    def test_tool_calls_and_exit_codes(self, tree: Path, home: Path) -> None:
        used: Counter[str] = Counter()
        codes: Counter[int | None] = Counter()
        for rows in sessions(tree, "codex").values():
            for row in rows:
                payload = row["payload"]
                if row["type"] == "response_item" and payload["type"].endswith("_call"):
                    used[payload["type"]] += 1
                if payload.get("type") in ("function_call_output", "custom_tool_call_output"):
                    head = payload["output"].split("\nOutput:")[0] if isinstance(payload["output"], str) else ""
                    told = EXIT_CODE.search(head)
                    codes[int(told.group(1)) if told else None] += 1
        tools = of(home, "tool_calls", "codex")
        provider = pl.col("tool_name").is_in(("web_search", "tool_search"))
        assert tools.height == used.total()
        assert tools.filter(~provider).height == used["function_call"] + used["custom_tool_call"]
        found = dict(tools.filter(pl.col("exit_code").is_not_null()).group_by("exit_code").len().iter_rows())
        assert found == {code: n for code, n in codes.items() if code is not None}
        failed = tools.filter(pl.col("exit_code") != 0)
        assert failed["is_error"].all() and failed.height

    def test_turns_and_interrupted_turns(self, tree: Path, home: Path) -> None:
        begun, ends, asked = set(), {}, set()
        for rows in sessions(tree, "codex").values():
            turn = None
            for row in rows:
                payload = row["payload"]
                if payload.get("type") == "task_started":
                    begun.add(turn := payload["turn_id"])
                elif payload.get("type") == "user_message":
                    asked.add(turn)
                elif payload.get("type") in ("turn_aborted", "task_complete"):
                    ends[payload["turn_id"]] = (payload["type"] == "turn_aborted", payload["duration_ms"])
        found = of(home, "executions", "codex")
        assert set(found["execution_id"]) == asked & begun
        interrupted = found.filter(pl.col("outcome") == "interrupted")
        assert set(interrupted["execution_id"]) == {turn for turn, (aborted, _) in ends.items() if aborted}
        measured = found.filter(pl.col("execution_id").is_in(list(ends)))
        assert dict(measured.select("execution_id", "duration_ms").iter_rows()) == {
            turn: duration for turn, (_, duration) in ends.items() if turn in asked
        }

    @pytest.mark.skipif(shutil.which("ccusage") is None, reason="ccusage is not on this machine")
    def test_ccusage_counts_the_same(self, tree: Path, home: Path, tmp_path: Path) -> None:
        for session, rows in sessions(tree, "codex").items():
            at = rows[0]["timestamp"]
            folder = tmp_path / "sessions" / at[:4] / at[5:7] / at[8:10]
            folder.mkdir(parents=True, exist_ok=True)
            text = "\n".join(json.dumps(row, separators=(",", ":")) for row in rows)
            (folder / f"rollout-{at[:19].replace(':', '-')}-{session}.jsonl").write_text(text + "\n")
        calls = of(home, "llm_calls", "codex")
        by_session = {
            (row["sessionId"][-36:],): counted(row) for row in ccusage("codex", "session", tmp_path)["sessions"]
        }
        assert added(calls, "session_id") == by_session
        by_day = {
            (row["date"], model): counted(usage)
            for row in ccusage("codex", "daily", tmp_path)["daily"]
            for model, usage in row["models"].items()
        }
        assert added(calls.with_columns(pl.col("day").cast(pl.String)), "day", "model") == by_day


class TestCopilot:
    def test_what_each_session_says_at_its_end(self, tree: Path, home: Path) -> None:
        expected = {}
        for session, rows in sessions(tree, "copilot_cli").items():
            for row in rows:
                if row["type"] == "session.shutdown":
                    for model, metrics in row["data"]["modelMetrics"].items():
                        use = metrics["usage"]
                        cached = use["cacheReadTokens"]
                        given = use["inputTokens"] - cached - use["cacheWriteTokens"]
                        expected[session, model] = (given, cached, use["outputTokens"], use["reasoningTokens"])
        calls = of(home, "llm_calls", "copilot_cli")
        ended = calls.filter(pl.col("session_id").is_in([session for session, _ in expected]))
        assert added(ended, "session_id", "model") == expected
        # Each of these sessions made one call: nothing stands beside it.
        assert ended.height == len(expected)

    def test_messages_tools_and_failures(self, tree: Path, home: Path) -> None:
        kinds: Counter[str] = Counter()
        output = failed = 0
        for rows in sessions(tree, "copilot_cli").values():
            for row in rows:
                kinds[row["type"]] += 1
                failed += row["data"].get("success") is False and row["type"] == "tool.execution_complete"
                output += row["data"].get("outputTokens", 0) if row["type"] == "assistant.message" else 0
        calls, tools = of(home, "llm_calls", "copilot_cli"), of(home, "tool_calls", "copilot_cli")
        assert calls.height == kinds["assistant.message"]
        assert calls["output_tokens"].sum() == output
        assert tools.height == kinds["tool.execution_start"]
        assert tools["is_error"].is_not_null().sum() == kinds["tool.execution_complete"]
        assert tools["is_error"].sum() == failed
        assert of(home, "executions", "copilot_cli").height == kinds["user.message"]

    @pytest.mark.skipif(shutil.which("ccusage") is None, reason="ccusage is not on this machine")
    def test_ccusage_counts_the_same(self, tree: Path, home: Path, tmp_path: Path) -> None:
        for session, rows in sessions(tree, "copilot_cli").items():
            folder = tmp_path / "session-state" / session
            folder.mkdir(parents=True)
            text = "\n".join(json.dumps(row, separators=(",", ":")) for row in rows)
            (folder / "events.jsonl").write_text(text + "\n")
        found = {row["sessionId"]: row for row in ccusage("copilot", "session", tmp_path)["sessions"]}
        calls = of(home, "llm_calls", "copilot_cli")
        ours = added(calls.filter(pl.col("session_id").is_in(list(found))), "session_id")
        assert found
        for (session,), (given, cached, output, _) in ours.items():
            row = found[session]
            assert (given, cached, output) == (row["inputTokens"], row["cacheReadTokens"], row["outputTokens"])


def counted(row: dict[str, Any]) -> tuple[int, ...]:
    return tuple(row[name] for name in ("inputTokens", "cacheReadTokens", "outputTokens", "reasoningOutputTokens"))


def ccusage(agent: str, report: str, logs: Path) -> Any:
    command = ["ccusage", agent, report, "--json", "--offline", "--timezone", "UTC"]
    variables = {**os.environ, "CODEX_HOME": str(logs), "COPILOT_HOME": str(logs)}
    return json.loads(subprocess.run(command, env=variables, capture_output=True, check=True, text=True).stdout)
