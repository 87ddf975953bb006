"""How agents work one after another and together.

A workflow is what its log calls so, else a session. Its steps are its executions in the order of their start (ties
by id). Each workflow is summed up in one row before anything is counted over workflows, so nothing counts twice. It
counts on the day of its last step, and is counted whole, also where it began before the days that are told of.
"""

from typing import NamedTuple

import polars as pl

from learning_pipeline.contracts.marts_flow import LEAST_WORKFLOWS, PATTERN_LENGTHS
from learning_pipeline.marts.significance import compared, shrunk
from learning_pipeline.marts.stats import count, percentiles_of_lists, rate, success_rate, total, wilson
from learning_pipeline.marts.work import began_at, dated, workflow

_SUCCESS = pl.col("success")
_COMPARED = ("successes", "labelled", "without_successes", "without_labelled")
_LABELS = ("labelled", "successes", "failures", "unknown_outcomes")
# Columns of the agents of a pattern, in order.
_PLACES = tuple(f"agent_{place}" for place in range(1, max(PATTERN_LENGTHS) + 1))
# Kinds of rows of what is kept by day.
_AGENT, _PAIR, _ASKED = "agent", "pair", "asked"


class Steps(NamedTuple):
    """The steps of all workflows: by workflow, then in order.

    Numbers stand for workflows and agents, since they compare fast.

    frame: day (of the last step), workflow, agent (the place of its name in `agents`), success, at, ended_at.
    """

    frame: pl.DataFrame
    agents: pl.Series  # sorted


def steps(executions: pl.LazyFrame) -> Steps:
    """Return the steps of all workflows."""
    told = (
        dated(executions)
        .select("day", "execution_id", "agent_name", "success", "ended_at", at=began_at(), workflow=workflow())
        .filter(pl.col("workflow").is_not_null() & pl.col("at").is_not_null())
        .with_columns(pl.col("workflow").hash())
        .collect()
    )
    last = told.group_by("workflow").agg(pl.col("day").max())
    agents = told["agent_name"].unique().sort()
    number = pl.col("agent_name").cast(pl.Enum(agents)).to_physical().cast(pl.Int64)
    frame = told.drop("day").join(last, on="workflow").with_columns(agent=number).sort("workflow", "at", "execution_id")
    return Steps(frame.drop("execution_id", "agent_name"), agents)


def transitions_by_day(executions: pl.LazyFrame) -> pl.LazyFrame:
    """Sum up what `workflow_transition` needs. A workflow's first step comes after no agent."""
    all_steps, agents = steps(executions)
    gap = (pl.col("at") - pl.col("ended_at").shift()).dt.total_milliseconds()
    return (
        all_steps.lazy()
        .with_columns(
            _from=pl.when(_same_workflow(1)).then(pl.col("agent").shift()),
            _waited=pl.when(_same_workflow(1) & (gap >= 0)).then(gap),
        )
        .group_by("day", "_from", _to="agent")
        .agg(
            pl.len().cast(pl.Int64).alias("transitions"),
            pl.col("workflow").n_unique().cast(pl.Int64).alias("workflows"),
            *_labels(),
            waits_ms=pl.col("_waited").drop_nulls().sort(),
        )
        .with_columns(from_agent=_name("_from", agents), to_agent=_name("_to", agents))
        .drop("_from", "_to")
    )


def workflow_transition(sums: pl.LazyFrame) -> pl.LazyFrame:
    """Count which agent works after which; without is the second agent's work after others, or at first."""
    grain = ("from_agent", "to_agent")
    by_agent = sums.group_by("to_agent").agg(_all=pl.col("labelled").sum(), _all_hits=pl.col("successes").sum())
    after = sums.filter(pl.col("from_agent").is_not_null())
    waits = percentiles_of_lists(after, grain, "waits_ms", "handover_n", handover_p50_ms=0.5, handover_p95_ms=0.95)
    found = (
        after.group_by(grain)
        .agg(pl.col("transitions", "workflows", *_LABELS).sum())
        .join(waits, on=grain, how="left")
        .join(by_agent, on="to_agent")
        .with_columns(
            # Of what has no number there is no row.
            pl.col("handover_n").fill_null(0),
            from_transitions=pl.col("transitions").sum().over("from_agent"),
            without_labelled=pl.col("_all") - pl.col("labelled"),
            without_successes=pl.col("_all_hits") - pl.col("successes"),
        )
        .with_columns(share_ratio=pl.col("transitions") / pl.col("from_transitions"))
        .collect()
    )
    return _with_rates(found, *grain)


class Workflows(NamedTuple):
    """All workflows, a row each, and their agents in order without repeats.

    frame: workflow, day (of its last step), executions, success (of the last labelled step), length_ms, steps (without
    repeats).
    turns: workflow, agent; by workflow, then in order.
    """

    frame: pl.DataFrame
    turns: pl.DataFrame
    agents: pl.Series


def workflows(executions: pl.LazyFrame) -> Workflows:
    """Sum up each workflow."""
    all_steps, agents = steps(executions)
    frame = all_steps.group_by("workflow", maintain_order=True).agg(
        pl.col("day").first(),
        executions=pl.len().cast(pl.Int64),
        success=_SUCCESS.drop_nulls().last(),
        length_ms=(pl.col("ended_at").max() - pl.col("at").min()).dt.total_milliseconds(),
    )
    goes_on = _same_workflow(1) & (pl.col("agent") == pl.col("agent").shift())
    turns = all_steps.filter(~goes_on.fill_null(False)).select("workflow", "agent")
    lengths = turns.group_by("workflow").agg(steps=pl.len().cast(pl.Int64))
    return Workflows(frame.join(lengths, on="workflow", maintain_order="left"), turns, agents)


def patterns_by_day(executions: pl.LazyFrame) -> pl.LazyFrame:
    """Sum up what `workflow_pattern` needs; `pattern` is null where all workflows of so many steps are told of."""
    whole, turns, agents = workflows(executions)
    # By length: what is put together in a list is in order, so that it does not depend on how it was found.
    whole = whole.sort("length_ms")
    found = []
    for length in PATTERN_LENGTHS:
        # A sequence is one number: its agents are the digits, the first of them the highest.
        sequence = pl.sum_horizontal(
            pl.col("agent").shift(-place) * len(agents) ** (length - 1 - place) for place in range(length)
        )
        digits = {
            name: pl.col("_sequence") // len(agents) ** (length - 1 - place) % len(agents)
            for place, name in enumerate(_PLACES[:length])
        }
        found += [
            turns.lazy()
            .select("workflow", _sequence=pl.when(_same_workflow(1 - length)).then(sequence))
            .drop_nulls()
            .group_by("workflow", "_sequence")
            .agg(occurrences=pl.len().cast(pl.Int64))
            .join(whole.lazy(), on="workflow", maintain_order="right")
            .group_by("day", "_sequence")
            .agg(
                pl.len().cast(pl.Int64).alias("workflows"),
                pl.col("occurrences", "executions").sum(),
                *_labels(),
                lengths_ms=pl.col("length_ms"),
            )
            .with_columns(steps=pl.lit(length, pl.Int64), **digits)
            .with_columns(_name(name, agents).alias(name) for name in digits)
            .with_columns(pattern=pl.concat_str(list(digits), separator=" > "))
            .drop("_sequence"),
            whole.lazy()
            .filter(pl.col("steps") >= length)
            .group_by("day")
            .agg(*_labels())
            .with_columns(steps=pl.lit(length, pl.Int64)),
        ]
    return pl.concat(found, how="diagonal")


def workflow_pattern(sums: pl.LazyFrame) -> pl.LazyFrame:
    """Compare workflows with each sequence of two to four agents with those without it."""
    is_pattern, every = pl.col("pattern").is_not_null(), sums.collect()
    all_of = (
        every.filter(~is_pattern).group_by("steps").agg(_all=pl.col("labelled").sum(), _hits=pl.col("successes").sum())
    )
    told = every.filter(is_pattern)
    lengths = percentiles_of_lists(told.lazy(), ("pattern",), "lengths_ms", "length_n", length_p50_ms=0.5).collect()
    patterns = (
        told.group_by("pattern")
        .agg(
            pl.col("steps", *_PLACES).first(),
            pl.col("workflows", "occurrences", "executions", *_LABELS).sum(),
        )
        .filter(pl.col("workflows") >= LEAST_WORKFLOWS)
        .join(lengths, on="pattern", how="left")
        .join(all_of, on="steps")
        .with_columns(
            pl.col("length_n").fill_null(0),
            agents=pl.concat_list(_PLACES).list.drop_nulls(),
            without_labelled=pl.col("_all") - pl.col("labelled"),
            without_successes=pl.col("_hits") - pl.col("successes"),
        )
    )
    return _with_rates(patterns, "pattern")


def pairs_by_day(executions: pl.LazyFrame, interactions: pl.LazyFrame) -> pl.LazyFrame:
    """Sum up what `agent_pair` needs: by agent, by two agents of one workflow, and by two of which one asked."""
    whole, turns, agents = workflows(executions)
    members = turns.lazy().unique().join(whole.lazy().select("day", "workflow", "success"), on="workflow")
    by_agent = members.group_by("day", "agent").agg(pl.len().cast(pl.Int64).alias("workflows"), *_labels())
    together = (
        members.join(members.select("workflow", _b="agent"), on="workflow")
        .filter(pl.col("agent") < pl.col("_b"))
        .group_by("day", "agent", "_b")
        .agg(pl.len().cast(pl.Int64).alias("workflows"), *_labels())
    )
    return pl.concat(
        [
            by_agent.with_columns(kind=pl.lit(_AGENT), agent_a=_name("agent", agents)).drop("agent"),
            together.with_columns(kind=pl.lit(_PAIR), agent_a=_name("agent", agents), agent_b=_name("_b", agents)).drop(
                "agent", "_b"
            ),
            _asked(interactions).with_columns(kind=pl.lit(_ASKED)),
        ],
        how="diagonal",
    )


def _asked(interactions: pl.LazyFrame) -> pl.LazyFrame:
    """Sum the interactions of each two agents by day, whoever asked."""
    return (
        dated(interactions)
        .filter(pl.col("source_agent") != pl.col("target_agent"))
        .group_by(
            "day",
            agent_a=pl.min_horizontal("source_agent", "target_agent"),
            agent_b=pl.max_horizontal("source_agent", "target_agent"),
        )
        .agg(
            pl.len().cast(pl.Int64).alias("interactions"),
            _SUCCESS.count().cast(pl.Int64).alias("interactions_answered"),
            count(_SUCCESS).alias("interactions_successful"),
            total("retries").alias("interaction_retries"),
            latencies_ms=pl.col("latency_ms").drop_nulls().sort(),
        )
    )


def agent_pair(sums: pl.LazyFrame) -> pl.LazyFrame:
    """Compare workflows of both of two agents with those of only one, and tell how they ask each other."""
    kind, both = pl.col("kind"), ("agent_a", "agent_b")
    of_agents = ("workflows", "labelled", "successes")
    told = sums.collect()
    by_agent = told.filter(kind == _AGENT).group_by(agent="agent_a").agg(pl.col(of_agents).sum())
    together = told.filter(kind == _PAIR).group_by(both).agg(pl.col("workflows", *_LABELS).sum())
    asked = told.filter(kind == _ASKED)
    latencies = percentiles_of_lists(
        asked.lazy(), both, "latencies_ms", "latency_n", latency_p50_ms=0.5, latency_p95_ms=0.95
    ).collect()
    answers = ("interactions", "interactions_answered", "interactions_successful")
    of_both = (
        asked.group_by(both)
        .agg(pl.col(answers).sum(), total("interaction_retries"))
        .join(latencies, on=both, how="left")
    )
    pairs = (
        together.join(of_both, on=both, how="full", coalesce=True)
        .filter((pl.col("workflows") >= LEAST_WORKFLOWS) | pl.col("interactions").is_not_null())
        .with_columns(is_in_workflows=pl.col("workflows").is_not_null())
    )
    for side in ("a", "b"):
        names = {"agent": f"agent_{side}"} | {name: f"{name}_{side}" for name in of_agents}
        pairs = pairs.join(by_agent.rename(names), on=f"agent_{side}", how="left")
    sides = tuple(f"{name}_{side}" for side in ("a", "b") for name in of_agents)
    either = pl.col("workflows_a") + pl.col("workflows_b") - pl.col("workflows")
    low, high = wilson("interactions_successful", "interactions_answered")
    known = pairs.with_columns(pl.col("workflows", *_LABELS, *answers, "latency_n", *sides).fill_null(0)).with_columns(
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
    return _with_rates(known, *both)


def _same_workflow(apart: int) -> pl.Expr:
    """Say whether the row so many places before is of the same workflow."""
    return pl.col("workflow") == pl.col("workflow").shift(apart)


def _name(number: str, agents: pl.Series) -> pl.Expr:
    """Return the names of agents in place of their numbers."""
    return pl.lit(agents).gather(pl.col(number))


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
