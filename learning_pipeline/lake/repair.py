"""Heals a lake that something else than landing has changed, and applies settings that were made stricter.

The streams follow from the records, and the records from the logs: what is lost of one is made again from the
next, and only what no log has any more stays lost.
"""

from collections.abc import Iterator
from datetime import date, datetime

import polars as pl

from learning_pipeline.contracts.streams import STREAMS
from learning_pipeline.lake.merge import Merged, index_groups, put_together
from learning_pipeline.lake.parquet import read_parquet
from learning_pipeline.lake.quarantine import without_words
from learning_pipeline.lake.records import RecordStore, column
from learning_pipeline.lake.redact import redact_records
from learning_pipeline.lake.state import State
from learning_pipeline.lake.store import Lake, content_digest
from learning_pipeline.lake.upkeep import lost_days, partitions, read_with, reading, remember
from learning_pipeline.settings import Settings
from learning_pipeline.sources import registry

_STRICTNESS = ("full", "redacted", "hash")
# Days that are put together at a time: bounds memory.
_DAYS_AT_ONCE = 31


def repair(settings: Settings, state: State, lake: Lake, now: datetime) -> Merged:
    """Bring files, state and settings in line again; return the days that changed, and what broke a contract."""
    merged = Merged(fresh=pl.DataFrame(), settled=pl.DataFrame())
    if not partitions(state):
        _find_again(state, lake)
    lost = {(stream, day) for stream, day in partitions(state) if not lake.path(stream, day).exists()}
    forget = any(stream == "quarantine" for stream, _ in lost)
    with state.transaction() as db:
        rows = [(stream, day.isoformat()) for stream, day in lost]
        db.executemany("delete from partitions where stream = ? and day = ?", rows)
    zone, mode = read_with(state)
    stricter = mode is not None and _STRICTNESS.index(settings.task_text) > _STRICTNESS.index(mode)
    if stricter and settings.task_text == "hash":
        without_words(lake)
    for name in registry.FAMILIES:
        gone = lost_days(state, lake.root, name)
        forget |= bool(gone)
        with state.transaction() as db:
            days = [(name, day.isoformat()) for day in gone]
            db.executemany("delete from group_days where family = ? and day = ?", days)
        family = registry.family(name)
        store = RecordStore(lake.root, family)
        again = {day for stream, day in lost if stream in family.STREAMS} & store.days()
        if stricter:
            again = store.days()
            for day in sorted(again):
                clean = redact_records(store.read([day]), family.TEXT_COLUMNS, settings.task_text)
                with store.written(clean, {day}):
                    pass
        for part in _parts(sorted(again)):
            known = store.read(part)
            put_together(lake, family, merged, known, set(part), column(known, "group_key")["group_key"].sort(), now)
    if forget or ((zone, mode) != (None, None) and zone != reading(settings)[0]):
        # What is lost, or was rejected for want of a time zone, is read from the logs again.
        with state.transaction() as db:
            db.execute("delete from files")
            db.execute("delete from tips")
    remember(settings, state)
    return merged


def _find_again(state: State, lake: Lake) -> None:
    """Make a lost state again from the files of the lake. The line ledger starts anew."""
    for stream in STREAMS:
        rows = []
        for path in sorted((lake.root / stream).glob("day=*/events.parquet")):
            frame = read_parquet(path)
            rows.append((stream, path.parent.name[4:], content_digest(frame), frame.height))
        with state.transaction() as db:
            db.executemany("insert or replace into partitions (stream, day, digest, rows) values (?, ?, ?, ?)", rows)
    landings: set[int] = set()
    for name in registry.FAMILIES:
        store = RecordStore(lake.root, registry.family(name))
        for day in sorted(store.days()):
            records = store.read([day])
            index_groups(state, name, records)
            landings |= set(column(records, "landing")["landing"].drop_nulls())
    with state.transaction() as db:
        db.executemany("insert or ignore into landings values (?)", [(number,) for number in sorted(landings)])


def _parts(days: list[date]) -> Iterator[list[date]]:
    for start in range(0, len(days), _DAYS_AT_ONCE):
        yield days[start : start + _DAYS_AT_ONCE]
