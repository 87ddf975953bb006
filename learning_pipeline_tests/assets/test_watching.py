"""Watching from Dagster: new files start a landing, failures and alerts are told once."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from learning_pipeline.assets import automation, watching
from learning_pipeline.assets.definitions import definitions_for
from learning_pipeline.assets.instance import CONFIG, instance
from learning_pipeline.assets.resources import Pipeline
from learning_pipeline.assets.watching import Ran, failed_days, failed_jobs, of_runs
from learning_pipeline.errors import TransientError, UsageError
from learning_pipeline.settings import SourceSpec, load_settings
from learning_pipeline.watch import memory, notify
from learning_pipeline_tests.factories import NOON, fill_lake

FIRST = date(2026, 3, 1)


@contextmanager
def listener(status: int = 200) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Give the Apprise URL of a web hook, and what it was sent."""
    heard: list[dict[str, Any]] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"json://127.0.0.1:{server.server_port}/", heard
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_what_fires_is_told_once_and_what_clears_is_told_once(tmp_path: Path) -> None:
    path = tmp_path / "told.json"
    with listener() as (url, heard):
        for hour, state in enumerate(["ok", "critical", "critical", "critical", "ok", "ok"]):
            notify.tell(path, {"fresh": state}, {"fresh": "said"}, NOON + timedelta(hours=hour), [url], "machine")
    assert [(one["title"], one["message"], one["type"]) for one in heard] == [
        ("learning pipeline on machine: 1 critical", "critical: fresh: said", "failure"),
        ("learning pipeline on machine: 1 cleared", "cleared: fresh: said", "success"),
    ]


def test_what_could_not_be_delivered_is_told_again(tmp_path: Path) -> None:
    path = tmp_path / "told.json"
    with listener(500) as (url, heard):
        with pytest.raises(TransientError, match="sent again"):
            notify.tell(path, {"a": "critical"}, {}, NOON, [url], "machine")
        assert heard and not path.exists()
    with listener() as (url, heard):
        notify.tell(path, {"a": "critical"}, {}, NOON, [url], "machine")
    assert len(heard) == 1 and memory.load(path)["a"].state == "critical"


def test_a_url_that_is_none_is_explained_without_showing_it(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as failure:
        notify.tell(tmp_path / "told.json", {"a": "critical"}, {}, NOON, ["nonsense://secret"], "machine")
    assert "secret" not in str(failure.value)


def test_a_long_message_is_cut() -> None:
    changes = [memory.Change(f"rule {n:03}", "warning", "ok", "") for n in range(100)]
    changes.append(memory.Change("worst", "critical", "ok", ""))
    title, text = notify.message(changes, {}, "machine")
    assert title.endswith("1 critical, 100 warning")
    assert text.startswith("critical: worst") and len(text.splitlines()) == notify.MAX_LINES + 1


def test_days_and_jobs_stand_as_their_newest_run_left_them() -> None:
    def built(succeeded: bool, first: int, last: int) -> Ran:
        return Ran("build_days", succeeded, FIRST + timedelta(days=first), FIRST + timedelta(days=last))

    runs = [built(True, 2, 3), Ran("finish", False), built(False, 1, 4), Ran("finish", True), built(True, 0, 9)]
    assert failed_days(runs) == [FIRST + timedelta(days=1), FIRST + timedelta(days=4)]
    assert failed_jobs(runs) == ["finish"]
    states = {one.name: one.state for one in of_runs(runs)}
    assert states == {"run of finish": "critical", "failed_days": "critical"}
    assert {one.name: one.state for one in of_runs([])} == {"failed_days": "ok"}


def test_the_sensor_tells_a_failed_run_once_and_its_recovery_once(tmp_path: Path) -> None:
    """Runs of a real instance: one fails, a later one succeeds."""
    fill_lake(tmp_path, executions=[{"execution_id": "a"}])
    with listener() as (url, heard), dg.instance_for_test() as found:
        pipeline = Pipeline(load_settings(tmp_path, notify_urls=[url]), clock=lambda: NOON)
        sensor = watching.watch_sensor()

        outcome = {"fails": True}

        @dg.op
        def step() -> None:
            if outcome["fails"]:
                raise dg.Failure("a source is broken", allow_retries=False)

        @dg.job(name=automation.NIGHTLY)
        def nightly() -> None:
            step()

        def look() -> None:
            context = dg.build_sensor_context(instance=found, resources={"pipeline": pipeline})
            sensor.evaluate_tick(context)

        def run() -> None:
            nightly.execute_in_process(instance=found, raise_on_error=False)

        for fails in (True, True, False, False):
            outcome["fails"] = fails
            run()
            look()
    told = [line for one in heard for line in one["message"].splitlines() if "run of nightly" in line]
    assert [line.partition(":")[0] for line in told] == ["critical", "cleared"]


def test_new_files_start_a_landing_and_nothing_else_does(tmp_path: Path) -> None:
    from learning_pipeline.lake.land import land

    log = tmp_path / "logs" / "log.jsonl"
    log.parent.mkdir()
    row = {"execution_id": "a", "agent_name": "alpha", "task": "t", "status": "completed"}
    log.write_text(json.dumps(row | {"started_at": NOON.isoformat(), "ended_at": NOON.isoformat()}) + "\n")
    specs = [SourceSpec(kind="execution_log", path=log.parent)]
    pipeline = Pipeline(load_settings(tmp_path / "home"), specs, clock=lambda: NOON)

    def asked() -> list[str | None]:
        return [one.run_key for one in watching.landing_request(pipeline) if isinstance(one, dg.RunRequest)]

    first = asked()
    assert len(first) == 1 and asked() == first
    land(pipeline.settings, specs, now=NOON)
    assert asked() == []
    with log.open("a") as file:
        file.write(json.dumps(row | {"execution_id": "b", "started_at": NOON.isoformat()}) + "\n")
    second = asked()
    assert len(second) == 1 and second != first
    log.unlink()
    log.parent.rmdir()
    (skipped,) = watching.landing_request(pipeline)
    assert isinstance(skipped, dg.SkipReason) and "cannot be looked at" in str(skipped.skip_message)


def test_one_run_at_a_time_and_lost_runs_are_ended(tmp_path: Path) -> None:
    with instance(load_settings(tmp_path)) as opened:
        queue = opened.get_concurrency_config().run_queue_config
        assert queue is not None and queue.max_concurrent_runs == 1
        assert opened.run_monitoring_enabled and opened.run_retries_enabled
        assert opened.run_retries_max_retries == 2
    assert yaml.safe_load(CONFIG)["run_retries"]["retry_on_asset_or_op_failure"] is False


def test_landings_have_a_freshness_policy(tmp_path: Path) -> None:
    definitions = definitions_for(Pipeline(load_settings(tmp_path), clock=lambda: NOON))
    for spec in definitions.resolve_all_asset_specs():
        assert (spec.freshness_policy is not None) == spec.key.to_user_string().startswith("land_"), spec.key
