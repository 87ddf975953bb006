"""Contracts of the facts: the streams, enriched."""

from learning_pipeline.contracts.base import (
    Day,
    Flag,
    Integer,
    Real,
    StringList,
    Table,
    Text,
    Timestamp,
    Usd,
    field,
    key_field,
    share_field,
)
from learning_pipeline.contracts.marts_git import FctCommitLinks
from learning_pipeline.contracts.streams import (
    AgentDefinitions,
    AgentTransformations,
    Executions,
    Feedback,
    GitEvents,
    HealthEvents,
    Interactions,
    LlmCalls,
    RoutingDecisions,
    ToolCalls,
)
from learning_pipeline.contracts.vocabulary import LABEL_WEIGHTS, OUTCOMES


class FctExecutions(Executions):
    """One task given to one agent, with its cost and what became of it.

    Outcome, success, outcome_source and label_weight are those of the strongest evidence in fct_outcomes.
    """

    is_stuck: Flag = field("Whether it is open, and long overdue by the newest event of all", null=False)
    cost_usd: Usd = field(
        "Computed cost: the sum of its own model calls; where the log tells none, its own tokens at the price of its "
        "day, all cache writes as five-minute ones; null where a part has no price or no token counts. Never the "
        "cost that the log reported",
        unit="USD",
        ge=0,
    )
    price_version: Text = field("Versions of the price lists behind cost_usd")
    committed: Flag = field("True where its work is seen in a commit; null where neither log nor git tells")
    reverted: Flag = field("Whether a commit of its work was reverted later; null where git knows none of its commits")
    commits: StringList = field(
        "Commits that its work went into, sorted; as the log abbreviates them where git does not know them"
    )


class FctLlmCalls(LlmCalls):
    """One request to a model, with its cost at the prices of its own day."""

    cost_usd: Usd = field(
        "Computed cost at the prices of its day; null where the model has no known price, or the log no token counts",
        unit="USD",
        ge=0,
    )
    price_version: Text = field("Version of the price list behind cost_usd")


class FctToolCalls(ToolCalls):
    """One use of a tool by an agent."""


class FctGitEvents(GitEvents):
    """One thing that happened in a git repository."""

    source_line: Integer = field(
        "Line of that file, from 1; of git_history, which reads no lines, a number made of the first 15 hex digits of "
        "the commit's id",
        null=False,
        ge=0,
    )


class FctOutcomes(Table):
    """One piece of evidence on how an execution ended."""

    execution_id: Text = key_field("Execution that it is about")
    outcome_source: Text = key_field("Kind of evidence", isin=tuple(LABEL_WEIGHTS))
    evidence: Text = key_field(
        "What it is: id of the feedback, the commit, the source kind whose log tells it, or user_rating or "
        "user_accepted where the execution's own log says what the user thought"
    )
    day: Day = field("UTC date of the execution's own time", null=False)
    outcome: Text = field("How it ended, by this evidence", null=False, isin=OUTCOMES)
    success: Flag = field("True for success; false for failure or timeout; null for all else")
    label_weight: Real = share_field("Weight of this kind of evidence", null=False)
    observed_at: Timestamp = field("When it was seen: feedback given, commit made or reverted, execution ended")
    is_decisive: Flag = field("Whether it is the strongest, which fct_executions goes by", null=False)


class FctRoutingDecisions(RoutingDecisions):
    """One choice of an agent or model for a request."""


class FctAgentTransformations(AgentTransformations):
    """One step by which an agent became another: its start, its completion or its failure."""


class FctInteractions(Interactions):
    """One agent asks another."""


class FctFeedback(Feedback):
    """What somebody thought of a piece of work."""


class FctAgentDefinitions(AgentDefinitions):
    """One version of an agent's definition; all versions are kept."""


class FctHealthEvents(HealthEvents):
    """One sign of how an agent is."""


FACTS: dict[str, type[Table]] = {
    "fct_executions": FctExecutions,
    "fct_llm_calls": FctLlmCalls,
    "fct_tool_calls": FctToolCalls,
    "fct_git_events": FctGitEvents,
    "fct_outcomes": FctOutcomes,
    "fct_commit_links": FctCommitLinks,
    "fct_routing_decisions": FctRoutingDecisions,
    "fct_agent_transformations": FctAgentTransformations,
    "fct_interactions": FctInteractions,
    "fct_feedback": FctFeedback,
    "fct_agent_definitions": FctAgentDefinitions,
    "fct_health_events": FctHealthEvents,
}
