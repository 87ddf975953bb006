"""Options that several commands share."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from learning_pipeline.errors import PipelineError, UsageError

if TYPE_CHECKING:
    from learning_pipeline.settings import Settings, SourceSpec

F = TypeVar("F", bound=Callable[..., Any])

AUTO = "auto"


class _Home(click.Path):
    """A directory that has a name: an empty one would be the working directory."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not str(value).strip():
            raise UsageError("--home is empty: name a directory")
        return super().convert(value, param, ctx)


def home_option(command: F) -> F:
    """Add `--home`."""
    return click.option(
        "--home",
        type=_Home(path_type=Path, file_okay=False),
        help="Home directory of everything that is generated; default $LEARNING_PIPELINE_HOME, else ./data.",
    )(command)


def source_option(command: F) -> F:
    """Add `--source KIND=PATH`, as often as wanted."""
    return click.option(
        "--source",
        "sources",
        multiple=True,
        metavar="KIND=PATH",
        help="An input; may be given several times, and then only these are read.",
    )(command)


def wait_option(command: F) -> F:
    """Add `--wait`."""
    return click.option(
        "--wait",
        type=click.FloatRange(min=0),
        default=10.0,
        show_default=True,
        metavar="SECONDS",
        help="How long to wait while another run writes the home directory.",
    )(command)


def json_option(command: F) -> F:
    """Add `--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object as the last line.")(command)


def parse_sources(texts: Iterable[str]) -> list["SourceSpec"]:
    """Return the inputs that `--source` names.

    Raises:
        UsageError: a text is not KIND=PATH, its kind is unknown, or there is nothing at its path.
    """
    from learning_pipeline.settings import SourceSpec
    from learning_pipeline.sources.registry import KINDS

    known = (*KINDS, AUTO)
    specs = []
    for text in texts:
        kind, separator, path = text.partition("=")
        if not separator or not path:
            raise UsageError(f"--source {text}: write KIND=PATH, as in claude_code=~/.claude/projects")
        if kind not in known:
            raise UsageError(f"--source {text}: unknown kind {kind!r}; one of {', '.join(known)}")
        place = Path(path).expanduser()
        if not place.exists():
            raise UsageError(f"--source {text}: there is nothing at {place}")
        specs.append(SourceSpec(kind=kind, path=place.absolute()))
    return specs


def inputs(settings: "Settings", texts: Iterable[str]) -> list["SourceSpec"]:
    """Return the inputs that were named, or the default ones.

    Raises:
        UsageError: as `parse_sources`; or there is no input at all.
    """
    from learning_pipeline.assets.inputs import default_specs

    specs = parse_sources(texts) or default_specs(settings)
    if not specs:
        raise UsageError("nothing to read: give --source KIND=PATH, or list sources in learning_pipeline.toml")
    return specs


def complain(unreadable: Sequence[str]) -> None:
    """End with a failure where something could not be opened; all else is done by then.

    Raises:
        PipelineError: with the first of it, and how many more there are.
    """
    if unreadable:
        more = f" (and {len(unreadable) - 1} more like it)" if len(unreadable) > 1 else ""
        raise PipelineError(f"{unreadable[0]}{more}; everything else was read")
