"""From the bytes of a line of an in-house log to JSON objects, and what is wrong with a line."""

import json
import re
from typing import Any

import msgspec

MAX_LINE_BYTES = 16 * 1024 * 1024

_BOM = b"\xef\xbb\xbf"
# An escape: a pair of surrogates, one alone, or any other.
_ESCAPE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\.", re.DOTALL
)
_decoder = msgspec.json.Decoder()
_glued = json.JSONDecoder()


class LineError(ValueError):
    """A line breaks a rule. `check` is the rule's short name, `column` and `value` say where."""

    def __init__(self, check: str, reason: str, column: str | None = None, value: object = None) -> None:
        super().__init__(reason)
        self.check = check
        self.reason = reason
        self.column = column
        self.value = None if value is None else str(value)[:500]


def decode(raw: bytes, *, most: int = MAX_LINE_BYTES) -> list[dict[str, Any]]:
    """Return the objects of a line: one, or several where lines were glued together.

    NUL characters are taken out; half a surrogate pair becomes U+FFFD.

    Args:
        most: bytes that a line may have.

    Raises:
        LineError: the line is too long, is not UTF-8, not JSON, or holds something else than objects.
    """
    if len(raw) > most:
        raise LineError("too_long", f"the line has more than {most // 2**20} MiB")
    found = _values(raw.removeprefix(_BOM))
    for value in found:
        if not isinstance(value, dict):
            raise LineError("type", "the line is not a JSON object", value=value)
    if b"\\u0000" in raw:
        found = [_without_nul(value) for value in found]
    return found


def _values(raw: bytes) -> list[Any]:
    try:
        return [_decoder.decode(raw)]
    except UnicodeDecodeError as error:
        raise LineError("utf8", f"the line is not UTF-8: {error.reason} at byte {error.start}") from error
    except RecursionError as error:
        raise LineError("json", "the line is nested too deeply") from error
    except msgspec.DecodeError as error:
        reason = str(error)
    try:
        text = _ESCAPE.sub(_whole_pair, raw).decode("utf-8")
        return _one_after_another(text)
    except UnicodeDecodeError as error:
        raise LineError("utf8", f"the line is not UTF-8: {error.reason} at byte {error.start}") from error
    except (ValueError, RecursionError) as error:
        raise LineError("json", reason) from error


def _whole_pair(match: re.Match[bytes]) -> bytes:
    return b"\\ufffd" if match.group(1) else match.group(0)


def _one_after_another(text: str) -> list[Any]:
    """Decode values that follow each other without a line break.

    Raises:
        ValueError: there is none, something that is not JSON is in between, or a number is too large or none.
    """
    values: list[Any] = []
    at = 0
    while at < len(text) or not values:
        value, at = _glued.raw_decode(text, at)
        # What the fast decoder would not take, this one must not let through.
        values.append(_decoder.decode(json.dumps(value, allow_nan=False).encode()))
        while at < len(text) and text[at] in " \t\r\n":
            at += 1
    return values


def _without_nul(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\x00", "")
    if isinstance(value, list):
        return [_without_nul(item) for item in value]
    if isinstance(value, dict):
        return {_without_nul(key): _without_nul(item) for key, item in value.items()}
    return value
