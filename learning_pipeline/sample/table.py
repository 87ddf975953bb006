"""A table of executions that some other system exported as CSV, under names of its own."""

import csv
import io
from pathlib import Path

from learning_pipeline.sample.clock import iso_ms
from learning_pipeline.sample.dice import Dice
from learning_pipeline.sample.manifest import Book
from learning_pipeline.sample.texts import task_text
from learning_pipeline.sample.world import MODELS, POOL_AGENTS, REPOSITORIES, TASK_TYPES

SOURCE = "table"
_COLUMNS = (
    *("task_id", "agent", "start_time", "duration_seconds", "status", "task_type", "prompt", "model_used", "repo"),
    *("prompt_tokens", "completion_tokens", "cost_usd", "error"),
)


def write_table(dice: Dice, book: Book, out: Path, starts: list[int]) -> None:
    """Write one file with a row for each start. A cell without a value is empty, or says `NULL`."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for start in sorted(starts):
        agent = POOL_AGENTS[dice.pick(tuple(POOL_AGENTS))]
        task_type, model = dice.weighted(TASK_TYPES), MODELS[dice.weighted(agent.models)]
        repository = dice.pick(REPOSITORIES)
        sent, received = int(dice.spread(9000)) + 50, int(dice.spread(1400)) + 20
        cost = (model.input_usd * sent + model.output_usd * received) / 1_000_000
        success = None if dice.chance(0.1) else dice.chance(agent.rate(task_type, model.name))
        status = "" if success is None else "COMPLETED" if success else "FAILED"
        seconds = round(dice.spread(60 * agent.minutes), 3)
        error = "request timed out" if success is False else "NULL"
        words = task_text(dice, task_type, repository)
        row = (dice.uuid(), agent.name, iso_ms(start), seconds, status, task_type, words, model.name, repository.name)
        writer.writerow((*row, sent, received, f"{cost:.6f}", error))
        book.count(SOURCE, "executions")
        book.count(SOURCE, {None: "unknown", True: "success", False: "failure"}[success])
        book.count(SOURCE, "input_tokens", sent)
    book.file(SOURCE, out / SOURCE / "runs.csv", text.getvalue().encode())
