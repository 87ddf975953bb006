"""What tells the objects of a log apart: their JSON with sorted keys, the same in every copy of a line."""

import hashlib
from typing import Any

import msgspec

_encoder = msgspec.json.Encoder(order="sorted", decimal_format="number")


def json_text(value: Any) -> str:
    """Return a value as JSON with sorted keys: equal values have equal texts."""
    return _encoder.encode(value).decode("utf-8", "replace")


def key_of_object(kind: str, value: dict[str, Any]) -> int:
    """Return the 64-bit key of an object of a kind: what `key_of` gives for the kind and its JSON text."""
    content = b"%b\x1f%b" % (kind.encode(), _encoder.encode(value))
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "big")
