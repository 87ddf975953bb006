"""Contracts of the marts on how agents work one after another and together."""

from learning_pipeline.contracts.base import (
    Flag,
    Integer,
    Real,
    StringList,
    Table,
    Text,
    count_field,
    field,
    key_field,
    share_field,
)
from learning_pipeline.contracts.marts_base import SuccessRate, ms_field

# Patterns and pairs of fewer workflows than this are not listed.
LEAST_WORKFLOWS = 5
PATTERN_LENGTHS = (2, 3, 4)
FLOW_DAYS = 90


class Comparison(SuccessRate):
    """Success with something against success without it."""

    without_labelled: Integer = count_field("Those without it whose success or failure is known", null=False)
    without_successes: Integer = count_field("Of these, those that succeeded", null=False)
    without_success_rate: Real = share_field("Success rate without it; null where none is labelled")
    without_success_low: Real = share_field("Lower end of that rate's 95 % Wilson interval")
    without_success_high: Real = share_field("Upper end of that rate's 95 % Wilson interval")
    difference_ratio: Real = field(
        "Success rate with it less that without it; a difference is no cause", unit="ratio", ge=-1, le=1
    )
    p_value: Real = share_field(
        "Two-sided p-value for equal rates: pooled z test, Fisher's exact test where an expected count is below 5"
    )
    q_value: Real = share_field("The p-value corrected for all rows of the table (Benjamini and Hochberg)")
    success_shrunk: Real = share_field(
        "Success rate pulled towards that of all: as if 10 more of these had been seen; null where none is labelled"
    )


class MartWorkflowTransition(Comparison):
    """One agent worked right after another; success is that of the second's execution.

    All workflows count whose last execution was in the last 90 days, each whole.
    """

    from_agent: Text = key_field("Agent that worked before")
    to_agent: Text = key_field("Agent that worked next, in the same workflow, else session")
    transitions: Integer = count_field("Times that this happened", null=False)
    workflows: Integer = count_field("Workflows, else sessions, in which it happened", null=False)
    from_transitions: Integer = count_field("Times that any agent worked after the first: n of share_ratio", null=False)
    share_ratio: Real = share_field("How often it was this one that worked next", null=False)
    handover_n: Integer = count_field(
        "Transitions where the second began after the first had ended: the n of the hand-over times", null=False
    )
    handover_p50_ms: Real = ms_field("Median time from the end of the first to the start of the second")
    handover_p95_ms: Real = ms_field("95th percentile of that time")


class MartWorkflowPattern(Comparison):
    """A sequence of agents, and the success of workflows with it against without.

    All workflows count whose last execution was in the last 90 days, each whole. Agents that work several times in a
    row count once. A workflow counts once per pattern, with the success of its last labelled execution; those without
    it are the other workflows with as many steps or more.
    """

    pattern: Text = key_field("Agents in order, joined by ' > '")
    agents: StringList = field("The agents in order", null=False)
    steps: Integer = count_field("Agents in the sequence", null=False)
    workflows: Integer = count_field(f"Workflows with it; at least {LEAST_WORKFLOWS}", null=False)
    occurrences: Integer = count_field("Times that it happened in them", null=False)
    executions: Integer = count_field("Executions of all these workflows", null=False)
    length_n: Integer = count_field("Workflows with a known length: the n of length_p50_ms", null=False)
    length_p50_ms: Real = ms_field("Median time from a workflow's first start to its last end")


class MartAgentPair(Comparison):
    """Two agents in one workflow, in any order, and its success with both against others.

    All workflows count whose last execution was in the last 90 days, each whole. Those without the pair are the
    workflows in which at least one of the two worked, and not both.
    """

    agent_a: Text = key_field("First of the two by name")
    agent_b: Text = key_field("Second of the two by name")
    workflows: Integer = count_field("Workflows, else sessions, with both", null=False)
    workflows_a: Integer = count_field("Workflows with the first", null=False)
    workflows_b: Integer = count_field("Workflows with the second", null=False)
    overlap_ratio: Real = share_field("Workflows with both among those with at least one", null=False)
    interactions: Integer = count_field("Times that one asked the other", null=False)
    interactions_answered: Integer = count_field("Of these, those whose success is known", null=False)
    interactions_successful: Integer = count_field("Of these, those that were answered well", null=False)
    interaction_success_rate: Real = share_field("Answered well among those known; null without any")
    interaction_success_low: Real = share_field("Lower end of the rate's 95 % Wilson interval")
    interaction_success_high: Real = share_field("Upper end of the rate's 95 % Wilson interval")
    interaction_retries: Integer = count_field("Attempts before these interactions")
    latency_n: Integer = count_field("Interactions with a known latency: the n of its percentiles", null=False)
    latency_p50_ms: Real = ms_field("Median time to the answer")
    latency_p95_ms: Real = ms_field("95th percentile of that time")
    is_in_workflows: Flag = field("False where they are only known to have asked each other", null=False)


FLOW_MARTS: dict[str, type[Table]] = {
    "mart_workflow_transition": MartWorkflowTransition,
    "mart_workflow_pattern": MartWorkflowPattern,
    "mart_agent_pair": MartAgentPair,
}
