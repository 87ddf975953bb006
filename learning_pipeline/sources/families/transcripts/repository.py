"""Which repository a session worked in, from the directories that it names."""

from itertools import pairwise
from pathlib import PurePosixPath, PureWindowsPath

import polars as pl

from learning_pipeline.sources.families.transcripts.calls import known
from learning_pipeline.sources.families.transcripts.every import ORDER


def repository(frame: pl.DataFrame, every: pl.DataFrame) -> pl.Series:
    """Name the repository of each row after the directory that its session began in.

    A session that moves into a directory below stays in its repository; one that moves elsewhere is in a
    repository of that directory's name. The transcript does not tell where a repository's root is.
    """
    began = (
        every.filter(pl.col("cwd").is_not_null())
        .select(*ORDER, "cwd")
        .filter(pl.col("at") == pl.col("at").min().over("group_key"))
        .sort(ORDER)
        .group_by("group_key", maintain_order=True)
        .agg(known("cwd").alias("root"))
    )
    pairs = frame.select("group_key", "cwd").join(began, on="group_key", how="left", maintain_order="left")
    names: dict[tuple[str | None, str | None], str | None] = {}
    for pair in pairs.select("cwd", "root").unique().iter_rows():
        names[pair] = repository_name(*pair)
    values = [names[pair] for pair in pairs.select("cwd", "root").iter_rows()]
    return pl.Series("repository", values, dtype=pl.String)


def repository_name(cwd: str | None, root: str | None) -> str | None:
    """Return the last part of the root that the directory lies in, else of the directory itself."""
    here = root if cwd is None else cwd
    if here is None:
        return None
    inside = root is not None and (here == root or here.startswith((root + "/", root + "\\")))
    base = root if inside and root is not None else here
    path = PureWindowsPath(base) if "\\" in base or base[1:2] == ":" else PurePosixPath(base)
    # A worktree that the agent made lies in `.claude/worktrees/NAME` below its repository.
    for part, below in pairwise(path.parts):
        if below in (".claude", ".worktrees") and part not in ("/", "~"):
            return part
    return path.name or None
