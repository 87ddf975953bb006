"""Writes `reports/index.html`: whole or not at all, and only when it would differ."""

import os
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from learning_pipeline.errors import PipelineError
from learning_pipeline.settings import Settings


@dataclass(frozen=True)
class PageReport:
    """What was written. `left_out`: charts without rows, and why."""

    path: Path
    changed: bool
    size_bytes: int
    charts: int
    left_out: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0


def page_path(settings: Settings) -> Path:
    """Return where the page of a home directory is."""
    return settings.home / "reports" / "index.html"


def write_page(settings: Settings) -> PageReport:
    """Make the page from the marts and the newest router version as they are now.

    The same marts and router give the same bytes: it holds no clock and no path of the home directory.

    Raises:
        PipelineError: marts or router cannot be read, or the file cannot be written; the old page is untouched.
    """
    from learning_pipeline.report.page import build
    from learning_pipeline.report.reader import reading, router_text

    started = time.perf_counter()
    with reading(settings) as reader:
        page = build(reader, router_text(settings))
    content, path = page.html.encode("utf-8"), page_path(settings)
    changed = _write(path, content)
    seconds = time.perf_counter() - started
    return PageReport(path, changed, len(content), page.charts, page.left_out, seconds)


def _write(path: Path, content: bytes) -> bool:
    """Put the content at the path, unless it is there; return whether it was not."""
    part = path.with_name(f".{path.name}.part")
    try:
        if path.exists() and path.read_bytes() == content:
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise PipelineError(f"cannot write {path}: {error.strerror or error}") from error
    return True
