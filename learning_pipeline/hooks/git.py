"""What the installer asks git."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from learning_pipeline.errors import PipelineError, UsageError


def _run(arguments: list[str], directory: Path) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            ["git", *arguments],
            cwd=directory,
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",  # paths need not be text
            check=False,
        )
    except FileNotFoundError as error:
        raise PipelineError(f"cannot run git in {directory}: {error.strerror}; is git installed?") from error


@dataclass(frozen=True)
class Git:
    """Git's configuration of one repository, or of the user."""

    directory: Path  # top of the work tree
    common_dir: Path  # the git directory that all work trees share
    scope: str  # --local or --global

    def config(self, name: str) -> str | None:
        """Return the value that is in force."""
        return _run(["config", "--get", name], self.directory).stdout.rstrip("\n") or None

    def own_config(self, name: str) -> str | None:
        """Return the value that is set in this scope itself."""
        return _run(["config", self.scope, "--get", name], self.directory).stdout.rstrip("\n") or None

    def set_config(self, name: str, value: str | None) -> None:
        """Set a value in this scope; None removes it."""
        change = [name, value] if value is not None else ["--unset", name]
        done = _run(["config", self.scope, *change], self.directory)
        if done.returncode != 0:
            raise PipelineError(f"git cannot change {name}: {done.stderr.strip()}")


def repository_git(directory: Path) -> Git:
    """Return the repository that holds a directory.

    Raises:
        UsageError: there is none.
    """
    if not directory.is_dir():
        raise UsageError(f"{directory} is not a directory")
    directory = directory.absolute()
    done = _run(["rev-parse", "--git-common-dir", "--is-bare-repository"], directory)
    if done.returncode != 0:
        raise UsageError(f"{directory} is not a git repository ({done.stderr.strip()})")
    path, bare = done.stdout.rstrip("\n").rsplit("\n", 1)
    common = Path(os.path.normpath(directory / path))
    if bare == "true":
        return Git(common, common, "--local")
    top = _run(["rev-parse", "--show-toplevel"], directory)
    return Git(Path(top.stdout.rstrip("\n")) if top.returncode == 0 else directory, common, "--local")


def global_git() -> Git:
    """Return the user's configuration."""
    home = Path.home()
    return Git(home, home, "--global")
