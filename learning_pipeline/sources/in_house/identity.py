"""What tells the objects of a log apart: their JSON with sorted keys, the same in every copy of a line."""

import hashlib
from typing import Any
from uuid import UUID

import msgspec

_encoder = msgspec.json.Encoder(order="sorted", decimal_format="number")


def json_text(value: Any) -> str:
    """Return a value as JSON with sorted keys: equal values have equal texts."""
    return _encoder.encode(value).decode("utf-8", "replace")


def uuid_of(namespace: UUID, name: str) -> str:
    """Return the text of `uuid5`, without an object of it."""
    digest = bytearray(hashlib.sha1(namespace.bytes + name.encode(), usedforsecurity=False).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x50  # version 5
    digest[8] = digest[8] & 0x3F | 0x80  # variant of RFC 9562
    text = digest.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def key_of_object(kind: str, value: dict[str, Any]) -> int:
    """Return the 64-bit key of an object of a kind: what `key_of` gives for the kind and its JSON text."""
    content = b"%b\x1f%b" % (kind.encode(), _encoder.encode(value))
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "big")
