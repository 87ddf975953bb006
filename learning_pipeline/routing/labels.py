"""What the router may learn from: observed outcomes, and what executions cost.

A label is an observed outcome: `success` is known, and the evidence behind it has a weight. Open, unknown,
interrupted, abandoned and partial executions are no labels. Cost and time are taken from executions that
came to an end of their own; an open, interrupted or abandoned one says only a lower bound.
"""

import polars as pl

NO_OWN_END = ("open", "interrupted", "abandoned")
LABELLED_OUTCOMES = ("success", "failure", "timeout")


def experience(executions: pl.LazyFrame) -> pl.DataFrame:
    """Return one row an execution with what the router looks at, oldest first.

    Args:
        executions: rows of the contract `FctExecutions`.

    Returns:
        execution_id, task (key that all executions of one task share), at, agent_name, model, model_tier,
        task_type, repository, task_text (null where it is not kept), labelled, success (null unless labelled),
        weight (0 unless labelled), cost_usd, duration_ms (null where not observed).
    """
    labelled = (
        pl.col("success").is_not_null()
        & (pl.col("label_weight") > 0)
        & (pl.col("outcome_source") != "none")
        & pl.col("outcome").is_in(LABELLED_OUTCOMES)
    ).fill_null(False)
    ended = ~pl.col("outcome").is_in(NO_OWN_END)
    text = pl.col("task_text")
    return (
        executions.select(
            "execution_id",
            task=pl.coalesce("task_hash", "task_text", "execution_id"),
            at=pl.coalesce("started_at", "ended_at"),
            agent_name="agent_name",
            model="model",
            model_tier="model_tier",
            task_type="task_type",
            repository="repository",
            task_text=pl.when(text.str.strip_chars().str.len_chars() > 0).then(text),
            labelled=labelled,
            success=pl.when(labelled).then("success"),
            weight=pl.when(labelled).then("label_weight").otherwise(0.0),
            cost_usd=pl.when(ended).then(pl.coalesce("cost_usd", "reported_cost_usd")).cast(pl.Float64),
            duration_ms=pl.when(ended).then("duration_ms"),
        )
        .sort("at", "execution_id")
        .collect()
    )


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
