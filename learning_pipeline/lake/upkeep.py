"""Says whether something else than landing has changed a lake, or a setting that it was read with."""

from datetime import date
from pathlib import Path

from learning_pipeline.lake.state import State
from learning_pipeline.settings import Settings
from learning_pipeline.sources import registry


def is_needed(settings: Settings, state: State) -> bool:
    """Say whether a file is missing, the state was lost, or a setting changed. It opens no file."""
    root = settings.lake_dir
    known = partitions(state)
    if not known and any(root.glob("*/day=*")):
        return True
    if any(not events_path(root, stream, day).exists() for stream, day in known):
        return True
    if any(lost_days(state, root, name) for name in registry.FAMILIES):
        return True
    return bool(known) and reading(settings) != read_with(state)


def remember(settings: Settings, state: State) -> None:
    """Note the settings that what is landed was read with."""
    zone, mode = reading(settings)
    with state.transaction() as db:
        values = [("naive_timezone", zone or ""), ("task_text", mode or "")]
        db.executemany("insert or replace into facts (name, value) values (?, ?)", values)


def partitions(state: State) -> list[tuple[str, date]]:
    rows = state.query("select stream, day from partitions order by stream, day")
    return [(stream, date.fromisoformat(day)) for stream, day in rows]


def reading(settings: Settings) -> tuple[str | None, str | None]:
    return settings.naive_timezone, settings.task_text


def read_with(state: State) -> tuple[str | None, str | None]:
    return state.fact("naive_timezone") or None, state.fact("task_text") or None


def lost_days(state: State, root: Path, family: str) -> set[date]:
    """Return the days that had records of a family, and have no file of them."""
    rows = state.query("select distinct day from group_days where family = ?", (family,))
    return {
        date.fromisoformat(day) for (day,) in rows if not records_path(root, family, date.fromisoformat(day)).exists()
    }


def events_path(root: Path, stream: str, day: date) -> Path:
    """Return where the events of a stream and day are."""
    return root / stream / f"day={day.isoformat()}" / "events.parquet"


def records_path(root: Path, family: str, day: date) -> Path:
    """Return where the records of a family and day are."""
    return root / "_records" / family / f"day={day.isoformat()}" / "records.parquet"
