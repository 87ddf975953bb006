"""The feature store: what was known before each labelled execution, as a versioned, point-in-time table.

One row a (task, candidate) outcome. A feature is a pure function of what existed when the execution began: its
task's text, kind, repository, branch, hour and context, the candidate's identity, and the candidate's history and
median cost up to that moment. `FEATURES` says of each its version and where it comes from; the registry's
manifest keeps the versions that a router was trained with, and the newest row's time, which is how fresh it is.
"""

import re
from dataclasses import dataclass

import numpy as np
import polars as pl

from learning_pipeline.routing import history, lexical
from learning_pipeline.routing.text import Array

KEYS = ("execution_id", "task", "at", "agent_name", "model", "label", "weight")
_LANGUAGES = (
    ("python", r"\b(python|pytest|django|pandas|\w+\.py)\b"),
    ("typescript", r"\b(typescript|react|\w+\.tsx?)\b"),
    ("javascript", r"\b(javascript|node\.?js|npm|\w+\.jsx?)\b"),
    ("rust", r"\b(rust|cargo|\w+\.rs)\b"),
    ("go", r"\b(golang|\w+\.go)\b"),
    ("java", r"\b(java|kotlin|gradle|maven|\w+\.(java|kt))\b"),
    ("sql", r"\b(sql|postgres\w*|duckdb|\w+\.sql)\b"),
    ("shell", r"\b(bash|shell script|\w+\.sh)\b"),
)
_MAIN = re.compile(r"^(main|master|trunk|develop(ment)?)$")
_KIND_OF_BRANCH = ("main", "feature", "fix", "release", "other")


@dataclass(frozen=True)
class Feature:
    """One column: what it is called, which version of it this is, and what it is made from."""

    name: str
    version: int
    lineage: str


def _all() -> tuple[Feature, ...]:
    text = [Feature(name, lexical.VERSION, "fct_executions.task_text") for name in lexical.NAMES]
    past = "fct_executions: label, label_weight, ended_at of the candidate's executions that ended before"
    return (
        *text,
        Feature("language", 1, "fct_executions.task_text"),
        Feature("branch_kind", 1, "fct_executions.branch"),
        Feature("context_tokens_log", 1, "fct_executions.context_tokens"),
        Feature("hour", 1, "fct_executions.started_at"),
        *(Feature(name, 1, past) for name in history.NAMES),
        Feature("history_cost_log", 1, "fct_executions: cost_usd of the candidate's executions that ended before"),
    )


FEATURES = _all()
NAMES = tuple(feature.name for feature in FEATURES)


def table(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the feature table of experience (see `labels.experience`): `KEYS`, then the features as floats."""
    texts = rows["task_text"].to_list()
    columns = dict(zip(lexical.NAMES, lexical.matrix(texts).T, strict=True))
    columns["language"] = np.array([language(text) for text in texts], np.float32)
    columns["branch_kind"] = np.array([branch_kind(name) for name in rows["branch"]], np.float32)
    tokens = rows["context_tokens"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    columns["context_tokens_log"] = np.where(np.isnan(tokens), -1, np.log1p(np.nan_to_num(tokens)))
    columns["hour"] = rows["at"].dt.hour().fill_null(-1).to_numpy()
    columns |= dict(zip(history.NAMES, history.history(rows).T, strict=True))
    columns["history_cost_log"] = _cost_before(rows)
    features = pl.DataFrame({name: columns[name].astype(np.float32) for name in NAMES})
    return pl.concat([rows.select(KEYS), features], how="horizontal").filter(rows["labelled"])


def language(text: str | None) -> int:
    """Return the number of the programming language that a text names first in the list, -1 for none."""
    lowered = (text or "").lower()
    return next((number for number, (_, pattern) in enumerate(_LANGUAGES) if re.search(pattern, lowered)), -1)


def branch_kind(name: str | None) -> int:
    """Return the number of the kind of branch (main, feature, fix, release, other), -1 where it is not known."""
    if not name:
        return -1
    head = re.split(r"[/_-]", name.lower())[0]
    if _MAIN.match(name.lower()):
        return 0
    if head in ("fix", "bugfix", "hotfix"):
        return 2
    if head in ("feature", "feat"):
        return 1
    return 3 if head.startswith("release") else 4


def _cost_before(rows: pl.DataFrame) -> Array:
    """Return the mean logarithm of the candidate's costs that were known before, 0 where there is none."""
    known = pl.col("cost_usd").is_not_null() & (pl.col("cost_usd") > 0) & pl.col("known_at").is_not_null()
    as_labels = rows.with_columns(
        labelled=known, weight=pl.lit(1.0), label=pl.when(known).then(pl.col("cost_usd").log()).otherwise(0.0)
    )
    past = history.history(as_labels)
    rate, count = past[:, 0], np.expm1(past[:, 1])
    total = rate * (count + history.PRIOR) - history.PRIOR * history.UNKNOWN_RATE
    return np.where(count > 0, total / np.maximum(count, 1), 0.0)
