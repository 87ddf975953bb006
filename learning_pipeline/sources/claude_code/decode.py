"""From the bytes of a line to typed rows, whatever state the line is in."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, TypeVar

import msgspec

from learning_pipeline.sources.claude_code.rows import AgentMessage, Block, CacheCreation, Message, Row, Usage

T = TypeVar("T")

_ROW = msgspec.json.Decoder(Row)
_AGENT_MESSAGE = msgspec.json.Decoder(AgentMessage)
_PYTHON_JSON = json.JSONDecoder()
_LONE_SURROGATE = re.compile(
    rb"(?<!\\)((?:\\\\)*)(?:\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    rb"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2})"
)


class BadLineError(Exception):
    """A line, or a part of one, that is not a transcript row. `check` is the broken rule's short name."""

    def __init__(self, check: str, reason: str, column: str | None = None) -> None:
        super().__init__(reason)
        self.check = check
        self.reason = reason
        self.column = column


def _names(struct: type[msgspec.Struct]) -> frozenset[str]:
    return frozenset(info.encode_name for info in msgspec.structs.fields(struct))


_KNOWN: dict[type[msgspec.Struct], frozenset[str]] = {
    struct: _names(struct) for struct in (Row, Message, Usage, CacheCreation, Block)
}


def _prune(value: Any, struct: type[msgspec.Struct], path: str, unknown: Counter[str]) -> None:
    """Take the fields that are not known out of a decoded object, and count them by name."""
    if not isinstance(value, dict):
        return
    for name in [name for name in value if name not in _KNOWN[struct]]:
        unknown[f"field:{path}{name}"] += 1
        del value[name]


def _prune_message(message: Any, path: str, unknown: Counter[str]) -> None:
    _prune(message, Message, path, unknown)
    if not isinstance(message, dict):
        return
    usage = message.get("usage")
    _prune(usage, Usage, f"{path}usage.", unknown)
    if isinstance(usage, dict):
        _prune(usage.get("cache_creation"), CacheCreation, f"{path}usage.cache_creation.", unknown)
    if isinstance(message.get("content"), list):
        for block in message["content"]:
            _prune(block, Block, f"{path}content.", unknown)


def _load(raw: bytes) -> Any:
    """Decode a line as plain Python values, mending what real files are known to hold.

    Raises:
        BadLineError: it is not JSON.
    """
    text = _LONE_SURROGATE.sub(rb"\1\\ufffd", raw).decode("utf-8", "replace")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadLineError("json", f"not valid JSON: {error}") from error


def _strict(decoder: msgspec.json.Decoder[T], value: Any) -> T:
    try:
        return decoder.decode(msgspec.json.encode(value))
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at ")
        column = path.strip("`").removeprefix("$.") or None
        raise BadLineError("type", f"{message}{f' in {column}' if column else ''}", column) from error
    except (msgspec.MsgspecError, UnicodeEncodeError, OverflowError) as error:
        raise BadLineError("json", str(error)) from error


def _mend(value: Any, unknown: Counter[str]) -> Row:
    if not isinstance(value, dict):
        raise BadLineError("type", f"a transcript row is an object, not {type(value).__name__}")
    _prune(value, Row, "", unknown)
    _prune_message(value.get("message"), "message.", unknown)
    return _strict(_ROW, value)


# Decodes a line that is one row of known fields; all others raise one of UNUSUAL, and are for `decode`.
decode_usual = _ROW.decode
UNUSUAL = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def decode(raw: bytes, unknown: Counter[str]) -> Iterator[Row]:
    """Yield the rows of a line that is not usual: one, or more where several objects are glued together.

    Fields that are not known are counted in `unknown` and passed over.

    Raises:
        BadLineError: the line, or what is left of it, is not a row; rows before the damage were yielded.
    """
    try:
        value = _load(raw)
    except BadLineError:
        yield from _decode_glued(raw, unknown)
        return
    yield _mend(value, unknown)


def _decode_glued(raw: bytes, unknown: Counter[str]) -> Iterator[Row]:
    text = _LONE_SURROGATE.sub(rb"\1\\ufffd", raw).decode("utf-8", "replace")
    position = 0
    while position < len(text):
        try:
            value, position = _PYTHON_JSON.raw_decode(text, position)
        except (ValueError, RecursionError) as error:
            raise BadLineError("json", f"not valid JSON from character {position + 1}: {error}") from error
        yield _mend(value, unknown)
        while position < len(text) and text[position].isspace():
            position += 1


def decode_agent_message(raw: bytes, unknown: Counter[str]) -> AgentMessage:
    """Decode a sub-agent's line that its parent's progress row carries.

    Raises:
        BadLineError: it has another shape.
    """
    try:
        return _AGENT_MESSAGE.decode(raw)
    except UNUSUAL:
        pass
    value = _load(raw)
    if not isinstance(value, dict):
        raise BadLineError("type", "data.message of agent_progress is not an object", "data.message")
    _prune_message(value.get("message"), "data.message.message.", unknown)
    return _strict(_AGENT_MESSAGE, value)
