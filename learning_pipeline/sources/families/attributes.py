"""Unites the attributes that the records of one event have."""

import msgspec
import polars as pl

_encode = msgspec.json.Encoder(order="sorted").encode


def united(records: pl.DataFrame, key: tuple[str, ...]) -> pl.DataFrame:
    """Return one row per key with its records' attributes as one JSON object; a later record's value wins.

    The records come in their order. Keys whose records have no attributes are left out.
    """
    given = (
        records.filter(pl.col("attributes").is_not_null()).group_by(key, maintain_order=True).agg(pl.col("attributes"))
    )
    texts = [_united(parts.to_list()) for parts in given["attributes"]]
    return given.select(*key, pl.Series("attributes", texts, dtype=pl.String))


def _united(texts: list[str]) -> str:
    if all(text == texts[0] for text in texts):
        return texts[0]
    merged: dict[str, object] = {}
    for text in texts:
        merged |= _object(text)
    return _encode(merged).decode()


def _object(text: str) -> dict[str, object]:
    """Return the attributes of one record; what redaction left unreadable is kept as a text."""
    try:
        found = msgspec.json.decode(text)
    except msgspec.DecodeError:
        found = None
    return found if isinstance(found, dict) else {"unreadable": text}
