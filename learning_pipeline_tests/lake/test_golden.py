"""Real transcripts against counts that two independent readers agree on."""

import json
import random
import tarfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from learning_pipeline_tests.homes import SHARED, digests, land_all, read

NAME = "entireio-cli-checkpoints"
ARCHIVE = SHARED / "data" / f"{NAME}.tar.gz"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not ARCHIVE.exists(), reason="the real logs of shared/ are not on this machine"),
]


@pytest.fixture(scope="module")
def golden() -> dict[str, Any]:
    counts: dict[str, Any] = json.loads((SHARED / "data" / "golden.json").read_text())[NAME]
    return counts


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tree = tmp_path_factory.mktemp("real")
    with tarfile.open(ARCHIVE) as archive:
        for member in archive:
            if member.name.endswith("/full.jsonl"):
                path = tree / "-".join(Path(member.name).parts[1:-1]) / "full.jsonl"
                path.parent.mkdir()
                held = archive.extractfile(member)
                assert held is not None
                path.write_bytes(held.read())
    return tree


@pytest.fixture(scope="module")
def home(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    report = land_all(home, tree)
    # 17,647 objects, ten of them on five glued lines; and 35 messages in six documents of another program.
    assert report.sources["claude_code"]["lines_read"] == 17_647 - 5
    assert report.sources["gemini_cli"]["lines_read"] == 35
    assert (report.files_scanned, report.quarantined, report.unknown_fields) == (151, 0, {})
    return home


def of_claude(home: Path, stream: str) -> pl.DataFrame:
    return read(home, stream).filter(pl.col("source") == "claude_code")


def test_calls_and_tokens_by_model(home: Path, golden: dict[str, Any]) -> None:
    calls = of_claude(home, "llm_calls")
    written = pl.col("cache_write_5m_tokens") + pl.col("cache_write_1h_tokens")
    for is_subagent, name in ((False, "requests_by_model"), (True, "subagent_requests_from_agent_progress")):
        counted = (
            calls.filter(pl.col("is_subagent") == is_subagent)
            .group_by("model")
            .agg(
                pl.len(),
                pl.col("input_tokens").sum(),
                written.sum(),
                pl.col("cache_read_tokens").sum(),
                pl.col("output_tokens").sum(),
            )
        )
        assert {model: list(counts) for model, *counts in counted.iter_rows()} == golden[f"{name}__n_in_cc_cr_out"]


def test_tools_prompts_and_sessions(home: Path, golden: dict[str, Any]) -> None:
    tools = of_claude(home, "tool_calls").filter(~pl.col("is_subagent"))
    named = tools.filter(pl.col("tool_name").is_not_null())
    assert named.height == golden["tool_calls_distinct_id"]
    assert int(tools["is_error"].sum()) == golden["tool_errors_distinct_uuid"]
    counts = dict(named["tool_name"].value_counts().iter_rows())
    assert {name: counts[name] for name in golden["tool_calls_top"]} == golden["tool_calls_top"]
    executions = of_claude(home, "executions")
    prompts = executions.filter(pl.col("agent_kind") == "main")
    assert prompts.height == golden["human_prompts_rule_3_1_6"]
    sessions = {*executions["session_id"], *of_claude(home, "llm_calls")["session_id"]}
    assert len(sessions) == golden["distinct_sessionId"]


def test_documents_of_another_program_are_read_as_its_own(home: Path) -> None:
    assert set(read(home, "executions")["source"]) == {"claude_code", "gemini_cli"}
    assert read(home, "quarantine").is_empty()


def test_half_today_and_half_tomorrow(home: Path, tree: Path, tmp_path: Path) -> None:
    files = sorted(tree.rglob("full.jsonl"))
    random.Random(3).shuffle(files)
    data = {path: path.read_bytes() for path in files}
    for path in files[len(files) // 2 :]:
        path.unlink()
    try:
        land_all(tmp_path / "home", tree)
    finally:
        for path, content in data.items():
            path.write_bytes(content)
    land_all(tmp_path / "home", tree)
    assert digests(tmp_path / "home") == digests(home)
