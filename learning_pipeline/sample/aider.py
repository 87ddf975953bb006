"""The analytics log of aider: one event a line, of a person whose sessions only `launched` tells apart."""

from pathlib import Path
from typing import Any

import msgspec

from learning_pipeline.sample.dice import Dice
from learning_pipeline.sample.manifest import Book

SOURCE = "aider"
_MODELS = (("anthropic/claude-sonnet-5", 0.5), ("gemini/gemini-2.5-pro", 0.3), ("openrouter/REDACTED", 0.2))
_VERSION = "0.86.1"


def write_aider_log(dice: Dice, book: Book, out: Path, starts: list[int]) -> None:
    """Write one log with a session for each start."""
    log = _Log(dice, book)
    for start in sorted(starts):
        log.session(max(start // 1000, log.now + 60))
    book.file(SOURCE, out / SOURCE / "analytics.jsonl", b"".join(line + b"\n" for line in log.lines))


class _Log:
    """Writes events, a second or more apart."""

    def __init__(self, dice: Dice, book: Book) -> None:
        self.dice, self.book = dice, book
        self.user = dice.uuid()
        self.now = 0  # in seconds
        self.lines: list[bytes] = []

    def _event(self, name: str, **properties: Any) -> None:
        properties["aider_version"] = _VERSION
        event = {"event": name, "properties": properties, "user_id": self.user, "time": self.now}
        self.lines.append(msgspec.json.encode(event))
        self.book.kind(SOURCE, name)

    def session(self, start: int) -> None:
        """Write a session: what is spent in all is told with each message, and starts anew with the session."""
        self.now = start
        self._event("launched")
        self._event("repo", num_files=self.dice.between(5, 400))
        self._event("auto_commits", enabled=True)
        self._event("cli session", main_model="anthropic/claude-sonnet-5", edit_format="diff")
        total = 0.0
        for _ in range(self.dice.between(1, 4)):
            total = self._message(total)
        self._event("exit", reason="/exit")
        self.book.count(SOURCE, "sessions")

    def _message(self, total: float) -> float:
        self.now += self.dice.between(5, 300)
        self._event("message_send_starting")
        self.now += self.dice.between(2, 60)
        if self.dice.chance(0.05):
            self._event("message_send_exception", exception="[Errno 61] Connection refused")
            self.book.count(SOURCE, "exceptions")
            return total
        model = self.dice.weighted(_MODELS)
        sent, received = int(self.dice.spread(9000)) + 50, int(self.dice.spread(500)) + 5
        # aider writes 0 where it knows no price.
        cost = 0 if model.endswith("REDACTED") else (sent * 3 + received * 15) / 1_000_000
        total += cost
        self._event(
            "message_send",
            main_model=model,
            weak_model="None",
            editor_model="None",
            edit_format=self.dice.weighted((("diff", 0.8), ("ask", 0.2))),
            prompt_tokens=sent,
            completion_tokens=received,
            total_tokens=sent + received,
            cost=cost,
            total_cost=total,
        )
        self.book.count(SOURCE, "messages")
        self.book.count(SOURCE, "input_tokens", sent)
        self.book.count(SOURCE, "output_tokens", received)
        self.book.count(SOURCE, "cost_micro_usd", 0 if model.endswith("REDACTED") else sent * 3 + received * 15)
        if self.dice.chance(0.1):
            self.now += self.dice.between(3, 60)
            self._event("command_undo")
            self.book.count(SOURCE, "undos")
        return total
