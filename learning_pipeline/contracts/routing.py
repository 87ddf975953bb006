"""Contracts of what the router writes down: recommendations and its own evaluation."""

from learning_pipeline.contracts.base import (
    Flag,
    Integer,
    Real,
    Table,
    Text,
    Timestamp,
    Usd,
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
    rank: Integer = key_field(
        "Place by utility, from 1; who was hardly tried, or is much worse than another, comes last", ge=1
    )
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
    subject_kind: Text = key_field(
        "What is measured: a policy, a candidate, the predictions, or a kind of task", isin=SUBJECT_KINDS
    )
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


class RouterPredictions(Table):
    """What `route` answered and wrote down: one row a task that was asked about."""

    prediction_id: Text = key_field("Id of the answer: a digest of when, what and which version")
    predicted_at: Timestamp = field("When it was asked", null=False)
    router_version: Text = field("Version that answered; null where none was trained")
    rung: Text = field("Rung of the cold-start ladder that answered", null=False)
    task_id: Text = field("The caller's id of the task")
    task_hash: Text = field("SHA-256 of the task's text, as executions have it")
    task_type: Text = field("Kind of task, given or told from the text")
    repository: Text = field("Repository, where it was given")
    agent_name: Text = field("Agent that was chosen; null where it abstained")
    model: Text = field("Model that was chosen")
    propensity: Real = share_field("Chance with which this candidate was chosen; 1 without exploration")
    success_probability: Real = share_field("Predicted probability of success of what was chosen")
    interval_low: Real = share_field("Lower end of the 90 % interval of success_probability")
    interval_high: Real = share_field("Upper end of the 90 % interval of success_probability")
    expected_cost_usd: Real = field("Expected cost of what was chosen", unit="USD", ge=0)
    expected_duration_ms: Integer = count_field("Expected time of what was chosen", unit="ms")


class MartRouterPrediction(RouterPredictions):
    """Answers of the router, joined with the execution that came of them: same id, or same text, agent and model."""

    execution_id: Text = field("Execution that came of it; null while there is none")
    outcome: Text = field("How it ended")
    success: Flag = field("Whether it succeeded; null while that is not known")
    quality_score: Real = share_field("Graded quality, where there is one")
    actual_cost_usd: Usd = field("What it cost", unit="USD", ge=0)
    actual_duration_ms: Integer = count_field("How long it took", unit="ms")
    is_joined: Flag = field("Whether an execution was found", null=False)
    is_followed: Flag = field("Whether the execution was given to what the router chose; null where none was found")
    brier: Real = share_field("Squared difference of prediction and success; null while either is not known")


ROUTER_MARTS = {"mart_router_evaluation": MartRouterEvaluation, "mart_router_prediction": MartRouterPrediction}
