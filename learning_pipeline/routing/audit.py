"""What the router answered, written down so that it can be held against the outcome that comes later.

One JSON line an answer in `models/predictions/DAY.jsonl`, in the columns of the contract `RouterPredictions`; the
task's text is not kept, only its digest. Lines are only added, each in one write.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from learning_pipeline.errors import PipelineError
from learning_pipeline.marts.router import PREDICTIONS
from learning_pipeline.routing.labels import kind_of


def row(request: Mapping[str, Any], answer: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return an answer as a row of the contract `RouterPredictions`."""
    text = request.get("task_text")
    chosen = answer["chosen"] or {}
    wanted = (chosen.get("agent_name"), chosen.get("model"))
    shown: Mapping[str, Any] = next(
        (item for item in answer["candidates"] if (item["agent_name"], item["model"]) == wanted), {}
    )
    low, high = shown.get("interval") or (None, None)
    task_id = request.get("task_id")
    found = {
        "predicted_at": now.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "router_version": answer["router_version"],
        "rung": answer["rung"],
        "task_id": None if task_id is None else str(task_id),
        "task_hash": hashlib.sha256(text.encode("utf-8", "replace")).hexdigest() if text else None,
        "task_type": kind_of(text, request.get("task_type")),
        "repository": request.get("repository"),
        "agent_name": wanted[0],
        "model": wanted[1],
        "propensity": answer.get("propensity") if chosen else None,
        "success_probability": shown.get("success_probability"),
        "interval_low": low,
        "interval_high": high,
        "expected_cost_usd": shown.get("expected_cost_usd"),
        "expected_duration_ms": shown.get("expected_duration_ms"),
    }
    content = json.dumps(found, sort_keys=True)
    return {"prediction_id": hashlib.blake2b(content.encode(), digest_size=16).hexdigest(), **found}


def write(
    models_dir: Path, requests: Iterable[Mapping[str, Any]], answers: Iterable[Mapping[str, Any]], now: datetime
) -> Path:
    """Add answers to the day's file and return it.

    Raises:
        PipelineError: the file cannot be written.
    """
    path = models_dir / PREDICTIONS / f"{now.astimezone(UTC).date().isoformat()}.jsonl"
    lines = [json.dumps(row(request, answer, now)) for request, answer in zip(requests, answers, strict=True)]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write("".join(f"{line}\n" for line in lines))
    except OSError as error:
        raise PipelineError(f"cannot write {path}: {error.strerror}; --no-record answers without a record") from error
    return path
