"""Sorts the events of a user into sessions and messages.

The log names no session and has whole seconds: many events share one, and where lines are cut into files their
order is lost. So what belongs together is worked out from the set of a user's events on one UTC day, second by second:

- a session begins with each `launched`; what comes before the day's first one is a session of its own;
- a message begins with `message_send_starting` and is answered by the next `message_send` or exception; within one
  second, an answer to what is open comes before a new message;
- an answer with nothing open (older versions write no beginning, and processes may run side by side) is a message
  of which only the end is known;
- `/undo` is evidence against the last message of its session that was answered.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

import msgspec
import polars as pl

from learning_pipeline.sources.base import RECORD_COLUMNS

NAMESPACE = UUID("e499be0a-c7ee-48e8-a386-cfc68802d5bb")
KINDS = ("launched", "exit", "start", "send", "exception", "undo")
SCHEMA: dict[str, type[pl.DataType] | pl.DataType] = {
    **RECORD_COLUMNS,
    "event": pl.Enum(KINDS),
    "at": pl.Datetime("us", "UTC"),
    "user_hash": pl.String,
    "agent_version": pl.String,
    "model": pl.String,
    "reported_model": pl.String,  # as the log has it, where that names no model
    "edit_format": pl.String,
    "weak_model": pl.String,
    "editor_model": pl.String,
    "input_tokens": pl.Int64,
    "output_tokens": pl.Int64,
    "reported_cost_usd": pl.Decimal(38, 12),
    "text": pl.String,  # why it ended, what the exception said
}
SCHEMAS = {"event": SCHEMA}

# What aider says when a person ended it.
_STOPPED = ("Control-C", "Keyboard interrupt")

Row = dict[str, Any]
_encode = msgspec.json.Encoder(order="sorted").encode


def group_of(user_hash: str | None, at: datetime) -> str:
    """Return the key of the events that are looked at together: of one user, on one UTC day."""
    return f"aider/{user_hash or ''}/{at.date().isoformat()}"


@dataclass(slots=True)
class Message:
    """One message to a model, as far as the log tells of it."""

    session: str
    start: Row | None = None
    end: Row | None = None  # the `send` or `exception` that answered it
    undone: int = 0
    stopped: bool = False  # a person ended aider while it was under way
    last: bool = False  # nothing came after its beginning

    @property
    def first(self) -> Row:
        found = self.start or self.end
        assert found is not None
        return found

    @property
    def execution_id(self) -> str:
        return str(uuid5(NAMESPACE, f"message\x1f{self.first['record_key']}"))


@dataclass(slots=True)
class Undo:
    """A person took back what was done last."""

    session: str
    row: Row
    message: Message | None


@dataclass(slots=True)
class Day:
    """What a user's events of one day tell, second by second."""

    group: str
    session: str = ""
    open: Message | None = None
    answered: Message | None = None  # the last of the session
    messages: list[Message] = field(default_factory=list)
    undos: list[Undo] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.session = str(uuid5(NAMESPACE, f"{self.group}\x1fbefore"))

    def second(self, at: datetime, events: Mapping[str, list[Row]]) -> None:
        """Take in the events of one second."""
        if self.open is not None:
            self.open.last = False
        answers = [*events["send"], *events["exception"]]
        if self.open is not None and answers:
            self._answer(self.open, answers.pop(0))
        for undo in events["undo"]:
            self.undos.append(Undo(self.session, undo, self.answered))
            if self.answered is not None:
                self.answered.undone += 1
        if self.open is not None and any(row["text"] in _STOPPED for row in events["exit"]):
            self.open.stopped = True
            self.open = None
        if events["launched"]:
            self.session = str(uuid5(NAMESPACE, f"{self.group}\x1f{at.isoformat()}"))
            self.answered = None
        for start in events["start"]:
            self.open = self._message(start=start)
            if answers:
                self._answer(self.open, answers.pop(0))
        for end in answers:
            self._answer(self._message(), end)
        if self.open is not None and self.open.first["at"] == at:
            self.open.last = True

    def _message(self, start: Row | None = None) -> Message:
        self.messages.append(Message(self.session, start))
        return self.messages[-1]

    def _answer(self, message: Message, end: Row) -> None:
        message.end = end
        if message is self.open:
            self.open = None
        if message.session == self.session:
            self.answered = message


def days_of(records: pl.DataFrame) -> list[Day]:
    """Return some users' days; the order of the records makes no difference."""
    days: dict[str, Day] = {}
    seconds: dict[tuple[str, datetime], dict[str, list[Row]]] = {}
    for row in records.sort("group_key", "at", "record_key").iter_rows(named=True):
        events = seconds.setdefault((row["group_key"], row["at"]), defaultdict(list))
        events[row["event"]].append(row)
    for (group, at), events in seconds.items():
        days.setdefault(group, Day(group)).second(at, events)
    return list(days.values())
