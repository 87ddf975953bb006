"""The one resource: settings, inputs, and the right to write the home directory."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from learning_pipeline.assets import record, unfinished
from learning_pipeline.assets.inputs import default_specs
from learning_pipeline.assets.lock import home_lock
from learning_pipeline.errors import PipelineError, TransientError
from learning_pipeline.progress import Progress, silent
from learning_pipeline.settings import Settings, SourceSpec

MAX_RETRIES = 3
FIRST_WAIT_SECONDS = 5.0


def utc_now() -> datetime:
    """Return the time of the machine's clock."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Pipeline:
    """What every asset is given. `reports` keeps what the steps returned, for a caller in the same process."""

    settings: Settings
    specs: list[SourceSpec] | None = None
    progress: Progress = silent
    clock: Callable[[], datetime] = utc_now
    lock_wait_seconds: float = 60.0
    max_retries: int = MAX_RETRIES
    reports: dict[str, Any] = field(default_factory=dict)

    def inputs(self) -> list[SourceSpec]:
        """Return what is to be read; looked up when it is needed, so that a new directory is seen."""
        return default_specs(self.settings) if self.specs is None else self.specs

    @contextmanager
    def step(self, context: dg.AssetExecutionContext) -> Iterator[Settings]:
        """Give the settings while the home directory is held; turn failures into Dagster's.

        A transient failure (a lock that is held, a connection that was cut) is tried again with growing
        waits. Every other failure is final: the same input and configuration would fail again.
        """
        try:
            with home_lock(self.settings.home, wait_seconds=self.lock_wait_seconds):
                yield self.settings
        except TransientError as error:
            if context.retry_number >= self.max_retries:
                raise dg.Failure(str(error), allow_retries=False) from error
            wait = FIRST_WAIT_SECONDS * 2**context.retry_number
            raise dg.RetryRequested(max_retries=self.max_retries, seconds_to_wait=wait) from error
        except PipelineError as error:
            raise dg.Failure(str(error), allow_retries=False) from error

    def note_complete(self) -> None:
        """Keep a record that nothing is left to do; call it after the last step of a run.

        A landing that came between the build of its days and this run leaves days to build: then the run was of
        what was known before, and all is done once more after they are built.
        """
        from learning_pipeline.marts import build

        if build.stale_days(self.settings):
            return
        router, published = self.reports.get("router"), self.reports.get("publish")
        complete = record.observe(
            self.settings,
            published=published is not None,
            publish_id=published.publish_id if published else None,
            router_version=router.version if router else None,
        )
        if complete is not None:
            record.save(self.settings, complete)
        unfinished.clear(self.settings)


PipelineParam = dg.ResourceParam[Pipeline]
