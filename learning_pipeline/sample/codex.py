"""Rollouts of Codex CLI: turns, usage that is written again, interruptions, copies, forks and sub-agents."""

from pathlib import Path
from typing import Any

import msgspec

from learning_pipeline.sample.clock import iso_ms
from learning_pipeline.sample.dice import Dice
from learning_pipeline.sample.manifest import Book
from learning_pipeline.sample.texts import task_text
from learning_pipeline.sample.world import REPOSITORIES, TASK_TYPES, Repository

SOURCE = "codex"
MODELS = (("gpt-5.5", 0.7), ("gpt-5-mini", 0.3))
_COMMANDS = (("make test", 0.4), ("rg -n TODO src", 0.35), ("git status --short", 0.25))
_NAMES = ("input_tokens", "cached_input_tokens", "output_tokens", "reasoning_output_tokens")
_MINUTE = 60_000


def write_codex_rollouts(dice: Dice, book: Book, out: Path, starts: list[int]) -> None:
    """Write a session for each start; some also as a growing copy, as the head of a fork, or with a sub-agent."""
    for number, start in enumerate(starts):
        repository = dice.pick(REPOSITORIES)
        rollout = _Rollout(dice, book, start, repository, {"source": "cli"})
        for turn in range(dice.between(1, 3)):
            rollout.turn(interrupted=number % 4 == 1 and turn == 0)
        if number % 4 == 2:
            _sub_agent(rollout, out)
        rollout.write(out)
        if number % 3 == 0:
            rollout.copy(out)
        if number % 5 == 1:
            fork = _Rollout(dice, book, rollout.now + 40 * _MINUTE, repository, {"forked_from_id": rollout.id})
            fork.repeat(rollout)
            fork.turn(interrupted=False)
            fork.write(out)


def _sub_agent(parent: "_Rollout", out: Path) -> None:
    """Let a session start a sub-agent, which has a file of its own."""
    parent.begin_turn()
    call = f"call_{parent.dice.hex(24)}"
    given = {"message": "Look where the totals are added up.", "agent_type": "explorer"}
    parent.item("function_call", name="spawn_agent", arguments=_text(given), call_id=call)
    spawned = {"thread_spawn": {"parent_thread_id": parent.id, "depth": 1, "agent_role": "explorer"}}
    child = _Rollout(parent.dice, parent.book, parent.now + 400, parent.repository, {"source": {"subagent": spawned}})
    parent.now += 1_000
    output = {"agent_id": child.id, "nickname": "Ada"}
    parent.item("function_call_output", call_id=call, output=_text(output))
    parent.usage()
    child.turn(interrupted=False)
    child.write(out)
    parent.end_turn()
    parent.book.count(SOURCE, "tool_calls")
    parent.book.count(SOURCE, "sub_agents")


class _Rollout:
    """One file, as rows."""

    def __init__(self, dice: Dice, book: Book, start: int, repository: Repository, meta: dict[str, Any]) -> None:
        self.dice, self.book, self.start, self.now = dice, book, start, start
        self.repository = repository
        self.id = self._uuid7()
        self.model = dice.weighted(MODELS)
        self.rows: list[dict[str, Any]] = []
        self.sum = [0, 0, 0, 0]
        self.turn_id = ""
        self.row(
            "session_meta",
            {
                "id": self.id,
                "timestamp": iso_ms(start),
                "cwd": repository.path,
                "originator": "codex-tui",
                "cli_version": "0.142.4",
                "source": "cli",
                "model_provider": "openai",
                "git": {"branch": repository.main_branch},
                **meta,
            },
        )
        if "subagent" not in meta.get("source", ()):
            book.count(SOURCE, "sessions")

    def _uuid7(self) -> str:
        text = f"{self.now:012x}{self.dice.bits(80):020x}"
        return f"{text[:8]}-{text[8:12]}-7{text[13:16]}-a{text[17:20]}-{text[20:]}"

    def row(self, kind: str, payload: dict[str, Any]) -> None:
        self.rows.append({"timestamp": iso_ms(self.now), "type": kind, "payload": payload})
        self.book.kind(SOURCE, f"{kind}/{payload['type']}" if "type" in payload else kind)

    def item(self, kind: str, **payload: Any) -> None:
        self.row("response_item", {"type": kind, **payload})

    def event(self, kind: str, **payload: Any) -> None:
        self.row("event_msg", {"type": kind, **payload})

    def turn(self, *, interrupted: bool) -> None:
        """Write a turn."""
        self.begin_turn()
        for _ in range(self.dice.between(0, 3)):
            self.tool()
            self.usage()
        if interrupted:
            self.event("turn_aborted", turn_id=self.turn_id, reason="interrupted", duration_ms=self.now - self.began)
            self.book.count(SOURCE, "interrupts")
        else:
            self.end_turn()

    def begin_turn(self) -> None:
        """Write what a person asks."""
        self.now += _MINUTE
        self.began, self.turn_id = self.now, self._uuid7()
        self.event("task_started", turn_id=self.turn_id, started_at=self.now // 1000)
        place = {"turn_id": self.turn_id, "cwd": self.repository.path, "model": self.model, "effort": "high"}
        self.row("turn_context", place)
        text = task_text(self.dice, self.dice.weighted(TASK_TYPES), self.repository)
        self.item("message", role="user", content=[{"type": "input_text", "text": text}])
        self.event("user_message", message=text, images=[])
        self.book.count(SOURCE, "prompts")

    def end_turn(self) -> None:
        """Write the answer, and the end of the turn."""
        self.event("agent_message", message="It is done.", phase="final_answer")
        self.item("message", role="assistant", content=[{"type": "output_text", "text": "It is done."}])
        self.usage()
        if self.dice.chance(0.15):
            self.now += 300
            self.row("event_msg", self.rows[-1]["payload"])
            self.book.count(SOURCE, "repeated_usage")
        self.event("task_complete", turn_id=self.turn_id, duration_ms=self.now - self.began)

    def usage(self) -> None:
        """Write what a call used, and the sum so far."""
        self.now += 500 + int(self.dice.spread(5000))
        given, cached = int(self.dice.spread(4000)) + 1, int(self.dice.spread(9000))
        reasoning = int(self.dice.spread(120))
        last = [given + cached, cached, reasoning + int(self.dice.spread(200)) + 1, reasoning]
        self.sum = [a + b for a, b in zip(self.sum, last, strict=True)]
        info = {"total_token_usage": _usage(self.sum), "last_token_usage": _usage(last)}
        self.event("token_count", info=info, rate_limits=None)
        self.book.count(SOURCE, "calls")
        for name, n in zip(("input_tokens", "cache_read_tokens"), (given, cached), strict=True):
            self.book.count(SOURCE, name, n)
        self.book.count(SOURCE, "output_tokens", last[2])
        self.book.count(SOURCE, "reasoning_tokens", reasoning)

    def tool(self) -> None:
        """Write a command and what it printed."""
        call = f"call_{self.dice.hex(24)}"
        command = self.dice.weighted(_COMMANDS)
        self.item("function_call", name="exec_command", arguments=_text({"cmd": command}), call_id=call)
        took = 40 + int(self.dice.spread(900))
        self.now += took
        code = 1 if self.dice.chance(0.15) else 0
        head = f"Chunk ID: {self.dice.hex(6)}\nWall time: {took / 1000:.4f} seconds\n"
        output = f"{head}Process exited with code {code}\nOriginal token count: 4\nOutput:\nran {command}\n"
        self.item("function_call_output", call_id=call, output=output)
        self.book.count(SOURCE, "tool_calls")
        self.book.count(SOURCE, "tool_errors", code)

    def repeat(self, parent: "_Rollout") -> None:
        """Begin with the parent's rows, written anew at once."""
        for row in parent.rows:
            self.rows.append({**row, "timestamp": iso_ms(self.now)})
        self.sum = list(parent.sum)
        self.now += 2_000
        self.book.count(SOURCE, "forks")
        self.book.count(SOURCE, "copied_history", len(parent.rows))

    def write(self, out: Path) -> None:
        """Write the file where Codex keeps it."""
        time = iso_ms(self.start)[:19].replace(":", "-")
        folder = out / SOURCE / "sessions" / time[:4] / time[5:7] / time[8:10]
        self.book.file(SOURCE, folder / f"rollout-{time}-{self.id}.jsonl", _lines(self.rows))

    def copy(self, out: Path) -> None:
        """Write a growing copy, as checkpoints hold them: its first rows."""
        count = max(2, len(self.rows) * 2 // 3)
        self.book.file(SOURCE, out / SOURCE / "checkpoints" / self.id / "full.jsonl", _lines(self.rows[:count]))
        self.book.count(SOURCE, "copies")


def _usage(counts: list[int]) -> dict[str, int]:
    return dict(zip(_NAMES, counts, strict=True)) | {"total_tokens": counts[0] + counts[2]}


def _text(value: dict[str, Any]) -> str:
    return msgspec.json.encode(value).decode()


def _lines(rows: list[dict[str, Any]]) -> bytes:
    return b"\n".join(map(msgspec.json.encode, rows)) + b"\n"
