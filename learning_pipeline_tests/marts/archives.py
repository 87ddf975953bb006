"""All public archives that are there, in one tree; sets of graded tasks as execution_log lines."""

import csv
import json
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from learning_pipeline_tests.homes import SHARED

FIRST = datetime(2026, 8, 1, tzinfo=UTC)
EACH = 600


def unpacked(tree: Path) -> bool:
    """Unpack everything into a directory, and write the graded tasks beside it; False where there are no archives."""
    archives = sorted((SHARED / "data").glob("*.tar.gz"))
    for archive in archives:
        with tarfile.open(archive) as tar:
            tar.extractall(tree, filter="data")
    if archives:
        lines = (json.dumps(line) for line in _graded(tree))
        (tree / "executions.jsonl").write_text("".join(f"{line}\n" for line in lines))
    return bool(archives)


def _graded(tree: Path) -> Iterator[dict[str, Any]]:
    """Yield a line per task and model: one a minute, a repository per set."""
    minute = 0
    for name, tasks in (("mmlu", _mmlu), ("router", _router), ("arena", _arena), ("airline", _airline)):
        for number, (text, model, score, cost) in enumerate(tasks(tree)):
            if number == EACH:
                break
            minute += 7
            begin = FIRST + timedelta(minutes=minute)
            line = {
                "execution_id": f"{name}-{number}",
                "session_id": f"{name}-{number // 9}",
                "agent_name": name if model is None else f"{name}-{len(model) % 3}",
                "model": model,
                "repository": name,
                "task_text": text,
                "started_at": begin.isoformat(),
                "ended_at": (begin + timedelta(milliseconds=500 + number)).isoformat(),
            }
            line |= {"success": bool(score)} if score in (0, 1) else {"outcome": "partial", "quality_score": score}
            yield line | ({} if cost is None else {"cost_usd": cost})


def _mmlu(tree: Path) -> Iterator[tuple[str, str | None, float, float | None]]:
    for path in sorted(tree.rglob("mmlu_*.csv")):
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                text = row.pop("prompt")
                yield from ((text, model, float(right == "True"), None) for model, right in row.items())


def _router(tree: Path) -> Iterator[tuple[str, str | None, float, float | None]]:
    for path in sorted(tree.rglob("data_dcrouter_preprocessed_test.json")):
        for row in json.loads(path.read_text("utf-8")):
            yield from ((row["question"], model, score, None) for model, score in row["scores"].items())


def _arena(tree: Path) -> Iterator[tuple[str, str | None, float, float | None]]:
    for path in sorted((tree / "routerarena").glob("*.jsonl")):
        for line in path.read_text("utf-8").splitlines():
            row = json.loads(line)
            result = row["evaluation_result"] or {}
            if result.get("score") is not None:
                yield row["question"], row["llm_selected"], float(result["score"]), result["inference_cost"] or 0.0


def _airline(tree: Path) -> Iterator[tuple[str, str | None, float, float | None]]:
    for path in sorted((tree / "tau-bench").glob("*.json")):
        for row in json.loads(path.read_text("utf-8")):
            yield f"task {row['task_id']}", None, row["reward"], None
