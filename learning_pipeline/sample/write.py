"""Writes a whole sample."""

from datetime import date, timedelta
from pathlib import Path

from learning_pipeline.errors import PipelineError, UsageError
from learning_pipeline.progress import Progress, silent
from learning_pipeline.sample.aider import write_aider_log
from learning_pipeline.sample.claude_tree import ClaudeTree
from learning_pipeline.sample.clock import DAY_MS, day_start
from learning_pipeline.sample.codex import write_codex_rollouts
from learning_pipeline.sample.copilot_cli import write_copilot_sessions
from learning_pipeline.sample.dice import Dice
from learning_pipeline.sample.entire_checkpoints import write_checkpoints
from learning_pipeline.sample.execution_log import write_execution_log
from learning_pipeline.sample.gemini_cli import write_gemini_sessions
from learning_pipeline.sample.git_notes import write_git_notes
from learning_pipeline.sample.git_spool import Spool
from learning_pipeline.sample.hook_log import write_hook_payloads
from learning_pipeline.sample.in_house import write_in_house
from learning_pipeline.sample.manifest import Book, Manifest
from learning_pipeline.sample.otlp import write_telemetry
from learning_pipeline.sample.table import write_table

MANIFEST_NAME = "manifest.json"
_EXECUTIONS_PER_SESSION = 20

# What `data/sample` was made with.
TRACKED = {"days": 14, "sessions": 10, "seed": 2026, "last_day": date(2026, 10, 31), "scale": 0.02, "executions": 260}

_README = """# Sample logs

Made by a generator, not by anybody's work: the people, repositories and secrets in here do not exist.

    {command}

writes the same bytes again, into an empty directory.

- `claude_code/`: session transcripts of Claude Code in two generations of its format, with files of sub-agents and
  growing copies of sessions. Lines that are glued together, torn, late or of an unknown kind are planted on purpose.
- `execution_log/`: executions of a pool of agents, by three programs that use different names and units.
- `codex/`: rollouts of Codex CLI, with growing copies, forks that repeat their parent's history, and sub-agents.
- `copilot_cli/`: sessions of Copilot CLI, some resumed, some killed before they told their sums.
- `routing_log/`, `transformation_log/`, `interaction_log/`, `feedback/`, `health_log/`: other logs of the pool.
- `agent_definitions/`: a registry of the pool's agents, and Markdown files with front matter.
- `gemini_cli/`: sessions of Gemini CLI as documents, one of them in an older copy too, and as files of lines.
- `aider/`: the analytics log of aider.
- `hook_log/`: payloads of lifecycle hooks, most of them without a time.
- `otlp/`: telemetry exports: logs, metrics and results of Claude Code, spans of another agent.
- `table/`: executions that another system exported as CSV.
- `git_notes/`: exported authorship notes on commits of these histories, and on some that are gone.
- `entire_checkpoints/`: the files of a checkpoint branch, and the commits that name its checkpoints.
- `git_hooks/`: the spool that this project's git hooks write.
- `git_history/`: the histories behind the commits; `git fast-import` makes repositories of them.
- `manifest.json`: the truth about all of it, which a landing has to find.
"""


def write_sample(
    out: Path,
    *,
    days: int,
    sessions: int,
    seed: int,
    last_day: date,
    scale: float = 1.0,
    executions: int | None = None,
    progress: Progress = silent,
) -> Manifest:
    """Write raw logs with a known truth below `out`, and the truth as `manifest.json` beside them.

    The same arguments give the same bytes. `sessions` counts Claude Code sessions; there are 20 lines of the
    execution log for each, or `executions` in all. With `scale` 1 lines and sessions are as long as real ones (3 kB
    a line on average); a smaller one shortens both.

    Raises:
        UsageError: an argument is out of range.
        PipelineError: `out` is not an empty or new directory, or cannot be written.
    """
    if days < 1 or sessions < 1 or scale <= 0:
        raise UsageError("a sample needs at least 1 day and 1 session, and a scale above 0")
    try:
        out.mkdir(parents=True, exist_ok=True)
        if any(out.iterdir()):
            raise PipelineError(f"{out} is not empty; give a new directory for the sample")
        return _write(out, days, sessions, seed, last_day, scale, executions, progress)
    except OSError as error:
        raise PipelineError(f"cannot write the sample to {out}: {error}") from error


def _starts(dice: Dice, calendar: list[date], count: int) -> list[int]:
    """Return times in the working hours of the days, in no order."""
    return [
        day_start(dice.pick(calendar)) + dice.between(7 * 60, 18 * 60) * 60_000 + dice.below(60_000)
        for _ in range(count)
    ]


def _write(
    out: Path,
    days: int,
    sessions: int,
    seed: int,
    last_day: date,
    scale: float,
    executions: int | None,
    progress: Progress,
) -> Manifest:
    book = Book()
    calendar = [last_day - timedelta(days=back) for back in range(days - 1, -1, -1)]
    earliest = day_start(calendar[0])
    spool = Spool(Dice(seed, "spool"), book)
    tree = ClaudeTree(seed, out, book, spool, scale)
    dice = Dice(seed, "calendar")
    for number in range(sessions):
        day = number * days // sessions
        at = earliest + day * DAY_MS + dice.between(6 * 60, 19 * 60) * 60_000 + dice.below(60_000)
        tree.write_session(number, at, earliest)
        progress("sample", number + 1, sessions)
    count = sessions * _EXECUTIONS_PER_SESSION if executions is None else executions
    runs = write_execution_log(Dice(seed, "executions"), book, out, calendar, count)
    write_in_house(Dice(seed, "in_house"), book, out, runs)
    for write, name, few in (
        (write_gemini_sessions, "gemini_cli", 4),
        (write_aider_log, "aider", 4),
        (write_table, "table", 1),
        (write_hook_payloads, "hook_log", 4),
        (write_codex_rollouts, "codex", 2),
        (write_copilot_sessions, "copilot_cli", 3),
        (write_telemetry, "otlp", 4),
        (write_checkpoints, "entire_checkpoints", 4),
    ):
        dice = Dice(seed, name)
        write(dice, book, out, _starts(dice, calendar, max(3, sessions // few)))
    spool.write(out)
    commits = tree.write_histories(out)
    history = [commit for _, one in sorted(tree.histories.items()) for commit in one.commits]
    write_git_notes(Dice(seed, "git_notes"), book, out, history)
    manifest = book.close(
        commits,
        seed=seed,
        days=days,
        sessions=sessions,
        scale=scale,
        first_day=calendar[0],
        last_day=last_day,
    )
    manifest.write(out / MANIFEST_NAME)
    command = f"learning-pipeline sample --out DIR --days {days} --sessions {sessions} --seed {seed}"
    command += f" --last-day {last_day.isoformat()} --scale {scale:g} --executions {count}"
    (out / "README.md").write_text(_README.format(command=command), encoding="utf-8")
    return manifest
