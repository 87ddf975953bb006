"""How an execution ended, from what the log shows; nothing is assumed.

The strongest evidence wins. Weights stand in `contracts.vocabulary.LABEL_WEIGHTS`.

| what the log shows | outcome | evidence |
|---|---|---|
| a person stopped it | interrupted | reported |
| an API error was the last thing | failure | reported |
| the log says how the turn ended | as it says | reported |
| the tool that started a sub-agent gave back a result / an error | success / failure | reported / tool_result |
| a commit was made | success | git |
| the agent ended its turn after its last tool failed / worked | failure / success | tool_result |
| the agent ended its turn and used no tool | success | heuristic |
| nothing of the above, no end of the turn, and no later prompt | open | none |
| nothing of the above | unknown | none |
"""

import polars as pl

from learning_pipeline.contracts.vocabulary import LABEL_WEIGHTS, OUTCOMES, SUCCESS_OF_OUTCOME

# Reasons to stop that end a turn; a missing reason ends it where the last message called no tool.
_ENDED = ("end_turn", "stop_sequence")


# What may stand beside the evidence that decides.
_KINDS = ("reported", "git", "tool_result", "heuristic")
_Case = tuple[pl.Expr, str, str]


# Kinds of log that hold a row for the end of each turn.
TELL_THE_END = ("codex",)


def _case(*cases: _Case) -> tuple[pl.Expr, pl.Expr]:
    """Return the outcome and its evidence of the first case that holds."""
    outcome: pl.Expr = pl.lit("unknown")
    evidence: pl.Expr = pl.lit("none")
    for condition, then, source in reversed(cases):
        holds = condition.fill_null(False)
        outcome = pl.when(holds).then(pl.lit(then)).otherwise(outcome)
        evidence = pl.when(holds).then(pl.lit(source)).otherwise(evidence)
    return outcome, evidence


def _beside(cases: list[_Case], weight: pl.Expr) -> list[pl.Expr]:
    """Return, of each kind of evidence that is weaker than what decides, what it tells, as source:outcome."""
    found: list[pl.Expr] = []
    for kind in _KINDS:
        outcome, source = _case(*(case for case in cases if case[2] == kind))
        is_weaker = (source == kind) & (weight > LABEL_WEIGHTS[kind])
        found.append(pl.when(is_weaker).then(pl.lit(f"{kind}:") + outcome))
    return found


def with_outcome(frame: pl.DataFrame) -> pl.DataFrame:
    """Add outcome, success, outcome_source, label_weight, evidence and error_type.

    The frame has, for each execution: interrupted, turn_outcome (as the log says it), last_kind and last_stop_reason
    (of its last call, result or error), last_tool_error, commits, turn_ended, has_next, and for sub-agents
    result_is_error, result_in_background.
    """
    ended = (pl.col("last_kind") == "call") & pl.col("last_stop_reason").is_in(_ENDED)
    silent_end = (pl.col("last_kind") == "call") & pl.col("last_stop_reason").is_null()
    # An agent that writes down the end of every turn has not ended one of which it wrote none.
    told = pl.col("source").is_in(TELL_THE_END) & ~pl.col("turn_ended").fill_null(False)
    done = (ended | silent_end) & ~told
    cases = [
        (pl.col("interrupted"), "interrupted", "reported"),
        (pl.col("result_decision") == "reject", "interrupted", "reported"),
        (pl.col("last_kind") == "api_error", "failure", "reported"),
        *(
            (pl.col("turn_outcome") == name, name, "none" if name in ("open", "unknown") else "reported")
            for name in OUTCOMES
        ),
        (pl.col("result_is_error"), "failure", "tool_result"),
        (~pl.col("result_is_error") & ~pl.col("result_in_background").fill_null(False), "success", "reported"),
        (pl.col("commits") > 0, "success", "git"),
        (pl.col("last_stop_reason") == "refusal", "failure", "reported"),
        (pl.col("last_stop_reason") == "max_tokens", "partial", "reported"),
        (done & pl.col("last_tool_error"), "failure", "tool_result"),
        (done & ~pl.col("last_tool_error"), "success", "tool_result"),
        (done, "success", "heuristic"),
        (~pl.col("has_next") & ~pl.col("turn_ended").fill_null(False), "open", "none"),
    ]
    outcome, evidence = _case(*cases)
    frame = frame.with_columns(outcome.alias("outcome"), evidence.alias("outcome_source"))
    success = pl.col("outcome").replace_strict(SUCCESS_OF_OUTCOME, return_dtype=pl.Boolean)
    weight = pl.col("outcome_source").replace_strict(LABEL_WEIGHTS, return_dtype=pl.Float64)
    own = pl.concat_str("outcome_source", pl.lit(":"), "outcome")
    found = pl.concat_list(own, *_beside(cases, weight)).list.drop_nulls()
    return frame.with_columns(
        success.alias("success"),
        weight.alias("label_weight"),
        pl.when(found.list.len() > 1).then(found).alias("evidence"),
    ).with_columns(
        pl.when(pl.col("outcome") == "interrupted")
        .then(pl.lit("interrupted"))
        .when(pl.col("success").fill_null(True))
        .then(None)
        .when(pl.col("last_kind") == "api_error")
        .then(pl.col("api_error_type").fill_null("api"))
        .when(pl.col("outcome_source") == "tool_result")
        .then(pl.lit("tool"))
        .otherwise(pl.lit("unknown"))
        .alias("error_type")
    )
