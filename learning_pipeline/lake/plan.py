"""What is to be read of the changed inputs, and how: as which kind, and from where on."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from zoneinfo import ZoneInfo

from learning_pipeline.errors import PipelineError
from learning_pipeline.lake import discover
from learning_pipeline.lake.files import Cursor, Found
from learning_pipeline.lake.parse import Job, Task, start
from learning_pipeline.lake.report import LandReport
from learning_pipeline.settings import Settings
from learning_pipeline.sources.base import Options
from learning_pipeline.sources.table_map import TableMap


@dataclass(slots=True)
class Plan:
    """What is to be read."""

    files: list[tuple[Job, list[Task]]] = field(default_factory=list)  # by kind
    repositories: list[tuple[Job, list[Found]]] = field(default_factory=list)  # by kind
    unknown: list[tuple[Found, str]] = field(default_factory=list)  # files that no kind knows, and what they look like


def plan(settings: Settings, changed: Iterable[tuple[Found, tuple[str, Cursor] | None]], report: LandReport) -> Plan:
    """Say how to read each file and repository; what cannot be opened, or is unknown, is told in the report.

    Args:
        changed: what has to be read, and as what and how far it was read before.
    """
    files: dict[str, list[tuple[Found, Cursor | None]]] = defaultdict(list)
    repositories: dict[str, list[Found]] = defaultdict(list)
    made = Plan()
    for found, known in changed:
        if found.is_repository:
            repositories[found.kind].append(found)
            continue
        try:
            kind = discover.kind_of(found.kind, found.path)
        except PipelineError as error:
            report.cannot_read(found.kind, str(error))
            continue
        if kind == discover.UNKNOWN:
            why = discover.why_unknown(found.path)
            made.unknown.append((found, why))
            report.unrecognised.append(f"{found.path}: {why}")
            continue
        cursor = known[1] if known is not None and known[0] == kind else None
        files[kind].append((found if found.kind == kind else replace(found, kind=kind), cursor))
    made.repositories = [(_job(settings, kind), of_kind) for kind, of_kind in sorted(repositories.items())]
    for kind, of_kind in sorted(files.items()):
        job = _job(settings, kind)
        made.files.append((job, [start(job, found, cursor) for found, cursor in of_kind]))
    return made


def _job(settings: Settings, kind: str) -> Job:
    zone = ZoneInfo(settings.naive_timezone) if settings.naive_timezone else None
    tables = tuple(TableMap(**mapping.model_dump()) for mapping in settings.tables)
    options = Options(zone, settings.scales.get(kind, {}), tables)
    return Job(kind, options, settings.task_text, settings.host)
