"""The hook script, with the paths of one installation put in."""

import shlex
from importlib import resources
from pathlib import Path

# What git did is told by these.
RECORDED = ("post-commit", "post-merge", "post-checkout", "post-rewrite", "pre-push")

# `core.hooksPath` hides a repository's own hooks, so these are handed on when it is ours. Left out are hooks whose
# mere presence changes what git does (push-to-checkout, proc-receive), and those that run so often that handing on
# would be felt (reference-transaction, post-index-change).
HANDED_ON = (
    "applypatch-msg",
    "pre-applypatch",
    "post-applypatch",
    "pre-commit",
    "pre-merge-commit",
    "prepare-commit-msg",
    "commit-msg",
    "pre-rebase",
    "pre-receive",
    "update",
    "post-receive",
    "post-update",
    "pre-auto-gc",
    "sendemail-validate",
)

_MARK = b"# learning-pipeline hook v"

# Where the hook that was there before is found.
BESIDE = ":beside"  # in a directory beside the script
REPOSITORY = ":repository"  # in the repository's own hooks directory


def script(spool: Path, chain: str) -> bytes:
    """Return the hook for a spool directory. `chain` is BESIDE, REPOSITORY, or a directory of hooks."""
    text = resources.files(__package__).joinpath("hook.sh").read_text(encoding="utf-8")
    text = text.replace("@SPOOL@", shlex.quote(str(spool))).replace("@CHAIN@", shlex.quote(chain))
    return text.encode("utf-8", "surrogateescape")


def is_ours(path: Path) -> bool:
    """Say whether a hook file was written by this program. A link never was, wherever it leads."""
    if path.is_symlink():
        return False
    try:
        with path.open("rb") as file:
            return _MARK in file.read(200)
    except OSError:
        return False
