"""`route`: which agent or model should take a task."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from learning_pipeline.cli.options import home_option
from learning_pipeline.errors import PipelineError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

FIELDS = (
    *("task_id", "task_text", "task_type", "repository", "context_tokens", "candidates"),
    *("max_cost_usd", "min_success", "weights"),
)
MAX_SHOWN = 8
MAX_NEAREST = 3
FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("text", required=False)
@home_option
@click.option("--batch", type=FILE, help="Tasks, one JSON object a line.")
@click.option("--output", type=FILE, help="Where the answers to --batch go, one JSON object a line.")
@click.option(
    "--router",
    default="production",
    show_default=True,
    metavar="production|latest|VERSION",
    help="Which model answers.",
)
@click.option(
    "--explore",
    type=click.FloatRange(0, 1),
    default=0.0,
    help="Share of the tasks that are given to a candidate at random.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the choices that are made at random.")
@click.option("--record/--no-record", default=True, help="Write the answers down, to be held against the outcome.")
@click.option("--json", "as_json", is_flag=True, help="Print the whole answer as JSON.")
def route(
    home: Path | None,
    text: str | None,
    batch: Path | None,
    output: Path | None,
    router: str,
    explore: float,
    seed: int,
    record: bool,
    as_json: bool,
) -> None:
    """Say which agent or model should take a task: TEXT, or each task of a file.

    A line of --batch is a JSON object: task_id (is in the answer) and task_text, and where they are known
    task_type, repository, context_tokens, and candidates: a list of names such as "agent", "model" or
    "agent/model", or of objects with agent_name and model. Without candidates all known ones may be chosen.
    It may ask for max_cost_usd, for min_success (0 to 1), and for weights: an object with cost and time. Utility is
    the probability of success less cost / (cost + the median cost of all work) times the first weight, and the same
    for time; a cost that is not known counts as that median, and keeps no budget.

    \b
    {"task_id": "1", "task_text": "fix the parser", "candidates": ["claude-code/claude-sonnet-5", "test-writer"]}

    A line that is not a task ends the command before anything is written.
    """
    if (text is None) == (batch is None):
        raise UsageError("route: give the TEXT of one task, or --batch IN.jsonl --output OUT.jsonl")
    if text is not None and not text.strip():
        raise UsageError("route: the TEXT of the task is empty")
    if (batch is None) != (output is None):
        raise UsageError("route: --batch IN.jsonl and --output OUT.jsonl go together")
    if batch and output and batch.absolute() == output.absolute():
        raise UsageError("route: --output is the file of --batch; name another")
    tasks = read_tasks(batch) if batch else []

    from learning_pipeline.routing.router import Router
    from learning_pipeline.settings import load_settings

    settings = load_settings(home)
    if not settings.home.exists():
        click.echo(f"note: {settings.home} does not exist, so nothing was learned there", err=True)
    model = Router.load(settings.home, router)
    asked = tasks if batch else [{"task_text": text}]
    answers = model.route_batch(asked, exploration=explore, seed=seed)
    if record and model.version is not None:
        from learning_pipeline.routing import audit

        audit.write(settings.models_dir, asked, answers, datetime.now(UTC))
    if output:
        write_answers(output, answers)
        click.echo(f"{len(tasks)} tasks routed: {output}")
        return
    answer = answers[0]
    click.echo(json.dumps(answer, default=str) if as_json else answer_text(answer))


def read_tasks(path: Path) -> list[dict[str, Any]]:
    """Return the tasks of a batch file.

    Raises:
        UsageError: the file cannot be read.
        PipelineError: a line is not a task; the message names file and line.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise UsageError(f"--batch {path}: {error.strerror}") from error
    return [_task(line, f"{path} line {number}") for number, line in enumerate(lines, 1) if line.strip()]


def _task(line: bytes, place: str) -> dict[str, Any]:
    from learning_pipeline.routing.requests import parse

    try:
        task = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise PipelineError(f"{place}: not JSON ({getattr(error, 'msg', None) or error})") from error
    text = task.get("task_text") if isinstance(task, dict) else None
    if not isinstance(text, str) or not text.strip():
        raise PipelineError(f"{place}: a task is an object with task_id and a task_text that is not empty")
    found = {name: task[name] for name in FIELDS if name in task}
    tokens = found.get("context_tokens")
    if tokens is not None and (isinstance(tokens, bool) or not isinstance(tokens, int) or tokens < 0):
        raise PipelineError(f"{place}: context_tokens must be a number of tokens, not {tokens!r:.60}")
    try:
        parse(task, ())
    except UsageError as error:
        raise PipelineError(f"{place}: {error}") from error
    return found


def write_answers(path: Path, answers: "Iterable[dict[str, Any]]") -> None:
    """Write one JSON object a line; the file is there whole or not at all.

    Raises:
        PipelineError: the file cannot be written.
    """
    part = path.with_name(path.name + ".part")
    try:
        with part.open("w", encoding="utf-8") as out:
            out.writelines(json.dumps(answer, default=str) + "\n" for answer in answers)
        part.replace(path)
    except OSError as error:
        raise PipelineError(f"cannot write {path}: {error.strerror}") from error


def answer_text(answer: dict[str, Any]) -> str:
    """Return an answer for people: the choice, the reason, the candidates by utility, and the nearest past tasks."""
    chosen = _name(answer["chosen"] or {})
    lines = [f"abstains{f', default {chosen}' if chosen else ''}" if answer["abstained"] else chosen]
    lines.append(f"  {answer['reason']} (rung: {answer['rung']}, router: {answer['router_version'] or 'none'})")
    candidates = answer["candidates"]
    lines += [f"  {_candidate_text(candidate)}" for candidate in candidates[:MAX_SHOWN]]
    if len(candidates) > MAX_SHOWN:
        lines.append(f"  and {len(candidates) - MAX_SHOWN} more; --json shows all")
    nearest = answer["nearest"][:MAX_NEAREST]
    if nearest:
        lines.append("  nearest past tasks:")
    lines += [
        f"    {task['execution_id']}: similarity {task['similarity']:.2f}, {task['agent_name'] or 'unknown agent'} "
        f"{'succeeded' if task['success'] else 'failed'}"
        for task in nearest
    ]
    return "\n".join(lines)


def _name(who: dict[str, Any]) -> str:
    return " on ".join(str(who[part]) for part in ("agent_name", "model") if who.get(part))


def _candidate_text(candidate: dict[str, Any]) -> str:
    low, high = candidate["interval"] or (None, None)
    cost, duration, utility = (candidate[name] for name in ("expected_cost_usd", "expected_duration_ms", "utility"))
    return (
        f"{_name(candidate)}: utility {'unknown' if utility is None else f'{utility:.2f}'}, "
        f"success {_ratio(candidate['success_probability'])} "
        f"({_ratio(low)} to {_ratio(high)}, n={candidate['n']}), "
        f"cost {'unknown' if cost is None else f'{float(cost):.4f} USD'}, "
        f"time {'unknown' if duration is None else f'{duration / 1000:.0f} s'}"
    )


def _ratio(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.0%}"
