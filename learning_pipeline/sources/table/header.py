"""The first row of a file of values separated by commas, or by another sign."""

import csv

import msgspec

SEPARATORS = (",", ";", "\t", "|")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def encoding(head: bytes) -> str:
    """Return the encoding that the mark at a file's beginning names; UTF-8 where there is none."""
    return "utf-16" if head.startswith(_UTF16) else "utf-8-sig"


def separator(text: str) -> str:
    """Return the sign that separates the names of a header: the most frequent one."""
    return max(SEPARATORS, key=lambda sign: (text.count(sign), -SEPARATORS.index(sign)))


def names(cells: list[str]) -> list[str]:
    """Return the columns' names; one that is there twice, or empty, gets the number of its column."""
    found: list[str] = []
    for number, cell in enumerate(cells, 1):
        name = cell.strip()
        found.append(name if name and name not in found else f"{name or 'column'}_{number}")
    return found


def header_line(head: bytes) -> bytes | None:
    """Return a JSON object of the header's names, for a look at what the rows are; None where there is no header."""
    text = head.decode(encoding(head), "replace").split("\n", 1)[0].rstrip("\r")
    if text.lstrip().startswith(("{", "[")):
        return None
    try:
        cells = next(csv.reader([text], delimiter=separator(text), strict=True), [])
    except csv.Error:
        return None
    return msgspec.json.encode(dict.fromkeys(names(cells))) if len(cells) > 1 else None
