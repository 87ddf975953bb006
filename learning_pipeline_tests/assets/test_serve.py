"""Web server and daemon as a user starts them."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

QUERY = """{
  workspaceOrError { ... on Workspace { locationEntries {
    locationOrLoadError { __typename ... on PythonError { message } }
  } } }
  instance { daemonHealth { allDaemonStatuses { daemonType healthy } } }
}"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answer(port: int) -> dict:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/graphql",
        data=json.dumps({"query": QUERY}).encode(),
        headers={"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as reply:
        found: dict = json.load(reply)["data"]
        return found


def answers(port: int) -> bool:
    try:
        answer(port)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False
    return True


@pytest.mark.slow
def test_the_ui_serves_the_definitions_and_stops_whole(tmp_path: Path) -> None:
    (tmp_path / "gql.py").write_text("raise SystemExit('a file of the user, not the library')\n")
    port = free_port()
    child = subprocess.Popen(
        [sys.executable, "-m", "learning_pipeline.cli.main", "ui", "--home", "home", "--port", str(port)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stdout is not None
        assert f"http://127.0.0.1:{port}" in child.stdout.readline()
        (entry,) = answer(port)["workspaceOrError"]["locationEntries"]
        assert entry["locationOrLoadError"]["__typename"] == "RepositoryLocation", entry
        deadline = time.monotonic() + 60
        healthy = False
        while not healthy and time.monotonic() < deadline:
            daemons = answer(port)["instance"]["daemonHealth"]["allDaemonStatuses"]
            healthy = all(daemon["healthy"] for daemon in daemons if daemon["daemonType"] in ("SCHEDULER", "SENSOR"))
            time.sleep(0.5)
        assert healthy
    finally:
        child.send_signal(signal.SIGTERM)
        _, said = child.communicate(timeout=60)
    assert child.returncode == 0, said
    assert not answers(port)
