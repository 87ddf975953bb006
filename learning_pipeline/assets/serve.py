"""Dagster's web server and daemon as children of this process."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from learning_pipeline.assets.instance import instance, prepare
from learning_pipeline.errors import PipelineError
from learning_pipeline.settings import Settings

MODULE = "learning_pipeline.assets.definitions"
START_SECONDS = 90.0
STOP_SECONDS = 15.0
POLL_SECONDS = 0.25


def environment(settings: Settings) -> dict[str, str]:
    """Return the environment in which Dagster finds this home directory."""
    return {
        **os.environ,
        "DAGSTER_HOME": str(prepare(settings)),
        "LEARNING_PIPELINE_HOME": str(settings.home),
        "PYTHONSAFEPATH": "1",  # a file in the working directory must not stand in for a library's module
        "PYTHONWARNINGS": os.environ.get("PYTHONWARNINGS", "ignore"),
    }


def require_free_port(host: str, port: int) -> None:
    """Raise a PipelineError when something listens on the port already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PipelineError(f"cannot listen on {host}:{port} ({error.strerror}); choose another --port") from error


def commands(settings: Settings, host: str, port: int) -> dict[str, list[str]]:
    """Return the command of each child."""
    module = ["-m", MODULE, "-d", str(settings.dagster_dir)]
    server = [sys.executable, "-m", "dagster_webserver", "-h", host, "-p", str(port), *module]
    daemon = [sys.executable, "-m", "dagster._daemon", "run", *module]
    return {"web server": server, "daemon": daemon}


def serve(settings: Settings, *, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Run both until they are interrupted (Ctrl-C, SIGTERM); then stop both.

    Raises:
        PipelineError: the port is taken, or one of the two ended by itself.
    """
    require_free_port(host, port)
    with instance(settings):
        pass  # makes the instance's databases: the children would do it at once, and fail at each other
    variables = environment(settings)
    log_dir = Path(variables["DAGSTER_HOME"])
    children: dict[str, subprocess.Popen[bytes]] = {}

    def interrupt(signal_number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        for name, command in commands(settings, host, port).items():
            with (log_dir / f"{name.replace(' ', '_')}.log").open("wb") as log:
                # Their own session: Ctrl-C reaches this process only, which stops them in order.
                children[name] = subprocess.Popen(
                    command, env=variables, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
                )
        url = f"http://{host}:{port}"
        _wait_until_ready(url, children, log_dir)
        ready(url)
        while True:
            _require_running(children, log_dir)
            time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        pass
    finally:
        _stop(children)
        signal.signal(signal.SIGTERM, before)


def _require_running(children: dict[str, subprocess.Popen[bytes]], log_dir: Path) -> None:
    for name, child in children.items():
        if child.poll() is not None:
            log = log_dir / f"{name.replace(' ', '_')}.log"
            raise PipelineError(f"the {name} ended with exit code {child.returncode}; see {log}")


def _wait_until_ready(url: str, children: dict[str, subprocess.Popen[bytes]], log_dir: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        _require_running(children, log_dir)
        try:
            with urllib.request.urlopen(f"{url}/server_info", timeout=5):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(POLL_SECONDS)
    raise PipelineError(f"the web server did not answer within {START_SECONDS:.0f} s; see {log_dir}/web_server.log")


def _stop(children: dict[str, subprocess.Popen[bytes]]) -> None:
    for child in children.values():
        if child.poll() is None:
            child.send_signal(signal.SIGINT)
    for child in children.values():
        try:
            child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
