"""What the last complete refresh saw and left behind, so that the next one can tell that nothing is new.

The record is one small JSON file in the home directory, written after everything else. It is a short cut and
nothing more: without it, or when it does not match, the steps find out for themselves that nothing changed.
"""

import hashlib
import json
import os
import sqlite3
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import learning_pipeline
from learning_pipeline.report.write import page_path
from learning_pipeline.settings import Settings

RECORD_NAME = "refresh.json"
LOOKED_NAME = "looked_at"
CODE_SUFFIXES = (".py", ".sql", ".toml", ".html", ".css", ".js")


@dataclass(frozen=True)
class Record:
    """A state of the home directory in which nothing is left to do."""

    code: str  # digest of the installed package's files
    lake: str  # digest of the lake's partition digests
    outputs: str  # sizes and times of the marts database, the page and the model registry
    configuration: str  # digest of the settings, without secrets
    published: bool  # whether that state was published too
    publish_id: str | None = None
    router_version: str | None = None


def _digest(*parts: object) -> str:
    return hashlib.blake2b(repr(parts).encode(), digest_size=16).hexdigest()


def _stamp(path: Path) -> tuple[str, int, int] | None:
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    return path.name, stat.st_size, stat.st_mtime_ns


def _code() -> str:
    root = Path(learning_pipeline.__file__).parent
    stamps = []
    for directory, folders, files in os.walk(root):
        folders.sort()
        stamps += [(directory, _stamp(Path(directory, name))) for name in sorted(files) if name.endswith(CODE_SUFFIXES)]
    return _digest(stamps)


def lake_digest(settings: Settings) -> str | None:
    """Return a digest of what the lake holds, by its partitions' digests; None where nothing was landed."""
    if not settings.state_path.exists():
        return None
    db = sqlite3.connect(settings.state_path)
    try:
        rows = db.execute("select stream, day, digest from partitions order by stream, day").fetchall()
    finally:
        db.close()
    return _digest(rows)


def _outputs(settings: Settings) -> str | None:
    marts = _stamp(settings.marts_path)
    if marts is None:
        return None
    models = sorted(path for path in settings.models_dir.glob("**/*") if path.is_file())
    return _digest(marts, _stamp(page_path(settings)), [(str(path), _stamp(path)) for path in models])


def observe(
    settings: Settings, *, published: bool, publish_id: str | None = None, router_version: str | None = None
) -> Record | None:
    """Return the record of what is there now; None where there is no lake or no marts database."""
    lake, outputs = lake_digest(settings), _outputs(settings)
    if lake is None or outputs is None:
        return None
    server = settings.postgres_url.get_secret_value() if settings.postgres_url else ""
    configuration = _digest(settings.model_dump_json(exclude={"sources", "postgres_url", "publish"}), _digest(server))
    return Record(_code(), lake, outputs, configuration, published, publish_id, router_version)


def load(settings: Settings) -> Record | None:
    """Return what the last complete refresh recorded; None where there is none that can be read."""
    try:
        return Record(**json.loads((settings.home / RECORD_NAME).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def save(settings: Settings, record: Record) -> None:
    """Keep the record; call it when everything else is done."""
    write(settings.home / RECORD_NAME, json.dumps(asdict(record), indent=1))


def is_current(settings: Settings, *, publish: bool) -> Record | None:
    """Return the record when the home directory is just as the last complete refresh left it."""
    record = load(settings)
    if record is None or (publish and not record.published):
        return None
    now = observe(
        settings,
        published=record.published,
        publish_id=record.publish_id,
        router_version=record.router_version,
    )
    return record if now == record else None


def mark_looked(settings: Settings, now: datetime) -> None:
    """Note that the inputs were looked at, whether or not there was something new."""
    settings.home.mkdir(parents=True, exist_ok=True)
    write(settings.home / LOOKED_NAME, now.isoformat() + "\n")


def looked_at(settings: Settings) -> datetime | None:
    """Return when the inputs were last looked at; None where that is not known."""
    try:
        seen = datetime.fromisoformat((settings.home / LOOKED_NAME).read_text().strip())
    except (OSError, ValueError):
        return None
    return seen if seen.tzinfo else None


def write(path: Path, text: str) -> None:
    """Write a small file of the home directory, whole or not at all."""
    part = path.with_name(path.name + ".part")
    part.write_text(text)
    part.replace(path)
