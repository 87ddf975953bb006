"""Progress bars on standard error; nothing where nobody looks."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from learning_pipeline.progress import Progress, silent


@contextmanager
def progress_bars() -> Iterator[Progress]:
    """Give a progress function that draws one bar a step; silent when standard error is not a terminal."""
    if not sys.stderr.isatty():
        yield silent
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description:<16}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks = {}

        def show(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step, total=total)
            bars.update(tasks[step], completed=done, total=total)

        yield show
