"""The Dagster instance of a home directory: SQLite under `dagster/`, one run at a time."""

import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import shorten
from typing import Any

from learning_pipeline.assets import record
from learning_pipeline.errors import PipelineError
from learning_pipeline.settings import Settings

CONFIG_NAME = "dagster.yaml"
REASON_CHARACTERS = 200
CONFIG = """\
# Written once; change it as you like. Reference: https://docs.dagster.io/deployment/oss/dagster-yaml
telemetry:
  enabled: false
nux:
  enabled: false
# All runs write one home directory, so they go one after the other.
concurrency:
  runs:
    max_concurrent_runs: 1
# A run whose process is gone, or that never ends, is ended; one whose process is gone is started again. What fails
# by itself is not: a step says whether another try can heal it (a lock, a connection), and then tries it itself.
run_monitoring:
  enabled: true
  start_timeout_seconds: 300
  max_runtime_seconds: 43200
run_retries:
  enabled: true
  max_retries: 2
  retry_on_asset_or_op_failure: false
freshness:
  enabled: true
retention:
  schedule:
    purge_after_days: 90
  sensor:
    purge_after_days:
      skipped: 7
      failure: 30
      success: -1
"""


def prepare(settings: Settings) -> Path:
    """Make sure that the instance has its configuration, and return its directory (DAGSTER_HOME)."""
    directory = settings.dagster_dir
    path = directory / CONFIG_NAME
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if not path.exists() or not path.stat().st_size:
            record.write(path, CONFIG)
        _check(path)
    except OSError as error:
        raise PipelineError(f"cannot write {path}: {error.strerror}") from error
    return directory


def _check(path: Path) -> None:
    import yaml

    try:
        sound = isinstance(yaml.safe_load(path.read_bytes()), dict)
    except (yaml.YAMLError, ValueError):
        sound = False
    if not sound:
        raise _damaged(path, "it is not YAML with a setting a line")


def _damaged(path: Path, why: str) -> PipelineError:
    return PipelineError(f"{path} cannot be used: {why}; mend it, or remove it and it is written anew")


@contextmanager
def instance(settings: Settings) -> Iterator[Any]:
    """Give the Dagster instance of the home directory."""
    import dagster as dg
    from dagster_shared.check import CheckError

    directory = prepare(settings)
    try:
        found = dg.DagsterInstance.from_config(str(directory))
    except (dg.DagsterError, CheckError, TypeError) as error:  # the last for a number in place of settings
        told = error.errors[0].message if isinstance(error, dg.DagsterInvalidConfigError) else str(error)
        raise _damaged(directory / CONFIG_NAME, shorten(told, REASON_CHARACTERS)) from error
    with found as opened:
        yield opened


def new_run_id() -> str:
    """Return an id for a run."""
    return str(uuid.uuid4())


@contextmanager
def _kept_engines() -> Iterator[None]:
    """Let Dagster's SQLite storages make each database engine once while a run lasts.

    They make one for each event, and each new one compiles its statements anew. Nor is each event forced to the disk:
    the write-ahead log keeps the file whole, and a loss of power can only take the last lines of a log.
    """
    from dagster._core.storage.event_log.sqlite import sqlite_event_log
    from dagster._core.storage.runs.sqlite import sqlite_run_storage
    from sqlalchemy import create_engine, event

    engines: dict[str, Any] = {}

    def kept(url: str, **options: Any) -> Any:
        if url not in engines:
            engines[url] = create_engine(url, **options)
            event.listen(engines[url], "connect", lambda made, _: made.execute("pragma synchronous = normal"))
        return engines[url]

    modules = [one for one in (sqlite_event_log, sqlite_run_storage) if hasattr(one, "create_engine")]
    before = [vars(module)["create_engine"] for module in modules]
    try:
        for module in modules:
            vars(module)["create_engine"] = kept
        yield
    finally:
        for module, one in zip(modules, before, strict=True):
            vars(module)["create_engine"] = one


@contextmanager
def quick_event_log(opened: Any, run_id: str) -> Iterator[None]:
    """Keep the SQLite files of a run's event log open while it runs.

    Dagster opens and closes a connection for each event, and SQLite folds the write-ahead log back into the
    file whenever the last connection is closed: 13 ms an event. With one more connection open it is 6.5 ms
    (measured: 46 days of 15 tables in 4.8 s in place of 9.3 s). Other storages than SQLite are left alone.
    """
    storage = opened.event_log_storage
    if not hasattr(storage, "path_for_shard"):
        yield
        return
    held = []
    with _kept_engines():
        with storage.run_connection(run_id):
            pass  # creates the run's file
        try:
            for shard in (run_id, "index"):
                connection = sqlite3.connect(storage.path_for_shard(shard))
                connection.execute("select max(id) from event_logs").fetchone()
                held.append(connection)
            yield
        finally:
            for connection in held:
                connection.close()
