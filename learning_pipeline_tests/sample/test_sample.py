"""The sample says the truth about itself, and is the same bytes for the same arguments."""

import json
import subprocess
from collections import Counter
from datetime import date
from pathlib import Path

import msgspec
import pytest

from learning_pipeline.errors import PipelineError, UsageError
from learning_pipeline.sample import TRACKED, Manifest, write_sample
from learning_pipeline.sample.dice import Dice
from learning_pipeline.sample.history import make_repository
from learning_pipeline.sample.texts import task_text
from learning_pipeline.sample.world import REPOSITORIES, TASK_TYPE_NAMES
from learning_pipeline_tests.sample.reading import Found

LAST_DAY = date(2026, 10, 31)
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Manifest]:
    out = tmp_path_factory.mktemp("sample") / "logs"
    return out, write_sample(out, days=14, sessions=60, seed=7, last_day=LAST_DAY, scale=0.1)


def _files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_sample(tmp_path / name, days=3, sessions=6, seed=5, last_day=LAST_DAY, scale=0.05)
    assert _files(tmp_path / "a") == _files(tmp_path / "b")


def test_another_seed_gives_other_logs(tmp_path: Path) -> None:
    for seed in (1, 2):
        write_sample(tmp_path / str(seed), days=2, sessions=2, seed=seed, last_day=LAST_DAY, scale=0.05)
    assert not _files(tmp_path / "1").keys() & {name for name in _files(tmp_path / "2") if "claude_code" in name}


def test_tracked_sample_is_what_the_generator_writes(tmp_path: Path) -> None:
    write_sample(tmp_path / "sample", **TRACKED)
    assert _files(tmp_path / "sample") == _files(ROOT / "data" / "sample")


def test_transcripts_hold_what_the_manifest_says(sample: tuple[Path, Manifest]) -> None:
    out, manifest = sample
    truth = manifest.sources["claude_code"]
    found = Found().tree(out / "claude_code")
    stated = {(row.day, row.model): msgspec.structs.astuple(row)[2:] for row in manifest.usage}
    assert found.usage() == stated
    main_tools = Counter(name for key, name in found.tools.items() if key not in found.subagent_tools)
    assert main_tools == {name[11:]: n for name, n in truth.counts.items() if name.startswith("tool_calls:")}
    assert {
        "sessions": len(found.sessions),
        "prompts": len(found.prompts),
        "main_calls": len(found.calls) - len(found.subagent_calls),
        "subagent_calls": len(found.subagent_calls),
        "tool_calls": len(found.tools) - len(found.subagent_tools),
        "subagent_tool_calls": len(found.subagent_tools),
        "tool_errors": len(found.errors),
        "subagent_tool_errors": len(found.subagent_errors),
        "api_errors": len(found.api_errors),
        "subagent_runs": len(found.agents),
        "glued_lines": found.glued,
    }.items() <= truth.counts.items()
    assert found.lines == truth.lines
    assert found.damaged == sum(truth.damaged.values())


def test_prompts_have_one_execution_each(sample: tuple[Path, Manifest]) -> None:
    _, manifest = sample
    counts = manifest.sources["claude_code"].counts
    executions = Counter[str]()
    for row in manifest.truth:
        if row.source == "claude_code":
            executions["main" if row.agent == "claude-code" else "sub"] += row.executions
        assert row.executions == sum(row.states.values())
        assert row.successes <= row.labelled <= row.executions
    assert executions == {"main": counts["prompts"], "sub": counts["subagent_runs"]}


@pytest.mark.parametrize(
    "name",
    [
        "copies",
        "glued_lines",
        "late_prompts",
        "lone_surrogates",
        "nul_escapes",
        "files_without_final_newline",
        "background_subagents",
        "failed_subagents",
        "rejected_tools",
        "interrupts",
        "synthetic_harmless",
        "prompts_with_fake_secret",
    ],
)
def test_every_defect_is_planted(sample: tuple[Path, Manifest], name: str) -> None:
    assert sample[1].sources["claude_code"].counts[name] > 0


def test_odd_characters_are_there_as_escapes(sample: tuple[Path, Manifest]) -> None:
    data = b"".join(path.read_bytes() for path in (sample[0] / "claude_code").rglob("*.jsonl"))
    assert rb"\u0000" in data
    assert rb"emoji \ud83d here" in data
    assert b"@lone" not in data


def test_copies_are_beginnings_of_a_session(sample: tuple[Path, Manifest]) -> None:
    out, manifest = sample
    originals = {path.name: path.read_bytes() for path in (out / "claude_code").glob("-*/*.jsonl")}
    copies = list((out / "claude_code" / "checkpoints").rglob("full.jsonl"))
    lines = 0
    for path in copies:
        data = path.read_bytes()
        lines += data.count(b"\n") + 1
        session = json.loads(data.split(b"\n")[-1]).get("sessionId")
        if session is not None:
            assert set(data.split(b"\n")) <= set(originals[f"{session}.jsonl"].replace(b"}{", b"}\n{").split(b"\n"))
    counts = manifest.sources["claude_code"].counts
    assert (len(copies), lines) == (counts["copies"], counts["copied_lines"])


def test_execution_log_holds_what_the_manifest_says(sample: tuple[Path, Manifest]) -> None:
    out, manifest = sample
    truth = manifest.sources["execution_log"]
    lines = [line for path in (out / "execution_log").iterdir() for line in path.read_bytes().splitlines()]
    ids = set()
    for line in lines:
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict):
            ids.add(record.get("execution_id") or record["task_id"])
    assert len(lines) == truth.lines
    bad = sum(1 for name in ids if name.startswith("bad-"))
    assert len(ids) - bad == truth.counts["executions"]
    expected = truth.counts["executions"] + truth.counts["pairs"] + truth.counts["duplicate_lines"]
    assert len(lines) == expected + sum(truth.damaged.values())
    labelled = truth.counts["state:success"] + truth.counts["state:failure"]
    assert 0.7 < labelled / truth.counts["executions"] < 0.9


def test_success_follows_the_planted_rates(tmp_path: Path) -> None:
    manifest = write_sample(
        tmp_path / "s", days=5, sessions=1, seed=3, last_day=LAST_DAY, scale=0.02, executions=20_000
    )
    rows = [row for row in manifest.truth if row.source == "execution_log" and row.labelled >= 100]
    assert len(rows) > 20
    for row in rows:
        error = (row.planted_success * (1 - row.planted_success) / row.labelled) ** 0.5
        assert abs(row.successes / row.labelled - row.planted_success) < 5 * error


@pytest.mark.parametrize("number", range(2))
def test_git_takes_the_histories_as_they_are_told(sample: tuple[Path, Manifest], tmp_path: Path, number: int) -> None:
    out, manifest = sample
    stream = sorted((out / "git_history").iterdir())[number]
    make_repository(stream, tmp_path / "repo.git")
    log = subprocess.run(
        ["git", "-C", tmp_path / "repo.git", "log", "--reverse", "--all", "--format=@%H", "--numstat"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    commits: dict[str, list[int]] = {}
    for line in log.split("\n"):
        if line.startswith("@"):
            numbers = commits.setdefault(line[1:], [0, 0, 0])
        elif line:
            added, removed, _ = line.split("\t")
            numbers[0] += 1
            numbers[1] += int(added)
            numbers[2] += int(removed)
    assert sorted(commits) == sorted(manifest.commits[stream.stem])
    told = {}
    for path in (out / "git_hooks").iterdir():
        for line in path.read_bytes().splitlines():
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if event["event"] == "commit" and event.get("commit"):
                told[event["commit"]] = [event["files_changed"], event["lines_added"], event["lines_removed"]]
    assert commits.items() <= told.items()


def test_task_texts_vary_and_name_their_kind() -> None:
    dice = Dice("texts")
    texts = {name: [task_text(dice, name, REPOSITORIES[0]) for _ in range(200)] for name in TASK_TYPE_NAMES}
    for name, some in texts.items():
        assert len(set(some)) > 120, name
    for one in TASK_TYPE_NAMES:
        for other in TASK_TYPE_NAMES:
            assert one == other or not set(texts[one]) & set(texts[other])


def test_manifest_file_is_what_was_returned(sample: tuple[Path, Manifest]) -> None:
    assert Manifest.read(sample[0] / "manifest.json") == sample[1]


def test_a_directory_with_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(PipelineError, match="not empty"):
        write_sample(tmp_path, days=1, sessions=1, seed=1, last_day=LAST_DAY)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("wrong", [{"days": 0}, {"sessions": 0}, {"scale": 0.0}])
def test_wrong_numbers_are_refused(tmp_path: Path, wrong: dict[str, float]) -> None:
    arguments = {"days": 1, "sessions": 1, "seed": 1, "last_day": LAST_DAY, **wrong}
    with pytest.raises(UsageError):
        write_sample(tmp_path / "x", **arguments)
    assert not (tmp_path / "x").exists()


def test_lines_are_as_long_as_real_ones(tmp_path: Path) -> None:
    truth = write_sample(tmp_path / "s", days=14, sessions=60, seed=11, last_day=LAST_DAY).sources["claude_code"]
    assert 2500 < truth.bytes / truth.lines < 3800
