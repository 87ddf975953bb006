"""Model calls of a transcript: one message, several rows, one usage."""

from collections.abc import Callable
from typing import Any

from learning_pipeline.sample.claude_rows import Row, Transcript
from learning_pipeline.sample.claude_tools import Bench, count_call, ticks, tool_failure, tool_input, tool_result
from learning_pipeline.sample.clock import DAY_MS
from learning_pipeline.sample.world import MODELS

# Before midnight a call waits for the next day, so that all rows of one message have one date.
_MIDNIGHT_MARGIN_MS = 40 * 60_000

Block = tuple[Row, Callable[[str], None] | None]  # a content block, and what follows its row


class Speaker:
    """One agent that talks to a model in one transcript."""

    def __init__(self, transcript: Transcript, bench: Bench, model: str) -> None:
        self.t = transcript
        self.bench = bench
        self.model = model
        self.context = transcript.dice.between(12_000, 42_000)
        self.long_cache = transcript.generation == "D" or transcript.dice.chance(0.5)
        self.last_usage: Row = {}
        self.tokens = 0
        self.tool_count = 0

    def text(self, characters: float) -> Block:
        dice = self.t.dice
        piece = self.bench.filler.prose(dice, characters * (0.4 + 1.2 * dice.random()))
        return {"type": "text", "text": piece.json}, None

    def thinking(self) -> Block:
        dice = self.t.dice
        piece = self.bench.filler.prose(dice, self.bench.size(dice, 330))
        return {
            "type": "thinking",
            "thinking": piece.json,
            "signature": self.bench.filler.signature(dice, self.bench.bulk),
        }, None

    def tool(
        self,
        name: str,
        given: Row | None = None,
        *,
        fails: bool = False,
        answer: tuple[Any, Any] | None = None,
        then: Callable[[str, str], None] | None = None,
    ) -> Block:
        """Return a tool call; its result follows its row.

        `answer` is (content, toolUseResult) instead of an invented one. `then` is called with the ids of the call
        and of its row, and writes what follows instead of a result.
        """
        t = self.t
        given = tool_input(t.dice, self.bench, name) if given is None else given
        block: Row = {"type": "tool_use", "id": f"toolu_01{t.dice.hex(22)}", "name": name, "input": given}
        if t.generation == "D":
            block["caller"] = {"type": "direct"}

        def follow(uuid: str) -> None:
            count_call(t, name)
            self.tool_count += 1
            if then is not None:
                then(block["id"], uuid)
                return
            ticks(t, self.bench, name, block["id"])
            t.wait(t.dice.spread(1500 if name == "Bash" else 60))
            if fails:
                content, result = tool_failure(t, self.bench, name)
                t.result(block["id"], content, result, uuid, is_error=True)
                return
            content, result = tool_result(t, self.bench, name, given) if answer is None else answer
            t.result(block["id"], content, result, uuid, is_error=False if name == "Bash" else None)

        return block, follow

    def call(self, blocks: list[Block], *, stop: str = "tool_use") -> None:
        """Write one model call: a row per block, all with one message id."""
        t, dice = self.t, self.t.dice
        model = MODELS[self.model]
        output = dice.between(60, 300) + int(dice.spread(120) * len(blocks))
        t.wait(900 + output / model.tokens_per_second * 1000)
        left = DAY_MS - t.at % DAY_MS
        if left < _MIDNIGHT_MARGIN_MS:
            t.wait(left + 1000)
        written = int(dice.spread(900))
        uncached = dice.between(1, 12)
        numbers = (uncached, 0, self.context, *((0, written) if self.long_cache else (written, 0)))
        # Generation B often never writes the final count, and then says no reason to stop.
        final = t.generation == "D" or dice.chance(0.35)
        partial = min(output, dice.between(1, 9))
        base = {"model": self.model, "id": f"msg_01{dice.hex(22)}", "type": "message", "role": "assistant"}
        request_id = f"req_011C{dice.hex(20)}"
        extra: Row = {"effort": "high"} if t.generation == "D" else {}
        t.call(self.model, (numbers[0], output if final else partial, *numbers[2:]))
        for index, (block, follow) in enumerate(blocks):
            last = index == len(blocks) - 1
            done = t.generation == "D" or (last and final)
            usage = self._usage(numbers, output if done else partial)
            says_stop = t.generation == "D" or (done and dice.chance(0.1))
            message: Row = {
                **base,
                "content": [],
                "stop_reason": stop if says_stop else None,
                "stop_sequence": None,
                "usage": usage,
            }
            if t.generation == "D":
                message |= {"stop_details": None, "diagnostics": None}
            uuid = t.block(message, block, request_id, **extra)
            if follow is not None:
                follow(uuid)
            elif not last:
                t.wait(200 + dice.below(900))
        self.last_usage = self._usage(numbers, output)
        self.tokens = sum(numbers) + output
        self.context += written

    @staticmethod
    def _usage(numbers: tuple[int, ...], output: int) -> Row:
        return {
            "input_tokens": numbers[0],
            "cache_creation_input_tokens": numbers[3] + numbers[4],
            "cache_read_input_tokens": numbers[2],
            "cache_creation": {"ephemeral_5m_input_tokens": numbers[3], "ephemeral_1h_input_tokens": numbers[4]},
            "output_tokens": output,
            "service_tier": "standard",
        }

    def synthetic(self, text: str, *, error: bool) -> None:
        """Write a message that the client made itself: never a model call."""
        t = self.t
        usage = self._usage((0, 0, 0, 0, 0), 0)
        message: Row = {
            "id": t.dice.uuid(),
            "container": None,
            "model": "<synthetic>",
            "role": "assistant",
            "stop_reason": "stop_sequence",
            "stop_sequence": "",
            "type": "message",
            "usage": {**usage, "server_tool_use": {"web_search_requests": 0, "web_fetch_requests": 0}},
            "content": [],
            "context_management": None,
        }
        extra: Row = {"isApiErrorMessage": error}
        if error:
            extra["error"] = "unknown"
        request_id = f"req_011C{t.dice.hex(20)}" if t.generation == "D" else None
        t.block(message, {"type": "text", "text": text}, request_id, **extra)
