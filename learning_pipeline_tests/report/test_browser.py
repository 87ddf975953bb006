"""The page in a real browser: it draws every chart, without a complaint and without the network."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from learning_pipeline.report.write import write_page
from learning_pipeline.settings import Settings

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
# The browser's own errands do not get out; what a page asks for names the page as its initiator.
OFFLINE = ("--host-resolver-rules=MAP * ~NOTFOUND", "--disable-background-networking", "--no-first-run")
REQUEST = re.compile(r'"initiator":"(?!not an origin").*?"url":"((?!file:|data:)[^"]*)"')

pytestmark = [pytest.mark.slow, pytest.mark.skipif(BROWSER is None, reason="needs Chromium")]


def browse(page: Path, tmp_path: Path, width: int) -> tuple[str, str, set[str]]:
    """Return the document after its scripts ran, what the console said, and what was requested."""
    log = tmp_path / f"net{width}.json"
    done = subprocess.run(
        [
            str(BROWSER),
            *("--headless=new", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", *OFFLINE),
            *(f"--user-data-dir={tmp_path / f'profile{width}'}", f"--log-net-log={log}"),
            *(f"--window-size={width},900", "--virtual-time-budget=20000", "--dump-dom", page.as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    console = "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line)
    return done.stdout, console, set(REQUEST.findall(log.read_text()))


@pytest.mark.parametrize("width", [1440, 390])
def test_every_chart_is_drawn_offline_and_without_complaint(settings: Settings, tmp_path: Path, width: int) -> None:
    report = write_page(settings)
    drawn = report.path.read_text("utf-8").count("data-chart=")
    document, console, urls = browse(report.path, tmp_path, width)
    assert console == ""
    assert urls == set()
    assert 'data-drawn="yes"' in document
    assert len(re.findall(r'<svg[^>]* class="marks"', document)) == drawn > 15


def test_a_page_that_asks_the_network_would_be_caught(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text('<img src="http://example.invalid/x.png"><script>console.error("seen")</script>')
    _, console, urls = browse(page, tmp_path, 800)
    assert urls == {"http://example.invalid/x.png"}
    assert "seen" in console
