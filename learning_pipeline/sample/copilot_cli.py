"""Sessions of Copilot CLI: messages with their output, and the sums at the end of each run of the program."""

from pathlib import Path
from typing import Any

import msgspec

from learning_pipeline.sample.clock import iso_ms
from learning_pipeline.sample.dice import Dice
from learning_pipeline.sample.manifest import Book
from learning_pipeline.sample.texts import task_text
from learning_pipeline.sample.world import REPOSITORIES, TASK_TYPES

SOURCE = "copilot_cli"
MODELS = (("claude-sonnet-4.6", 0.6), ("gpt-5.4-mini", 0.4))
_NAMES = ("inputTokens", "outputTokens", "cacheReadTokens", "cacheWriteTokens", "reasoningTokens")
_COUNTED = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens")


def write_copilot_sessions(dice: Dice, book: Book, out: Path, starts: list[int]) -> None:
    """Write a session for each start; every third is resumed, every fourth is killed before it tells its sums."""
    for number, start in enumerate(starts):
        session = _Session(dice, book, start)
        session.run(dice.between(1, 3), told=number % 4 != 3)
        if number % 3 == 1:
            session.now += 30 * 60_000
            session.event("session.resume", resumeTime=iso_ms(session.now), eventCount=len(session.rows))
            session.run(1, told=True)
        book.file(SOURCE, out / SOURCE / "session-state" / session.id / "events.jsonl", session.lines())


class _Session:
    """One session, as events."""

    def __init__(self, dice: Dice, book: Book, start: int) -> None:
        self.dice, self.book, self.now = dice, book, start
        self.id = dice.uuid()
        self.model = dice.weighted(MODELS)
        self.repository = dice.pick(REPOSITORIES)
        self.rows: list[dict[str, Any]] = []
        self.used: list[list[int]] = []
        context = {"cwd": self.repository.path, "gitRoot": self.repository.path, "branch": self.repository.main_branch}
        self.event(
            "session.start",
            sessionId=self.id,
            version=1,
            producer="copilot-agent",
            copilotVersion="1.0.68",
            startTime=iso_ms(start),
            selectedModel=self.model,
            context=context,
        )
        book.count(SOURCE, "sessions")

    def event(self, kind: str, **data: Any) -> None:
        """Write an event a little later than the one before."""
        self.now += 20 + int(self.dice.spread(60))
        parent = self.rows[-1]["id"] if self.rows else None
        own = self.dice.uuid()
        self.rows.append({"type": kind, "data": data, "id": own, "timestamp": iso_ms(self.now), "parentId": parent})
        self.book.kind(SOURCE, kind)

    def run(self, prompts: int, *, told: bool) -> None:
        """Write what happens until the program ends, and, where it can, tells what was used."""
        self.used = []
        for _ in range(prompts):
            self._turn()
        if not told:
            self.book.count(SOURCE, "killed")
            return
        if not self.used:
            self.event("session.shutdown", shutdownType="routine", modelMetrics={})
            return
        sums = [sum(counts) for counts in zip(*self.used, strict=True)]
        metrics = {
            "requests": {"count": len(self.used), "cost": 0},
            "usage": dict(zip(_NAMES, sums, strict=True)),
            "totalNanoAiu": 0,
        }
        self.event("session.shutdown", shutdownType="routine", modelMetrics={self.model: metrics})
        uncached = sums[0] - sums[2] - sums[3]
        for name, n in zip(_COUNTED, (uncached, *sums[1:]), strict=True):
            if name != "output_tokens":
                self.book.count(SOURCE, name, n)

    def _turn(self) -> None:
        self.now += 60_000
        text = task_text(self.dice, self.dice.weighted(TASK_TYPES), self.repository)
        self.event(
            "user.message", content=text, transformedContent=text, attachments=[], interactionId=self.dice.uuid()
        )
        self.book.count(SOURCE, "prompts")
        for number in range(self.dice.between(0, 2)):
            self._message(number, f"toolu_{self.dice.hex(24)}")
        if self.dice.chance(0.1):
            self.event("abort", reason="user initiated")
            self.book.count(SOURCE, "interrupts")
            return
        self._message(9, None)

    def _message(self, turn: int, call: str | None) -> None:
        self.event("assistant.turn_start", turnId=str(turn))
        cached, written = int(self.dice.spread(9000)), int(self.dice.spread(500))
        reasoning = int(self.dice.spread(60))
        output = reasoning + int(self.dice.spread(150)) + 1
        self.used.append([int(self.dice.spread(3000)) + cached + written, output, cached, written, reasoning])
        self.now += 500 + int(self.dice.spread(4000))
        requests = [{"toolCallId": call, "name": "bash", "arguments": {"command": "make test"}}] if call else []
        self.event(
            "assistant.message",
            messageId=self.dice.uuid(),
            model=self.model,
            content="" if call else "It is done.",
            toolRequests=requests,
            outputTokens=output,
            turnId=str(turn),
        )
        self.book.count(SOURCE, "messages")
        self.book.count(SOURCE, "output_tokens", output)
        if call:
            self._tool(call, turn)
        self.event("assistant.turn_end", turnId=str(turn))

    def _tool(self, call: str, turn: int) -> None:
        self.event("hook.start", hookInvocationId=self.dice.uuid(), hookType="preToolUse", input={"toolCalls": []})
        given = {"command": "make test", "description": "Run the tests"}
        self.event("tool.execution_start", toolCallId=call, toolName="bash", arguments=given, turnId=str(turn))
        self.now += 100 + int(self.dice.spread(2000))
        failed = self.dice.chance(0.1)
        code = 1 if self.dice.chance(0.2) else 0
        content = f"ran\n<shellId: 0 completed with exit code {code}>"
        said = (
            {"error": {"message": "the shell is gone", "code": "failure"}}
            if failed
            else {"result": {"content": content}}
        )
        self.event("tool.execution_complete", toolCallId=call, success=not failed, turnId=str(turn), **said)
        self.book.count(SOURCE, "tool_calls")
        self.book.count(SOURCE, "tool_errors", int(failed))

    def lines(self) -> bytes:
        """Return the file."""
        return b"\n".join(map(msgspec.json.encode, self.rows)) + b"\n"
