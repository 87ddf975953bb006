"""Rollouts of Codex for tests."""

from datetime import datetime
from typing import Any

import polars as pl

from learning_pipeline_tests.agent_logs import START, Log, assemble, stamp, uuid7

KIND = "codex"
Counts = tuple[int, int, int, int]


class Rollout(Log):
    """One session's file, as Codex writes it."""

    def __init__(self, number: int = 1, *, start: datetime = START, **meta: Any) -> None:
        super().__init__(start)
        self.number = number
        self.session = uuid7(start, number)
        self.sum: Counts = (0, 0, 0, 0)
        self.turns = 0
        self.turn: str | None = None
        payload = {
            "id": self.session, "timestamp": stamp(start), "cwd": "/work/shop", "originator": "codex-tui",
            "cli_version": "0.142.2", "source": "cli", "git": {"branch": "main"},
        }  # fmt: skip
        self.row("session_meta", payload | meta)

    def row(self, kind: str, payload: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        return self.write({"timestamp": stamp(self.now), "type": kind, "payload": payload}, **kwargs)

    def event(self, kind: str, **payload: Any) -> None:
        self.row("event_msg", {"type": kind, **payload})

    def item(self, kind: str, **payload: Any) -> None:
        self.row("response_item", {"type": kind, **payload})

    def ask(self, text: str = "mend the cart", *, model: str = "gpt-5.5") -> None:
        """A person asks: a turn begins."""
        self.turns += 1
        self.turn = uuid7(self.now, self.number * 1000 + self.turns)
        self.event("task_started", turn_id=self.turn, started_at=int(self.now.timestamp()))
        self.row("turn_context", {"turn_id": self.turn, "cwd": "/work/shop", "model": model, "effort": "high"})
        self.say_user(text)

    def say_user(self, text: str) -> None:
        self.item("message", role="user", content=[{"type": "input_text", "text": text}])
        self.event("user_message", message=text, images=[])

    def usage(self, last: Counts | None = (1000, 800, 50, 20), *, total: bool = True, again: bool = False) -> None:
        """A token_count: the last call's input, cached, output, reasoning, and the sum."""
        if last is not None and not again:
            a, b, c, d = (old + new for old, new in zip(self.sum, last, strict=True))
            self.sum = (a, b, c, d)
        info = {
            "total_token_usage": _usage(self.sum) if total else None,
            "last_token_usage": _usage(last) if last is not None else None,
            "model_context_window": 258_400,
        }
        self.event("token_count", info=info, rate_limits=None)

    def tool(self, call: str, output: str | list[Any], *, name: str = "exec_command", **given: Any) -> None:
        """The model calls a tool, and the tool gives something back."""
        self.call(call, name, **given)
        self.item("function_call_output", call_id=call, output=output)

    def call(self, call: str, name: str = "exec_command", *, arguments: str = '{"cmd":"ls"}', **more: Any) -> None:
        self.item("function_call", name=name, arguments=arguments, call_id=call, **more)

    def done(self, *, text: str = "done") -> None:
        """The agent answers, and the turn ends."""
        self.event("agent_message", message=text, phase="final_answer")
        self.item("message", role="assistant", content=[{"type": "output_text", "text": text}])
        self.usage()
        self.event("task_complete", turn_id=self.turn, last_agent_message=text, duration_ms=12_345)

    def abort(self, reason: str = "interrupted") -> None:
        self.event("turn_aborted", turn_id=self.turn, reason=reason, duration_ms=999)


def exited(code: int, text: str = "ok") -> str:
    """Return a command's output as Codex writes it."""
    return f"Chunk ID: ab12cd\nWall time: 0.2500 seconds\nProcess exited with code {code}\nOutput:\n{text}\n"


def _usage(counts: Counts) -> dict[str, int]:
    names = ("input_tokens", "cached_input_tokens", "output_tokens", "reasoning_output_tokens")
    return dict(zip(names, counts, strict=True)) | {"total_tokens": counts[0] + counts[2]}


def rows(*logs: Rollout | bytes) -> dict[str, pl.DataFrame]:
    return assemble(KIND, [log if isinstance(log, bytes) else log.text() for log in logs])


def only(frame: pl.DataFrame) -> dict[str, Any]:
    assert frame.height == 1
    return frame.row(0, named=True)


def tokens(frame: pl.DataFrame) -> tuple[int, ...]:
    names = ("input_tokens", "cache_read_tokens", "output_tokens", "reasoning_tokens")
    return tuple(frame[name].sum() for name in names)


def usual() -> Rollout:
    log = Rollout()
    log.ask("mend the cart")
    log.tool("call_1", exited(0))
    log.usage()
    log.done()
    log.ask("and the till")
    log.tool("call_2", exited(3))
    log.usage()
    log.done()
    return log
