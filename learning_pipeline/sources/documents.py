"""Files that are one JSON document, whatever their name says."""

import itertools
from collections.abc import Iterable, Iterator

from learning_pipeline.sources.base import Line
from learning_pipeline.sources.json_lines import LineError, decode

MAX_DOCUMENT_BYTES = 64 * 1024 * 1024


def joined(lines: Iterable[Line]) -> Iterator[Line]:
    """Yield the lines; those of a file that is one JSON document as one line, with its first line's number.

    A document that is damaged is one line too: where it begins with a bracket alone on its line, and no line of it
    is an object. A document of more than 64 MiB is given line by line.
    """
    found = iter(lines)
    first = next(found, None)
    if first is None:
        return iter(())
    if _is_json(first.raw):
        return itertools.chain((first,), found)
    held = [first]
    for line in found:
        held.append(line)
        if line.offset + len(line.raw) - first.offset > MAX_DOCUMENT_BYTES:
            return itertools.chain(held, found)
    whole = Line(first.number, first.offset, b"\n".join(line.raw for line in held))
    is_damaged = first.raw.strip() in (b"{", b"[") and not any(_is_object(line.raw) for line in held)
    return iter((whole,) if is_damaged or _is_json(whole.raw) else held)


def _is_json(raw: bytes) -> bool:
    try:
        decode(raw, most=MAX_DOCUMENT_BYTES)
    except LineError as error:
        return error.check == "type"  # JSON, and no object
    return True


def _is_object(raw: bytes) -> bool:
    try:
        return raw.lstrip().startswith(b"{") and decode(raw) != [{}]
    except LineError:
        return False
