"""Reads authorship notes out of a repository, by git's plumbing."""

import hashlib
import re
from collections.abc import Iterator

from learning_pipeline.lake import git
from learning_pipeline.sources import git_notes
from learning_pipeline.sources.base import Line

# Where git-ai keeps its notes: here, in refs made out of remotes' notes, and (at first) as one ref a commit.
_NOTES = re.compile(r"refs/notes/(?:.+/)?ai(?:-[^/]+)?(?:/.+)?")
_OLD = "refs/ai/authorship/"
_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_COMMITTED = re.compile(rb"^committer [^\n]*> (\d+) [+-]\d{4}$", re.MULTILINE)
_OLD_REFS = "old"


def state(repository: str) -> str:
    """Return what changes when a note is added or changed: the tips of the notes' refs."""
    tips, old = _refs(repository)
    parts = [f"{ref}={tip}" for ref, tip in sorted(tips.items())]
    if old:
        digest = hashlib.blake2b("\n".join(f"{c} {b}" for c, b in sorted(old.items())).encode(), digest_size=16)
        parts.append(f"{_OLD_REFS}={digest.hexdigest()}")
    return " ".join(parts)


def _refs(repository: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return the tips of notes' refs, and of the oldest form the blob of each commit."""
    tips, old = {}, {}
    form = "--format=%(objectname) %(objecttype) %(refname)"
    for line in git.run(repository, "for-each-ref", form, "refs/notes", _OLD).decode("utf-8", "replace").splitlines():
        name, kind, ref = line.split(" ", 2)
        if kind == "commit" and _NOTES.fullmatch(ref):
            tips[ref] = name
        elif kind == "blob" and _SHA.fullmatch(ref.removeprefix(_OLD)):
            old[ref.removeprefix(_OLD)] = name
    return tips, old


def lines(repository: str, before: str | None) -> tuple[Iterator[Line], bool]:
    """Return a line for each note that was added or changed since a state, and whether those are all there are."""
    known = dict(part.split("=", 1) for part in (before or "").split(" ") if "=" in part)
    tips, old = _refs(repository)
    there = set(git.present(repository, sorted(set(known.values())), "commit")) if known else set()
    wanted: list[tuple[str, str, str]] = []  # ref, commit, blob of the note
    noted: dict[tuple[str, str], int] = {}
    for ref, tip in sorted(tips.items()):
        since = known.get(ref)
        since = since if since in there else None
        if since == tip:
            continue
        blobs = _changed(repository, since, tip)
        wanted += [(ref, commit, blob) for commit, blob in blobs.items()]
        gone = set(blobs).difference(git.present(repository, sorted(blobs), "commit")) if blobs else set()
        if gone:
            noted |= {(ref, commit): at for commit, at in _noted(repository, since, tip).items() if commit in gone}
    if known.get(_OLD_REFS) is None or before != state(repository):
        wanted += [(_OLD + commit, commit, blob) for commit, blob in sorted(old.items())]
    return _read(repository, wanted, noted), not known


def _changed(repository: str, since: str | None, tip: str) -> dict[str, str]:
    """Return the blob of each note that is new or changed, by its commit."""
    found = {}
    if since is None:
        listed = git.run(repository, "ls-tree", "-r", "-z", tip)
    else:
        listed = git.run(repository, "diff-tree", "-r", "-z", "--no-renames", "--diff-filter=AMT", since, tip)
    parts = listed.decode("utf-8", "replace").split("\0")
    if since is None:
        pairs = [(path, head.split(" ")[2]) for head, _, path in (part.partition("\t") for part in parts if part)]
    else:
        pairs = [(path, head.split(" ")[3]) for head, path in zip(parts[::2], parts[1::2], strict=False)]
    for path, blob in pairs:
        commit = path.replace("/", "")
        if _SHA.fullmatch(commit):
            found[commit] = blob
    return found


def _noted(repository: str, since: str | None, tip: str) -> dict[str, int]:
    """Return when each note was last written, in seconds since 1970."""
    span = tip if since is None else f"{since}..{tip}"
    found: dict[str, int] = {}
    at = 0
    arguments = ("log", "--first-parent", "-m", "--root", "--no-renames", "--name-only", "--diff-filter=AMT")
    with git.output(repository, *arguments, "--no-show-signature", "--format=%x01%ct", "--stdin", given=[span]) as out:
        for raw in out:
            line = raw.decode("utf-8", "replace").strip()
            if line.startswith("\x01"):
                at = int(line[1:])
            elif line:
                found.setdefault(line.replace("/", ""), at)
    return found


def _read(repository: str, wanted: list[tuple[str, str, str]], noted: dict[tuple[str, str], int]) -> Iterator[Line]:
    if not wanted:
        return
    tips = git.tips(repository)
    with git.output(repository, "rev-list", "--stdin", given=tips) as stream:
        history = {line.rstrip() for line in stream} if tips else set()
    found = git.objects(repository, (name for _, commit, blob in wanted for name in (commit, blob)))
    for (ref, commit, _), said, note in zip(wanted, found, found, strict=False):
        if note is None:
            continue
        committed = _COMMITTED.search(said[2]) if said is not None and said[1] == "commit" else None
        yield git_notes.line_of(
            commit,
            note[2],
            ref=ref,
            committed_at=int(committed[1]) if committed else None,
            noted_at=noted.get((ref, commit)),
            in_history=commit.encode() in history,
        )
