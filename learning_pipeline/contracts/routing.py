"""Contracts of what the router writes down: recommendations and its own evaluation."""

from learning_pipeline.contracts.base import (
    Integer,
    Real,
    Table,
    Text,
    Timestamp,
    count_field,
    field,
    key_field,
    share_field,
)
from learning_pipeline.contracts.vocabulary import TASK_TYPES

SUBJECT_KINDS = ("policy", "candidate", "model", "slice")
EVALUATION_BASES = ("full", "matched", "held_out", "training")


class RoutingRecommendations(Table):
    """Candidates for a kind of task, best first, with what is expected of each and how much that rests on."""

    task_type: Text = key_field("Kind of task", isin=TASK_TYPES)
    repository: Text = field("Repository; null for all repositories together")
    rank: Integer = key_field("Place by utility, from 1", ge=1)
    agent_name: Text = field("Agent", null=False)
    model: Text = field("Model of the agent; null where the logs name none")
    n: Integer = count_field("Labelled executions of this candidate in this group", null=False)
    success_probability: Real = share_field("Expected share of successes, shrunk to the candidate's other work")
    interval_low: Real = share_field("Lower end of the 95 % Wilson interval of success_probability")
    interval_high: Real = share_field("Upper end of the 95 % Wilson interval of success_probability")
    expected_cost_usd: Real = field("Median cost, shrunk; null where none was observed", unit="USD", ge=0)
    expected_duration_ms: Integer = count_field("Median time, shrunk; null where none was observed", unit="ms")
    utility: Real = field("Success less the weighted cost and time", null=False)
    router_version: Text = field("Router that says so", null=False)


class MartRouterEvaluation(Table):
    """How each router version did on held-out executions, against simple policies and base rates."""

    router_version: Text = key_field("Version of the router")
    created_at: Timestamp = field("When the version was trained", null=False)
    subject_kind: Text = key_field("What is measured: a policy, a candidate, the predictions, or a kind of task", isin=SUBJECT_KINDS)
    subject: Text = key_field("Name of the policy, candidate or set of predictions")
    metric: Text = key_field("Name of the metric")
    value: Real = field("Value; null where there is too little to tell")
    n: Integer = count_field("Executions or tasks behind the value", null=False)
    interval_low: Real = field("Lower end of the 95 % interval, where there is one")
    interval_high: Real = field("Upper end of the 95 % interval, where there is one")
    basis: Text = field(
        "Evidence: tasks that several candidates ran (full), executions where the policy agrees with what was "
        "run (matched), all held-out executions (held_out), the training part (training)",
        null=False,
        isin=EVALUATION_BASES,
    )
