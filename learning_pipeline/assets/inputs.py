"""What is read when nobody says what to read."""

import os
from collections.abc import Sequence
from pathlib import Path

from learning_pipeline.settings import Settings, SourceSpec

CHECKOUT = Path(__file__).parents[2]
HOOK_KIND = "git_hooks"
# Where agents keep their sessions: kind, variable that names another place, directory in the home, and below it.
_AGENTS = (
    ("claude_code", "CLAUDE_CONFIG_DIR", ".claude", "projects"),
    ("codex", "CODEX_HOME", ".codex", "sessions"),
    ("copilot_cli", "COPILOT_HOME", ".copilot", "session-state"),
    ("gemini_cli", None, ".gemini", "tmp"),
)


def default_specs(settings: Settings, *, checkout: Path = CHECKOUT) -> list[SourceSpec]:
    """Return the configured inputs, or those that this machine is known to have.

    Without configuration these are: the tracked sample (one directory per source kind), the sessions that agents
    keep in the user's home, and the git history of this checkout. The spool that the installed git hooks write to
    is read with and without configuration.
    """
    specs = list(settings.sources) or _known_inputs(checkout)
    from learning_pipeline.hooks import spool_dir

    spool = spool_dir(settings.home)
    listed = {spec.path.absolute() for spec in specs if spec.kind == HOOK_KIND}
    if spool.is_dir() and spool.absolute() not in listed:
        specs.append(SourceSpec(kind=HOOK_KIND, path=spool))
    return specs


def _known_inputs(checkout: Path) -> list[SourceSpec]:
    from learning_pipeline.lake.discover import reads_repository
    from learning_pipeline.sources.registry import FILE_KINDS

    sample = checkout / "data" / "sample"
    found = [SourceSpec(kind=kind, path=sample / kind) for kind in FILE_KINDS if (sample / kind).exists()]
    specs = [spec for spec in found if not reads_repository(spec)]
    for kind, variable, folder, below in _AGENTS:
        named = os.environ.get(variable) if variable else None
        sessions = Path(named or Path.home() / folder) / below
        if sessions.is_dir():
            specs.append(SourceSpec(kind=kind, path=sessions))
    if (checkout / ".git").exists():
        specs.append(SourceSpec(kind="git_history", path=checkout))
    return specs


def without_files(settings: Settings, specs: Sequence[SourceSpec]) -> list[SourceSpec]:
    """Return the inputs of which no file was ever landed: nothing in them is of their kind.

    The spool of the git hooks is left out: it is empty until something is committed.
    """
    from learning_pipeline.hooks import spool_dir
    from learning_pipeline.lake.discover import UNKNOWN
    from learning_pipeline.lake.state import State

    with State(settings.state_path) as state:
        # A file is read as what it is, whatever its input is called.
        landed = [path for (path,) in state.query("select path from files where source <> ?", (UNKNOWN,))]

    def has_files(spec: SourceSpec) -> bool:
        place = str(spec.path.absolute())
        return any(path == place or path.startswith(f"{place}/") for path in landed)

    spool = spool_dir(settings.home)
    return [spec for spec in specs if spec.path != spool and not has_files(spec)]
