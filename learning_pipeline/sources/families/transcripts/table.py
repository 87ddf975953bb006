"""A growing table of records: tuples of Python values in, one Polars frame for each kind of record out."""

from hashlib import sha256
from typing import Any

import polars as pl

from learning_pipeline.contracts.vocabulary import UNDATED
from learning_pipeline.sources.base import key_of_text
from learning_pipeline.sources.families.transcripts.schema import OWN, SCHEMAS

# What the tuple of every record begins with; `place` is the number of what PLACE names, `time` the text of `at`.
FIRST = ("place", "source_line", "time", "record_key", "agent_id", "parent_tool_call_id")
# The same for most rows of a session: kept once.
PLACE = ("source_file", "group_key", "agent_name", "cwd", "branch", "agent_version")
# Rows of a kind that are kept as Python values before they are packed.
PACK_ROWS = 20_000

_TIME_FORMAT = "%Y-%m-%dT%H:%M:%S%.fZ"
# Of a fixed length, it is read in a quarter of the time.
_USUAL_TIME, _USUAL_LENGTH = "%Y-%m-%dT%H:%M:%S.%3fZ", len("2026-01-01T00:00:00.000Z")
_NAMES = {kind: (*FIRST, *own) for kind, own in OWN.items()}
_HASHED = {kind: tuple(own).index("text_hash") for kind, own in OWN.items() if "text_hash" in own}


class RecordTable:
    """Records as they are found."""

    def __init__(self) -> None:
        self.rows: dict[str, list[tuple[Any, ...]]] = {kind: [] for kind in OWN}
        self.places: dict[tuple[str | None, ...], int] = {}
        self.file: str | None = None  # that the next records come from
        self.added = 0
        self.pack_rows = PACK_ROWS
        self._parts: dict[str, list[pl.DataFrame]] = {kind: [] for kind in OWN}

    def add(
        self,
        kind: str,
        *,
        line: int,
        session: str,
        at: str | None,
        identity: str,
        agent_id: str | None = None,
        parent_tool_call_id: str | None = None,
        agent_name: str | None = None,
        cwd: str | None = None,
        branch: str | None = None,
        version: str | None = None,
        **own: Any,
    ) -> None:
        """Add a record.

        Args:
            at: `YYYY-MM-DDThh:mm:ss[.f]Z`; None where the log does not tell the time.
            identity: what tells the record from every other of its kind, the same in each copy of its line.
            own: columns of the kind (see `schema.OWN`).

        Raises:
            TypeError: the kind has no such column.
        """
        names = OWN[kind]
        if not own.keys() <= names.keys():
            raise TypeError(f"a record of kind {kind} has no {sorted(own.keys() - names.keys())}")
        if own.get("text") is not None and own.get("text_hash") is None and kind in _HASHED:
            own["text_hash"] = sha256(own["text"].encode("utf-8", "replace")).hexdigest()
        key = key_of_text(f"{kind}\x1f{identity}\x1f{agent_id}")
        place = self.place(session, agent_name, cwd, branch, version)
        self.put(kind, (place, line, at, key, agent_id, parent_tool_call_id, *map(own.get, names)))

    def place(self, session: str, name: str | None, cwd: str | None, branch: str | None, version: str | None) -> int:
        """Return the number of what most rows of a session have in common."""
        return self.places.setdefault((self.file, session, name, cwd, branch, version), len(self.places))

    def put(self, kind: str, row: tuple[Any, ...]) -> None:
        """Add a record as a tuple: FIRST, and the first of its kind's columns, always as many; the rest is null."""
        rows = self.rows[kind]
        rows.append(row)
        self.added += 1
        if len(rows) >= self.pack_rows:
            self.pack(kind)

    def pack(self, kind: str) -> None:
        """Turn the rows of a kind into columns, which take a fraction of the memory."""
        rows = self.rows[kind]
        if rows:
            types = {**SCHEMAS[kind], "place": pl.UInt32, "time": pl.String}
            columns = zip(_NAMES[kind], zip(*rows, strict=True), strict=False)
            self._parts[kind].append(pl.DataFrame([pl.Series(name, values, types[name]) for name, values in columns]))
            rows.clear()

    def frames(self) -> dict[str, pl.DataFrame]:
        """Return the records of each kind that has some. `source` and `host` are null."""
        places = pl.DataFrame(list(self.places), schema=dict.fromkeys(PLACE, pl.String), orient="row")
        frames = {}
        for kind, schema in SCHEMAS.items():
            self.pack(kind)
            if self._parts[kind]:
                found = pl.concat(self._parts[kind])
                found = found.hstack(places[found["place"]]).with_columns(_times(found["time"]))
                found = found.with_columns(pl.col("at").dt.date().fill_null(UNDATED).alias("day"))
                lacking = [
                    pl.lit(None, dtype=dtype).alias(name) for name, dtype in schema.items() if name not in found.columns
                ]
                frames[kind] = found.with_columns(lacking).select(*schema)
        return frames


def _times(texts: pl.Series) -> pl.Series:
    is_usual = (texts.str.len_bytes() == _USUAL_LENGTH).all()
    times = texts.str.to_datetime(_USUAL_TIME if is_usual else _TIME_FORMAT, time_unit="us")
    return times.dt.replace_time_zone("UTC").alias("at")
