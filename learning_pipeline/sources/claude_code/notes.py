"""What rows beside the conversation tell: queued prompts, ends of background agents, pull requests, fallbacks."""

import re
from typing import Any

import msgspec

from learning_pipeline.sources.claude_code.decode import BadLineError
from learning_pipeline.sources.claude_code.facts import TAGGED, text_of
from learning_pipeline.sources.claude_code.rows import NOTHING, Attachment, Block, Row
from learning_pipeline.sources.normal import outcome

NOTIFICATION = "<task-notification"

_ATTACHMENT = msgspec.json.Decoder(Attachment)
_any = msgspec.json.Decoder()
_encode = msgspec.json.Encoder(order="sorted").encode
_TAG = re.compile(r"<(task-id|tool-use-id|status|duration_ms)>\s*([^<]{1,200}?)\s*</\1>")
_RESULT = re.compile(r"<result>.*?(?:</result>|\Z)", re.DOTALL)
_LONGEST_MS = 10**12


def value_of(part: msgspec.Raw) -> Any:
    """Return the value of a field that stayed undecoded; None where it is missing or broken."""
    try:
        return _any.decode(part) if part is not NOTHING else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def queued(row: Row) -> Attachment | None:
    """Return what was typed, or came in, while the agent was busy; None for any other attachment.

    Raises:
        BadLineError: it has another shape.
    """
    raw = bytes(row.attachment)
    if b'"queued_command"' not in raw:
        return None
    try:
        found = _ATTACHMENT.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadLineError("type", f"a queued command of another shape: {error}", "attachment") from error
    return found if found.type == "queued_command" else None


def typed_text(command: Attachment) -> str | None:
    """Return what a person typed while the agent was busy; None for what a program put in the queue."""
    if command.isMeta or command.commandMode not in (None, "prompt"):
        return None
    if command.origin is not None and command.origin.kind not in (None, "human"):
        return None
    text = words_of(command)
    return None if text is None or text.startswith(TAGGED) else text


def words_of(command: Attachment) -> str | None:
    """Return the words of a queued command."""
    if isinstance(command.prompt, list):
        parts = [_words(block) for block in command.prompt if block.type == "text"]
        return "\n".join(part for part in parts if part) or None
    return text_of(command.prompt)


def _words(block: Block) -> str | None:
    return text_of(value_of(block.text))


def end_of_task(text: str) -> tuple[str | None, str | None, str | None, int | None]:
    """Return task id, tool call id, outcome and milliseconds of a task that ended in the background."""
    told = dict(reversed(_TAG.findall(_RESULT.sub("", text))))
    took = told.get("duration_ms", "")
    duration = int(took) if took.isdecimal() and int(took) < _LONGEST_MS else None
    return told.get("task-id"), told.get("tool-use-id"), outcome(told.get("status")), duration


def pull_request(row: Row) -> str | None:
    """Return the pull request that a session was linked to, as JSON: number, repository, url."""
    told = {"number": row.prNumber, "repository": row.prRepository, "url": row.prUrl}
    found = {name: value_of(part) for name, part in told.items()}
    return json_of(found)


def refusal(row: Row) -> str | None:
    """Return what happened when a model refused and another took over, as JSON: from, to, category, request_id."""
    told = {"from": row.originalModel, "to": row.fallbackModel, "category": row.apiRefusalCategory}
    return json_of({**{name: value_of(part) for name, part in told.items()}, "request_id": row.requestId})


def fallback(block: Block) -> tuple[str | None, str | None]:
    """Return the models that a turn went from and to."""
    models = []
    for part in (block.from_, block.to):
        value = value_of(part)
        models.append(text_of(value.get("model")) if isinstance(value, dict) else None)
    return models[0], models[1]


def compaction(row: Row) -> str | None:
    """Return what a compaction of the context dropped, as JSON: trigger, pre_tokens, post_tokens."""
    told = value_of(row.compactMetadata)
    if not isinstance(told, dict):
        return json_of({"trigger": "unknown"})
    names = {"trigger": "trigger", "preTokens": "pre_tokens", "postTokens": "post_tokens"}
    return json_of({new: told.get(old) for old, new in names.items()})


def json_of(found: dict[str, Any]) -> str | None:
    """Return what is known as JSON; None where nothing is."""
    known = {name: value for name, value in found.items() if isinstance(value, str | int | dict) and value != ""}
    return _encode(known).decode() if known else None
