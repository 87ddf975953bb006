"""What the router may learn from: observed outcomes, and what executions cost.

A label is an observed outcome, as a number from 0 to 1: success is 1, failure and timeout are 0, and where the
log grades the result without a verdict, or gives no other verdict than success to anything, the graded quality.
The evidence behind it has a weight. Open, unknown, interrupted and abandoned executions without such evidence
are no labels. Cost and time are taken from executions that came to an end of their own; an open, interrupted or
abandoned one says only a lower bound.
"""

import polars as pl

from learning_pipeline.contracts.vocabulary import LABEL_WEIGHTS
from learning_pipeline.sources.normal import task_type

NO_OWN_END = ("open", "interrupted", "abandoned")
LABELLED_OUTCOMES = ("success", "failure", "timeout")
GRADED_OUTCOMES = ("unknown", "partial")
# Evidence that says no more than that the run came to its end, where it never says anything else.
_WEAK_EVIDENCE = ("reported", "heuristic", "tool_result")
_LEAST_GRADES = 20


def kind_of(task_text: str | None, reported: str | None) -> str | None:
    """Return the kind of a task: one of the documented list, else the word that the log or the caller uses."""
    if reported is None or not reported.strip():
        return task_type(task_text)
    known = task_type(None, reported)
    return known if known != "other" else reported.strip().lower()


def experience(executions: pl.LazyFrame) -> pl.DataFrame:
    """Return one row an execution with what the router looks at, oldest first.

    Args:
        executions: rows of the contract `FctExecutions`.

    Returns:
        execution_id, task (key that all executions of one task share), at, known_at (when its outcome was known),
        agent_name, model, model_tier, task_type, repository, branch, context_tokens, task_text (null where it is
        not kept), labelled, label (0 to 1, null unless labelled), weight (0 unless labelled), cost_usd, duration_ms
        (null where not observed).
    """
    verdict = (
        pl.col("success").is_not_null()
        & (pl.col("label_weight") > 0)
        & (pl.col("outcome_source") != "none")
        & pl.col("outcome").is_in(LABELLED_OUTCOMES)
    ).fill_null(False)
    quality = pl.col("quality_score")
    weak = verdict & pl.col("outcome_source").is_in(_WEAK_EVIDENCE)
    # Per log: nothing ever fails by its own report, and the grades differ. Then the grade is the outcome.
    flawless = (
        (weak & ~pl.col("success")).sum().over("source").eq(0)
        & (weak & quality.is_not_null()).sum().over("source").ge(_LEAST_GRADES)
        & (quality.filter(weak).min().over("source") < quality.filter(weak).max().over("source"))
    ).fill_null(False)
    ungraded = ~verdict & (pl.col("outcome").is_in(GRADED_OUTCOMES) | pl.col("outcome").is_null())
    graded = quality.is_not_null() & (ungraded | (weak & flawless))
    ended = ~pl.col("outcome").is_in(NO_OWN_END)
    text = pl.col("task_text")
    found = (
        executions.with_columns(_verdict=verdict, _graded=graded)
        .select(
            "execution_id",
            task=pl.coalesce("task_hash", "task_text", "execution_id"),
            at=pl.coalesce("started_at", "ended_at"),
            known_at=pl.coalesce("ended_at", "started_at"),
            agent_name="agent_name",
            model="model",
            model_tier="model_tier",
            task_type="task_type",
            reported="reported_task_type",
            repository="repository",
            branch="branch",
            context_tokens="context_tokens",
            task_text=pl.when(text.str.strip_chars().str.len_chars() > 0).then(text),
            labelled=pl.col("_verdict") | pl.col("_graded"),
            label=pl.when("_graded").then(quality).when("_verdict").then(pl.col("success").cast(pl.Float64)),
            weight=pl.when(pl.col("_verdict"))
            .then("label_weight")
            .when("_graded")
            .then(pl.lit(LABEL_WEIGHTS["reported"]))
            .otherwise(0.0),
            cost_usd=pl.when(ended).then(pl.coalesce("cost_usd", "reported_cost_usd")).cast(pl.Float64),
            duration_ms=pl.when(ended).then("duration_ms"),
        )
        .sort("at", "execution_id")
        .collect()
    )
    named = found["reported"].drop_nulls().unique()
    kinds = {name: kind_of(None, name) for name in named}
    return found.with_columns(
        task_type=pl.coalesce(
            pl.col("reported").replace_strict(kinds, default=None, return_dtype=pl.String), "task_type"
        )
    ).drop("reported")


def split(rows: pl.DataFrame, older: float = 0.8) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Split labelled experience by time: the older share of tasks to learn from, the newer to be asked about.

    Tasks are ordered by their first execution. All executions of one task are on one side; those of an older
    task that were run after the newer part begins are left out, so that nothing is learned from the future.
    Executions without a label are kept on the older side when they began before the newer part.
    """
    labelled = rows.filter("labelled")
    first = labelled.group_by("task").agg(pl.col("at").min().alias("first")).sort("first", "task")
    older_tasks = int(first.height * older)
    newer = first.slice(older_tasks)
    if older_tasks == 0 or newer.is_empty():
        return rows, rows.clear()
    begin = newer["first"][0]
    test = labelled.join(newer.select("task"), on="task", how="semi").sort("at", "execution_id")
    train = rows.filter(pl.col("at") <= begin).join(newer.select("task"), on="task", how="anti")
    return train.sort("at", "execution_id"), test
