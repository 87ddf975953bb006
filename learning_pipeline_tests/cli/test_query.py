import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from learning_pipeline.cli.query import LEAST_WIDTH, fitted
from learning_pipeline.marts.build import build
from learning_pipeline.settings import load_settings
from learning_pipeline_tests.cli.test_cli import environment, here
from learning_pipeline_tests.marts.conftest import NOW

LONG = "select repeat('long ', 60) as said, 7 as n"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = load_settings(tmp_path_factory.mktemp("home"))
    build(settings, now=NOW)
    return settings.home


@pytest.mark.parametrize("sql", ["", ";", "-- hi", "select 1; select 2"])
def test_sql_is_one_statement(home: Path, sql: str) -> None:
    done = here("query", "--home", str(home), "--sql", sql)
    assert done.returncode == 2 and done.stdout == ""
    assert "one statement only" in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("sql", ["set threads = 1", "pragma enable_progress_bar"])
@pytest.mark.parametrize("form", ["table", "csv"])
def test_a_statement_without_an_answer_prints_nothing(home: Path, sql: str, form: str) -> None:
    done = here("query", "--home", str(home), "--sql", sql, "--format", form)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("form", ["table", "csv", "json"])
def test_an_empty_answer_says_what_that_means(home: Path, form: str) -> None:
    done = here("query", "--home", str(home), "budgets", "--format", form)
    assert done.returncode == 0
    assert "empty: no budget is set" in done.stderr
    assert "no budget is set" not in done.stdout


def test_cells_are_cut_for_a_terminal_only(home: Path) -> None:
    arguments = ("query", "--home", str(home), "--sql", LONG)
    assert ("long " * 60).strip() in here(*arguments).stdout
    on_terminal = terminal(*arguments, columns=50)
    assert {len(line) for line in on_terminal if "n" in line} == {50} and "…" in on_terminal[2]
    assert on_terminal[2].endswith(" 7")
    assert "…" not in "".join(terminal("query", "--list", columns=50))


def terminal(*arguments: str, columns: int) -> list[str]:
    """Return the lines that a command writes to a terminal of that width."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "learning_pipeline.cli.main", *arguments]
    with subprocess.Popen(
        command, stdout=theirs, stderr=subprocess.DEVNULL, env=environment(COLUMNS=str(columns))
    ) as process:
        os.close(theirs)
        written = b""
        try:
            while block := os.read(ours, 65536):
                written += block
        except OSError:
            pass  # a terminal that is closed says so
        os.close(ours)
    assert process.returncode == 0
    return written.decode().splitlines()


@given(st.lists(st.tuples(st.integers(1, 300), st.booleans()), min_size=1, max_size=8), st.integers(1, 400))
def test_columns_give_way_only_as_far_as_they_must(columns: list[tuple[int, bool]], room: int) -> None:
    widths, fixed = [width for width, _ in columns], [keep for _, keep in columns]
    fits = fitted(widths, fixed, room)
    gaps = 2 * (len(widths) - 1)
    assert all(new <= old for new, old in zip(fits, widths, strict=True))
    assert all(new == old or (new >= LEAST_WIDTH and not keep) for new, (old, keep) in zip(fits, columns, strict=True))
    if sum(widths) + gaps <= room:
        assert fits == widths
    elif sum(fits) + gaps > room:
        assert all(keep or new <= LEAST_WIDTH for new, (_, keep) in zip(fits, columns, strict=True))
    else:
        assert sum(fits) + gaps == room
