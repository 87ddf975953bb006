"""Contracts of what ties commits to the work of agents."""

from learning_pipeline.contracts.base import (
    Day,
    Flag,
    Integer,
    Real,
    StringList,
    Table,
    Text,
    Timestamp,
    count_field,
    field,
    key_field,
    share_field,
)
from learning_pipeline.contracts.marts_base import grain_field

LINK_METHODS = ("recorded", "note", "session", "checkpoint", "pull_request", "branch_time")
LINK_TIMINGS = ("at_commit", "before_commit", "after_commit")


class FctCommitLinks(Table):
    """What says that a commit came from an execution or session: one row per commit, execution and method."""

    day: Day = field("UTC day of the execution; of the commit where no execution is known", null=False)
    commit: Text = key_field("Commit, or its abbreviation in the log where git does not know it")
    execution_id: Text = grain_field("Execution; null where no log of the session is known")
    session_id: Text = grain_field("Session")
    method: Text = key_field(
        "What says so. recorded: a tool's result names the commit; note: an authorship note on the commit names the "
        "session; session: a trailer or hook does; checkpoint: the commit names a checkpoint of the session; "
        "pull_request: its subject names the session's pull request; "
        "branch_time: only repository, branch or agent, and time agree, of work that began that day or the day before",
        isin=LINK_METHODS,
    )
    timing: Text = field(
        "at_commit: it was at work when the commit was made, or the last to begin before; before_commit: earlier work "
        "of the session, since its previous commit; after_commit: work after the session's last commit; null without "
        "an execution",
        isin=LINK_TIMINGS,
    )
    confidence: Real = share_field("How far to trust it: set per method and timing, not measured", null=False)
    is_used: Flag = field(
        "Whether the execution's cost goes to this commit: no stronger link says otherwise", null=False
    )
    is_known: Flag = field("Whether git knows the commit", null=False)
    is_reverted: Flag = field("Whether a later commit reverts it; null where git does not know it")
    committed_at: Timestamp = field("When it was committed; null where git does not tell")


class MartPromptAttribution(Table):
    """What authorship notes say of each prompt, session or author: counted once, however many commits repeat it."""

    entry: Text = key_field("Kind of entry: prompt, session (of newer notes), author (of the oldest)")
    entry_id: Text = key_field("Its key in the notes")
    session_id: Text = grain_field("The agent's own session; null of the oldest notes")
    repository: Text = field("Repository of the last of its commits whose repository is known")
    agent_name: Text = field("Agent")
    model: Text = field("Model by the id in the note")
    commits: Integer = count_field("Commits whose notes have it", null=False)
    dangling_commits: Integer = count_field("Of these, commits that no history has which was read", null=False)
    first_at: Timestamp = field("First of these commits; null where nothing dates any")
    last_at: Timestamp = field("Last of these commits; null where nothing dates any")
    total_additions: Integer = count_field("Lines that it added: the largest number that a note has", unit="lines")
    total_deletions: Integer = count_field("Lines that it removed: the largest number that a note has", unit="lines")
    accepted_lines: Integer = count_field(
        "Lines that were accepted: of a prompt the largest number that a note has, for most of its notes count on; of "
        "others the sum over its commits in the history, or over dangling ones where it has no other",
        unit="lines",
    )
    overridden_lines: Integer = count_field(
        "Lines that a person wrote over: the largest number that a note has", unit="lines"
    )
    accepted_ratio: Real = share_field(
        "accepted_lines of total_additions, at most 1: lines that were moved count twice"
    )
    tools: StringList = field("Names that the notes give to the agent, sorted", null=False)


GIT_MARTS: dict[str, type[Table]] = {"mart_prompt_attribution": MartPromptAttribution}
