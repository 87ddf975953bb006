"""A note that a refresh did not come to its end: written when it begins to change something, removed at its end."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime

from learning_pipeline.assets import record
from learning_pipeline.errors import PipelineError
from learning_pipeline.settings import Settings

NAME = "unfinished.json"
REFRESH, PUBLISH = "refresh", "publish"


@dataclass(frozen=True)
class Unfinished:
    """What did not come to its end."""

    step: str  # PUBLISH where everything before it was done, else REFRESH
    began_at: str
    lake: str | None  # digest of what the lake held then


def note(settings: Settings, step: str, now: datetime) -> None:
    """Note that a step begins."""
    settings.home.mkdir(parents=True, exist_ok=True)
    found = Unfinished(step, now.isoformat(timespec="seconds"), record.lake_digest(settings))
    record.write(settings.home / NAME, json.dumps(asdict(found)) + "\n")


def clear(settings: Settings) -> None:
    """Note that all came to its end."""
    (settings.home / NAME).unlink(missing_ok=True)


def load(settings: Settings) -> Unfinished | None:
    """Return what did not come to its end; None where all did. A note that cannot be read stands for everything."""
    try:
        return Unfinished(**json.loads((settings.home / NAME).read_bytes()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError):
        return Unfinished(REFRESH, "", None)


@contextmanager
def only_the_publish() -> Iterator[None]:
    """Let a failure of the block say that what comes before it was done."""
    try:
        yield
    except PipelineError as error:
        raise type(error)(f"{error} (the marts are new; only the publish failed: run learning-pipeline publish)") from (
            error
        )


def was_published(settings: Settings, publish_id: str) -> None:
    """Note that what a refresh could not publish is published now, when nothing was landed in between."""
    left = load(settings)
    if left is None or left.step != PUBLISH or left.lake != record.lake_digest(settings):
        return
    complete = record.observe(settings, published=True, publish_id=publish_id or None, router_version=_router(settings))
    if complete is not None:
        record.save(settings, complete)
    clear(settings)


def _router(settings: Settings) -> str | None:
    from learning_pipeline.routing.registry import current

    latest = current(settings, "latest")
    return latest.version if latest else None
