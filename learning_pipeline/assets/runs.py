"""Runs of the Dagster jobs in this process, recorded in the instance of the home directory."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
from dagster._core.errors import DagsterAssetCheckFailedError  # has no public name

from learning_pipeline.assets import automation
from learning_pipeline.assets.definitions import definitions_for
from learning_pipeline.assets.instance import new_run_id, quick_event_log
from learning_pipeline.assets.landing import landing_key
from learning_pipeline.assets.partitions import DayRange
from learning_pipeline.assets.resources import Pipeline
from learning_pipeline.errors import PipelineError
from learning_pipeline.lake.discover import AUTO
from learning_pipeline.settings import SourceSpec
from learning_pipeline.sources.registry import KINDS

TAGS = {"started_by": "refresh"}
_NOT_ENDED = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass
class Runner:
    """Runs jobs of one home directory in this process."""

    pipeline: Pipeline
    instance: Any
    _definitions: dg.Definitions | None = field(default=None, init=False)

    @property
    def definitions(self) -> dg.Definitions:
        if self._definitions is None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", dg.BetaWarning)
                self._definitions = definitions_for(self.pipeline)
        return self._definitions

    def end_killed(self) -> None:
        """End runs that a refresh began and did not end: it held the home, as this one does, so it was killed.

        They count as cancelled, not as failed: what they left undone is done now.
        """
        for run in self.instance.get_runs(dg.RunsFilter(statuses=_NOT_ENDED, tags=TAGS)):
            self.instance.report_run_canceled(run, message="its process was killed")

    def land(self, specs: Sequence[SourceSpec]) -> None:
        """Land these inputs."""
        kinds = {spec.kind for spec in specs}
        chosen = KINDS if AUTO in kinds else sorted(kinds)
        self._run(automation.NIGHTLY, assets=[landing_key(kind) for kind in chosen])
        self._definitions = None  # what was landed can have widened the partitions

    def build_days(self, days: DayRange) -> None:
        """Build facts and daily marts of a range of days."""
        self._run(automation.BUILD_DAYS, tags=automation.range_tags(days))

    def finish(self) -> None:
        """Make roll-ups and the database, train, publish if configured, ask whether the laws hold."""
        self._run(automation.FINISH)

    def _run(
        self, job_name: str, *, assets: Sequence[dg.AssetKey] | None = None, tags: dict[str, str] | None = None
    ) -> None:
        run_id = new_run_id()
        job = self.definitions.resolve_job_def(job_name)
        try:
            with quick_event_log(self.instance, run_id):
                job.execute_in_process(
                    instance=self.instance,
                    run_id=run_id,
                    run_config=QUIET,
                    asset_selection=assets,
                    tags={**(tags or {}), **TAGS},
                )
        except dg.Failure as failure:
            raise PipelineError(failure.description or str(failure)) from failure
        except DagsterAssetCheckFailedError as failure:
            raise PipelineError(f"a law is broken, so nothing was made from it: {failure}") from failure
        except dg.DagsterExecutionInterruptedError as interrupt:
            raise KeyboardInterrupt from interrupt
