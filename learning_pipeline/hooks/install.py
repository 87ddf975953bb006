"""Installs, removes and inspects the git hooks, in one repository or for all of a user's.

In one repository the script goes into its hooks directory. A hook that is there is moved into
`before-learning-pipeline/` beside it, from where the script runs it; uninstalling moves it back. Where
`core.hooksPath` leads elsewhere (a tool like husky owns that directory, or it is part of the work tree), nothing is
put there: a directory of scripts inside the git directory takes its place, and hands on to it.

For all repositories `core.hooksPath` of the user's configuration is set. A template directory
(`init.templateDir`) was the other way; it reaches only repositories that are made later, and leaves copies that no
uninstall finds. A repository that sets `core.hooksPath` itself is not reached: install there as well.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from learning_pipeline.errors import PipelineError
from learning_pipeline.hooks.git import Git, global_git, repository_git
from learning_pipeline.hooks.script import BESIDE, HANDED_ON, RECORDED, REPOSITORY, is_ours, script

_SAVED = "before-learning-pipeline"
_OWN_DIRECTORY = "learning-pipeline-hooks"
_NOTE = "installed.json"  # in a directory that core.hooksPath was pointed at: what it said before


@dataclass(frozen=True)
class HookStatus:
    """What is installed where. `chained` are hooks that were there before and still run."""

    scope: str  # the repository's directory, or `global`
    directory: Path
    installed: tuple[str, ...]
    chained: tuple[str, ...]

    @property
    def state(self) -> str:
        """Return `installed`, `partly` or `absent`."""
        if not self.installed:
            return "absent"
        return "installed" if set(self.installed) == set(RECORDED) else "partly"


def spool_dir(home: Path) -> Path:
    """Return the directory that hooks write to, and that the source `git_hooks` reads."""
    return home / "spool" / "git_hooks"


def global_dir() -> Path:
    """Return the directory of the hooks for all repositories."""
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "learning-pipeline" / "hooks"


def install(repository: Path | None, *, spool: Path) -> HookStatus:
    """Install the hooks in a repository, or for all of the user's when it is None. Installing again renews them.

    Raises:
        UsageError: the directory is no git repository.
        PipelineError: git is missing, or a file cannot be written.
    """
    spool = spool.absolute()
    try:
        spool.mkdir(parents=True, exist_ok=True)
        if repository is None:
            _redirect(global_git(), global_dir(), spool, REPOSITORY)
        else:
            git = repository_git(repository)
            if _redirected(git):
                in_force = git.config("core.hooksPath")
                chain = _previous(global_dir()) if in_force == str(global_dir()) else in_force
                _redirect(git, git.common_dir / _OWN_DIRECTORY, spool, chain or REPOSITORY)
            else:
                _install_beside(git.common_dir / "hooks", spool)
    except OSError as error:
        raise PipelineError(f"cannot install the hooks: {error}") from error
    return status(repository)


def uninstall(repository: Path | None) -> HookStatus:
    """Remove the hooks, and put back what was there before.

    Raises:
        UsageError: the directory is no git repository.
        PipelineError: git is missing, or a file cannot be changed.
    """
    try:
        if repository is None:
            _undo_redirect(global_git(), global_dir())
        else:
            git = repository_git(repository)
            _undo_redirect(git, git.common_dir / _OWN_DIRECTORY)
            _uninstall_beside(git.common_dir / "hooks")
    except OSError as error:
        raise PipelineError(f"cannot remove the hooks: {error}") from error
    return status(repository)


def status(repository: Path | None) -> HookStatus:
    """Tell what is installed; only what git would run counts.

    Raises:
        UsageError: the directory is no git repository.
        PipelineError: git is missing.
    """
    if repository is None:
        git, own, scope = global_git(), global_dir(), "global"
    else:
        git = repository_git(repository)
        own, scope = git.common_dir / _OWN_DIRECTORY, str(git.directory)
    if git.config("core.hooksPath") == str(global_dir()):
        own = global_dir()
    if git.config("core.hooksPath") == str(own):
        installed = tuple(name for name in RECORDED if is_ours(own / name))
        before = _previous(own)
        chain = git.directory / Path(before).expanduser() if before else git.common_dir / "hooks"
        return HookStatus(scope, own, installed, _hooks_in(chain) if before or repository is not None else ())
    if repository is None or _redirected(git):
        return HookStatus(scope, own, (), ())
    hooks = git.common_dir / "hooks"
    installed = tuple(name for name in RECORDED if is_ours(hooks / name))
    return HookStatus(scope, hooks, installed, _hooks_in(hooks / _SAVED))


def _hooks_in(directory: Path) -> tuple[str, ...]:
    names = (*RECORDED, *HANDED_ON)
    return tuple(name for name in names if os.access(directory / name, os.X_OK) and not is_ours(directory / name))


def _redirected(git: Git) -> bool:
    """Say whether git looks for the repository's hooks elsewhere than in its hooks directory."""
    path = git.config("core.hooksPath")
    return bool(path) and (git.directory / str(path)).resolve() != (git.common_dir / "hooks").resolve()


def _write(path: Path, data: bytes) -> None:
    """Write a hook so that git never sees half of it."""
    part = path.with_name(f".{path.name}.learning-pipeline")
    part.write_bytes(data)
    part.chmod(0o755)
    os.replace(part, path)


def _install_beside(hooks: Path, spool: Path) -> None:
    hooks.mkdir(exist_ok=True)
    saved = hooks / _SAVED
    for name in RECORDED:
        path = hooks / name
        if os.path.lexists(path) and not is_ours(path):
            saved.mkdir(exist_ok=True)
            if os.path.lexists(saved / name):
                raise PipelineError(f"both {path} and {saved / name} exist; remove the one that is not wanted")
            _move(path, saved / name, deeper=True)
    data = script(spool, BESIDE)
    for name in RECORDED:
        _write(hooks / name, data)
    if saved.is_dir():
        _link_siblings(hooks, saved)


def _move(path: Path, target: Path, *, deeper: bool) -> None:
    """Move a hook into the directory below or back. A relative link leads to the same file from there."""
    link = path.readlink() if path.is_symlink() else None
    if link is None or link.is_absolute() or link.parts[0] in RECORDED:
        os.rename(path, target)
        return
    target.symlink_to(Path("..") / link if deeper else Path(*link.parts[1:]))
    path.unlink()


def _link_siblings(hooks: Path, saved: Path) -> None:
    """Let hooks that were moved find the files that stood beside them."""
    for path in sorted(hooks.iterdir()):
        link = saved / path.name
        if path.name not in (_SAVED, *RECORDED) and path.suffix != ".sample" and not os.path.lexists(link):
            link.symlink_to(Path("..") / path.name)


def _uninstall_beside(hooks: Path) -> None:
    saved = hooks / _SAVED
    for name in RECORDED:
        path = hooks / name
        if is_ours(path):
            path.unlink()
        if os.path.lexists(saved / name) and not os.path.lexists(path):
            _move(saved / name, path, deeper=False)
    if saved.is_dir():
        for path in saved.iterdir():
            if path.is_symlink() and path.readlink() == Path("..") / path.name:
                path.unlink()
        if not any(saved.iterdir()):
            saved.rmdir()


def _previous(own: Path) -> str | None:
    """Return what core.hooksPath said before it was pointed at our directory."""
    try:
        return json.loads((own / _NOTE).read_text(encoding="utf-8"))["hooks_path"]
    except FileNotFoundError:
        return None
    except (ValueError, KeyError) as error:
        raise PipelineError(f"{own / _NOTE} is damaged: {error}; set core.hooksPath by hand") from error


def _redirect(git: Git, own: Path, spool: Path, chain: str) -> None:
    own.mkdir(parents=True, exist_ok=True)
    current = git.own_config("core.hooksPath")
    if current == str(own):
        current = _previous(own)
        chain = current or REPOSITORY
    elif current:
        chain = current
    (own / _NOTE).write_text(json.dumps({"hooks_path": current}), encoding="utf-8")
    data = script(spool, os.path.expanduser(chain))
    for name in (*RECORDED, *HANDED_ON):
        _write(own / name, data)
    git.set_config("core.hooksPath", str(own))


def _undo_redirect(git: Git, own: Path) -> None:
    if git.own_config("core.hooksPath") == str(own):
        git.set_config("core.hooksPath", _previous(own))
    if own.is_dir():
        for name in (*RECORDED, *HANDED_ON):
            if is_ours(own / name):
                (own / name).unlink()
        (own / _NOTE).unlink(missing_ok=True)
        if not any(own.iterdir()):
            own.rmdir()
