"""The publish: what the marts and the router say now becomes what PostgreSQL says, or nothing changes.

The table `publishes` in the database says which version is the current one. Two short cuts spare work when
nothing is new: the input files are not read again while none of them changed (size and time) since the last
publish, and the embedded server is not started while nobody has started it since then. A configured server is
always asked, so a database that was emptied or exchanged is filled again.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING

from learning_pipeline import __version__
from learning_pipeline.errors import PipelineError
from learning_pipeline.progress import Progress, silent
from learning_pipeline.settings import Settings

if TYPE_CHECKING:
    from learning_pipeline.publish.content import Content
    from learning_pipeline.publish.merge import Loaded

ATTEMPTS = 4
ANALYZE_SHARE = 0.1
_CACHE = "embeddings"  # Of models/: what routing keeps there follows from the models and the texts.


@dataclass(frozen=True)
class PublishReport:
    """What a publish did. `rows` are those of each table, `changes` those written in this publish."""

    publish_id: str
    rows: dict[str, int]
    published: bool
    reason: str
    seconds: float
    changes: dict[str, dict[str, int]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    recall: dict[str, float] | None = None


@dataclass(frozen=True)
class Memory:
    """What is remembered of the last publish, beside the data: a short cut, never the truth."""

    inputs: str
    publish_id: str
    rows: dict[str, int]
    server_state: int | None = None


def publish(
    settings: Settings, *, now: datetime, progress: Progress = silent, wait: Callable[[float], None] = sleep
) -> PublishReport:
    """Publish the marts and the router's words to the configured or the embedded PostgreSQL.

    The schema is made or upgraded where needed. A home without executions is not published: it would only
    empty the tables.

    Raises:
        TransientError: the server cannot be reached, or kept failing; another try may succeed.
        PipelineError: the server refused, or cannot be started. In both cases the old version stays.
    """
    began = monotonic()
    inputs = _inputs(settings)
    memory = _recall(settings)
    if memory and memory.inputs == inputs and _untouched(settings, memory):
        return PublishReport(memory.publish_id, memory.rows, False, "nothing new", monotonic() - began)
    from learning_pipeline.publish import server
    from learning_pipeline.publish.home import content_of

    content: Content | None = None
    if not memory or memory.inputs != inputs:
        content = content_of(settings)
        if not content.has_executions():
            return PublishReport("", {}, False, "there are no executions to publish", monotonic() - began)
    with server.database(settings) as url:
        loaded = None
        if content is None and memory:
            loaded = _still_there(url, memory.publish_id)
        notes: list[str] = []
        if loaded is None:
            content = content or content_of(settings)
            loaded, notes = _load(url, content, now, progress, wait)
    memory = Memory(inputs, loaded.publish_id, loaded.rows, _server_state(settings))
    _remember(settings, memory)
    reason = "published" if loaded.written else "nothing new"
    seconds = monotonic() - began
    return PublishReport(
        loaded.publish_id, loaded.rows, loaded.written, reason, seconds, loaded.changes, notes, loaded.recall
    )


def _load(
    url: str, content: "Content", now: datetime, progress: Progress, wait: Callable[[float], None]
) -> tuple["Loaded", list[str]]:
    """Load with a few more tries for what can heal: a lost connection, a restarted server, a lock."""
    import psycopg
    import tenacity

    from learning_pipeline.publish.connect import can_heal, explained

    retrying = tenacity.Retrying(
        stop=tenacity.stop_after_attempt(ATTEMPTS),
        wait=tenacity.wait_random_exponential(multiplier=1, max=20),
        retry=tenacity.retry_if_exception(can_heal),
        sleep=wait,
        reraise=True,
    )
    try:
        return retrying(_try_load, url, content, now, progress)
    except psycopg.Error as error:
        raise explained(error, url, "publishing") from error


def _try_load(url: str, content: "Content", now: datetime, progress: Progress) -> tuple["Loaded", list[str]]:
    from learning_pipeline.publish import merge, migrate, upkeep
    from learning_pipeline.publish.connect import connect

    notes = []
    if not all(applied for _, applied in migrate.status(url)):
        notes = migrate.upgrade(url)
    with connect(url, autocommit=True) as connection:
        upkeep.before(connection, content, now)
        loaded = merge.load(connection, content, now=now, progress=progress)
        if loaded.written:
            changed = sum(sum(counts.values()) for counts in loaded.changes.values())
            notes += upkeep.after(connection, now, analyze=changed > ANALYZE_SHARE * sum(loaded.rows.values()))
    return loaded, notes


def _still_there(url: str, publish_id: str) -> "Loaded | None":
    """Return the current version of the database when it has this id."""
    from learning_pipeline.publish import migrate
    from learning_pipeline.publish.connect import connect
    from learning_pipeline.publish.merge import Loaded, current_publish, is_whole

    if not all(applied for _, applied in migrate.status(url)):
        return None
    with connect(url) as connection:
        current = current_publish(connection)
    if current is None or current[0] != publish_id or not is_whole(current[1]):
        return None
    return Loaded(publish_id, written=False, rows=current[1])


def _inputs(settings: Settings) -> str:
    """Return a digest of name, size and time of every file that is published from."""
    digest = hashlib.blake2b(__version__.encode(), digest_size=16)
    from learning_pipeline.publish.home import SOURCES

    staged = [path for table in sorted(SOURCES) for path in _files(settings.staging_dir / table)]
    for path in sorted([*staged, *_files(settings.models_dir)]):
        found = path.stat()
        digest.update(f"\n{path}\0{found.st_size}\0{found.st_mtime_ns}".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _files(root: Path) -> Iterator[Path]:
    for directory, subdirectories, names in os.walk(root):
        if _CACHE in subdirectories:
            subdirectories.remove(_CACHE)
        yield from (Path(directory, name) for name in names)


def _untouched(settings: Settings, memory: Memory) -> bool:
    """Say whether nobody has started the embedded server since the publish that is remembered."""
    return memory.server_state is not None and memory.server_state == _server_state(settings)


def _server_state(settings: Settings) -> int | None:
    if settings.postgres_url is not None:
        return None
    from learning_pipeline.publish.embedded import Embedded

    return Embedded(settings.postgres_dir).state()


def _memory_path(settings: Settings) -> Path:
    """Return where the last publish to this server is remembered: its place is in the name, not its password."""
    if settings.postgres_url is None:
        return settings.postgres_dir / "published.json"
    from learning_pipeline.publish.connect import where

    place = hashlib.blake2b(where(settings.postgres_url.get_secret_value()).encode(), digest_size=6).hexdigest()
    return settings.home / "published" / f"{place}.json"


def _recall(settings: Settings) -> Memory | None:
    try:
        return Memory(**json.loads(_memory_path(settings).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def _remember(settings: Settings, memory: Memory) -> None:
    path = _memory_path(settings)
    part = path.with_suffix(".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(asdict(memory)))
        part.replace(path)
    except OSError as error:
        raise PipelineError(f"published, but cannot write {path}: {error}") from error
