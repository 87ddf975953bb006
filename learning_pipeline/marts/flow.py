"""How agents work one after another and together.

A workflow is what its log calls so, else a session. Its steps are its executions in the order of their start (ties
by id). Each workflow is summed up in one row before anything is counted over workflows, so nothing counts twice.
"""

from typing import NamedTuple

import polars as pl

from learning_pipeline.contracts.marts_flow import LEAST_WORKFLOWS, PATTERN_LENGTHS
from learning_pipeline.marts.significance import compared, shrunk
from learning_pipeline.marts.stats import count, percentile, rate, success_rate, total, wilson
from learning_pipeline.marts.work import began_at, dated

_SUCCESS = pl.col("success")
_COMPARED = ("successes", "labelled", "without_successes", "without_labelled")


class Steps(NamedTuple):
    """The steps of all workflows: by workflow, then in order.

    Numbers stand for workflows and agents, since they compare fast.

    frame: workflow, agent (the place of its name in `agents`), success, at, ended_at.
    """

    frame: pl.DataFrame
    agents: pl.Series  # sorted


def steps(executions: pl.LazyFrame) -> Steps:
    """Return the steps of all workflows."""
    workflow = pl.coalesce(pl.concat_str(pl.lit("w:"), "workflow_id"), pl.concat_str(pl.lit("s:"), "session_id"))
    told = (
        dated(executions)
        .select("execution_id", "agent_name", "success", "ended_at", at=began_at(), workflow=workflow)
        .filter(pl.col("workflow").is_not_null() & pl.col("at").is_not_null())
        .with_columns(pl.col("workflow").hash())
        .collect()
    )
    agents = told["agent_name"].unique().sort()
    number = pl.col("agent_name").cast(pl.Enum(agents)).to_physical().cast(pl.Int64)
    frame = told.with_columns(agent=number).sort("workflow", "at", "execution_id")
    return Steps(frame.drop("execution_id", "agent_name"), agents)


def workflow_transition(executions: pl.LazyFrame) -> pl.LazyFrame:
    """Count which agent works after which; without is the second agent's work after others, or at first."""
    all_steps, agents = steps(executions)
    gap = (pl.col("at") - pl.col("ended_at").shift()).dt.total_milliseconds()
    pairs = all_steps.lazy().with_columns(
        _from=pl.when(_same_workflow(1)).then(pl.col("agent").shift()), _waited=pl.when(gap >= 0).then(gap)
    )
    by_agent = pairs.group_by(_to="agent").agg(_all=_SUCCESS.count().cast(pl.Int64), _all_hits=count(_SUCCESS))
    found = (
        pairs.filter(pl.col("_from").is_not_null())
        .group_by("_from", _to="agent")
        .agg(
            pl.len().cast(pl.Int64).alias("transitions"),
            pl.col("workflow").n_unique().cast(pl.Int64).alias("workflows"),
            *_labels(),
            pl.col("_waited").count().cast(pl.Int64).alias("handover_n"),
            percentile("_waited", 0.5).alias("handover_p50_ms"),
            percentile("_waited", 0.95).alias("handover_p95_ms"),
        )
        .join(by_agent, on="_to")
        .with_columns(
            from_agent=_name("_from", agents),
            to_agent=_name("_to", agents),
            from_transitions=pl.col("transitions").sum().over("_from"),
            without_labelled=pl.col("_all") - pl.col("labelled"),
            without_successes=pl.col("_all_hits") - pl.col("successes"),
        )
        .with_columns(share_ratio=pl.col("transitions") / pl.col("from_transitions"))
        .drop("_from", "_to")
        .collect()
    )
    return _with_rates(found, "from_agent", "to_agent")


class Workflows(NamedTuple):
    """All workflows, a row each, and their agents in order without repeats.

    frame: workflow, executions, success (of the last labelled step), length_ms, steps (without repeats).
    turns: workflow, agent; by workflow, then in order.
    """

    frame: pl.DataFrame
    turns: pl.DataFrame
    agents: pl.Series


def workflows(executions: pl.LazyFrame) -> Workflows:
    """Sum up each workflow."""
    all_steps, agents = steps(executions)
    frame = all_steps.group_by("workflow", maintain_order=True).agg(
        executions=pl.len().cast(pl.Int64),
        success=_SUCCESS.drop_nulls().last(),
        length_ms=(pl.col("ended_at").max() - pl.col("at").min()).dt.total_milliseconds(),
    )
    goes_on = _same_workflow(1) & (pl.col("agent") == pl.col("agent").shift())
    turns = all_steps.filter(~goes_on.fill_null(False)).select("workflow", "agent")
    lengths = turns.group_by("workflow").agg(steps=pl.len().cast(pl.Int64))
    return Workflows(frame.join(lengths, on="workflow", maintain_order="left"), turns, agents)


def workflow_pattern(executions: pl.LazyFrame) -> pl.LazyFrame:
    """Compare workflows with each sequence of two to four agents with those without it."""
    whole, turns, agents = workflows(executions)
    found = []
    for length in PATTERN_LENGTHS:
        # A sequence is one number: its agents are the digits, the first of them the highest.
        sequence = pl.sum_horizontal(
            pl.col("agent").shift(-place) * len(agents) ** (length - 1 - place) for place in range(length)
        )
        in_workflow = (
            turns.lazy()
            .select("workflow", _sequence=pl.when(_same_workflow(1 - length)).then(sequence))
            .drop_nulls()
            .group_by("workflow", "_sequence")
            .agg(occurrences=pl.len().cast(pl.Int64))
            .join(whole.lazy(), on="workflow")
        )
        everything = (
            whole.lazy()
            .filter(pl.col("steps") >= length)
            .select(_all=_SUCCESS.count().cast(pl.Int64), _all_hits=count(_SUCCESS))
        )
        digits = (pl.col("_sequence") // len(agents) ** (length - 1 - place) % len(agents) for place in range(length))
        found.append(
            in_workflow.group_by("_sequence")
            .agg(
                pl.len().cast(pl.Int64).alias("workflows"),
                pl.col("occurrences", "executions").sum(),
                *_labels(),
                pl.col("length_ms").count().cast(pl.Int64).alias("length_n"),
                percentile("length_ms", 0.5).alias("length_p50_ms"),
            )
            .filter(pl.col("workflows") >= LEAST_WORKFLOWS)
            .join(everything, how="cross")
            .with_columns(steps=pl.lit(length, pl.Int64), agents=pl.concat_list(digits))
            .drop("_sequence")
            .collect()
        )
    patterns = pl.concat(found).with_columns(
        agents=pl.col("agents").list.eval(_name("", agents)),
        without_labelled=pl.col("_all") - pl.col("labelled"),
        without_successes=pl.col("_all_hits") - pl.col("successes"),
    )
    return _with_rates(patterns.with_columns(pattern=pl.col("agents").list.join(" > ")), "pattern")


def agent_pair(executions: pl.LazyFrame, interactions: pl.LazyFrame) -> pl.LazyFrame:
    """Compare workflows of both of two agents with those of only one, and tell how they ask each other."""
    whole, turns, agents = workflows(executions)
    members = turns.lazy().unique().join(whole.lazy().select("workflow", "success"), on="workflow")
    by_agent = (
        members.group_by("agent")
        .agg(workflows=pl.len().cast(pl.Int64), labelled=_SUCCESS.count().cast(pl.Int64), successes=count(_SUCCESS))
        .with_columns(agent=_name("agent", agents))
        .collect()
    )
    together = (
        members.join(members.select("workflow", _b="agent"), on="workflow")
        .filter(pl.col("agent") < pl.col("_b"))
        .group_by("agent", "_b")
        .agg(pl.len().cast(pl.Int64).alias("workflows"), *_labels())
        .with_columns(agent_a=_name("agent", agents), agent_b=_name("_b", agents))
        .drop("agent", "_b")
        .collect()
    )
    asked = _asked(interactions).collect()
    counts = (
        *("workflows", "successes", "labelled", "failures", "unknown_outcomes", "interactions", "latency_n"),
        *("interactions_answered", "interactions_successful"),
    )
    pairs = (
        together.join(asked, on=["agent_a", "agent_b"], how="full", coalesce=True)
        .filter((pl.col("workflows") >= LEAST_WORKFLOWS) | pl.col("interactions").is_not_null())
        .with_columns(is_in_workflows=pl.col("workflows").is_not_null())
    )
    for side in ("a", "b"):
        names = {"agent": f"agent_{side}"} | {name: f"{name}_{side}" for name in ("workflows", "labelled", "successes")}
        pairs = pairs.join(by_agent.rename(names), on=f"agent_{side}", how="left")
    sides = tuple(f"{name}_{side}" for side in ("a", "b") for name in ("workflows", "labelled", "successes"))
    either = pl.col("workflows_a") + pl.col("workflows_b") - pl.col("workflows")
    low, high = wilson("interactions_successful", "interactions_answered")
    known = pairs.with_columns(pl.col(*counts, *sides).fill_null(0)).with_columns(
        # Workflows with one of the two: those of either, less those of both, which were counted on both sides.
        without_labelled=pl.when("is_in_workflows")
        .then(pl.col("labelled_a") + pl.col("labelled_b") - 2 * pl.col("labelled"))
        .otherwise(0),
        without_successes=pl.when("is_in_workflows")
        .then(pl.col("successes_a") + pl.col("successes_b") - 2 * pl.col("successes"))
        .otherwise(0),
        overlap_ratio=pl.when(either > 0).then(pl.col("workflows") / either).otherwise(0.0),
        interaction_success_rate=rate("interactions_successful", "interactions_answered"),
        interaction_success_low=low,
        interaction_success_high=high,
    )
    return _with_rates(known, "agent_a", "agent_b")


def _asked(interactions: pl.LazyFrame) -> pl.LazyFrame:
    """Sum the interactions of each two agents, whoever asked."""
    return (
        dated(interactions)
        .filter(pl.col("source_agent") != pl.col("target_agent"))
        .group_by(
            agent_a=pl.min_horizontal("source_agent", "target_agent"),
            agent_b=pl.max_horizontal("source_agent", "target_agent"),
        )
        .agg(
            pl.len().cast(pl.Int64).alias("interactions"),
            _SUCCESS.count().cast(pl.Int64).alias("interactions_answered"),
            count(_SUCCESS).alias("interactions_successful"),
            total("retries").alias("interaction_retries"),
            pl.col("latency_ms").count().cast(pl.Int64).alias("latency_n"),
            percentile("latency_ms", 0.5).alias("latency_p50_ms"),
            percentile("latency_ms", 0.95).alias("latency_p95_ms"),
        )
    )


def _same_workflow(apart: int) -> pl.Expr:
    """Say whether the row so many places before is of the same workflow."""
    return pl.col("workflow") == pl.col("workflow").shift(apart)


def _name(number: str, agents: pl.Series) -> pl.Expr:
    """Return the names of agents in place of their numbers."""
    return pl.lit(agents).gather(pl.col(number) if number else pl.element())


def _labels() -> tuple[pl.Expr, ...]:
    return (
        _SUCCESS.count().cast(pl.Int64).alias("labelled"),
        count(_SUCCESS).alias("successes"),
        count(~_SUCCESS).alias("failures"),
        _SUCCESS.null_count().cast(pl.Int64).alias("unknown_outcomes"),
    )


def _with_rates(frame: pl.DataFrame, *keys: str) -> pl.LazyFrame:
    """Add both rates with their intervals, the difference, its test over all rows, and the shrunk rate."""
    low, high = wilson("without_successes", "without_labelled")
    of_all = (pl.col("successes") + pl.col("without_successes")) / (pl.col("labelled") + pl.col("without_labelled"))
    known = frame.sort(*keys).with_columns(
        **success_rate(),
        without_success_rate=rate("without_successes", "without_labelled"),
        without_success_low=low,
        without_success_high=high,
        success_shrunk=pl.when(pl.col("labelled") > 0).then(shrunk("successes", "labelled", of_all)),
    )
    tested = compared(known, *_COMPARED)
    return tested.with_columns(difference_ratio=pl.col("success_rate") - pl.col("without_success_rate")).lazy()
