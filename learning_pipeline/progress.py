"""How long work tells how far it is; the command line draws it."""

from collections.abc import Callable

# Called with the step's name, how much is done, and the total.
Progress = Callable[[str, int, int], None]


def silent(step: str, done: int, total: int) -> None:
    """Report nothing."""
