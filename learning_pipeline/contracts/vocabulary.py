"""The closed vocabularies of the normal forms."""

from datetime import date

# The day of what has no time: a partition of its own, so that it counts on no day on which something happened.
UNDATED = date(1970, 1, 1)

OUTCOMES = ("success", "failure", "timeout", "interrupted", "abandoned", "partial", "open", "unknown")

SUCCESS_OF_OUTCOME: dict[str, bool | None] = {
    "success": True,
    "failure": False,
    "timeout": False,
    "interrupted": None,
    "abandoned": None,
    "partial": None,
    "open": None,
    "unknown": None,
}

# How much an outcome counts as a label, by the kind of evidence behind it.
LABEL_WEIGHTS: dict[str, float] = {
    "feedback": 1.0,
    "check": 1.0,
    "reported": 0.8,
    "git": 0.7,
    "tool_result": 0.5,
    "heuristic": 0.3,
    "none": 0.0,
}

ERROR_TYPES = (
    "timeout",
    "validation",
    "quality_gate",
    "rate_limit",
    "api",
    "network",
    "database",
    "tool",
    "permission",
    "crash",
    "interrupted",
    "unknown",
)

AGENT_KINDS = ("main", "subagent", "pool", "service", "git")
MODEL_TIERS = ("small", "medium", "large")
TOOL_KINDS = ("builtin", "mcp", "shell", "subagent", "skill")
TOOL_DECISIONS = ("accept", "reject")
GIT_EVENT_TYPES = ("commit", "amend", "rebase", "merge", "checkout", "push", "revert", "note")
TRANSFORMATION_EVENT_TYPES = ("start", "complete", "failed")
FEEDBACK_TYPES = ("rating", "positive", "neutral", "negative", "correction", "suggestion")
ISSUE_TYPES = ("wrong_model", "wrong_agent", "too_slow", "poor_quality", "other")
HEALTH_EVENT_TYPES = ("started", "stopped", "heartbeat", "error", "degraded", "recovered")

TASK_TYPES = (
    "bug_fix",
    "feature",
    "refactoring",
    "testing",
    "code_review",
    "documentation",
    "explanation",
    "exploration",
    "planning",
    "debugging",
    "performance",
    "security",
    "configuration",
    "data",
    "git",
    "other",
)
