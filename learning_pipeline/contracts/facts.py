"""Contracts of the facts: the streams, enriched."""

from learning_pipeline.contracts.base import Flag, Integer, StringList, Table, Text, Usd, field
from learning_pipeline.contracts.streams import Executions, GitEvents, LlmCalls, ToolCalls


class FctExecutions(Executions):
    """One task given to one agent, with its cost and what became of it."""

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


FACTS: dict[str, type[Table]] = {
    "fct_executions": FctExecutions,
    "fct_llm_calls": FctLlmCalls,
    "fct_tool_calls": FctToolCalls,
    "fct_git_events": FctGitEvents,
}
