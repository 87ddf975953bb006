"""The table of names: which field of a log is which column, and how its value is read."""

import re

from learning_pipeline.sources.in_house import values
from learning_pipeline.sources.in_house.errors import ERROR_NAMES
from learning_pipeline.sources.in_house.names import Field, Names, Row

_TABLE: tuple[Row, ...] = (
    ("execution_id", values.label, ("execution_id", "task_id", "run_id", "id", "frame_id"), ()),
    ("agent_name", values.label, ("agent_name", "agent", "selected_agent", "adapter"), ("agent_id", "pool_type")),
    ("agent_version", values.label, ("agent_version",), ()),
    ("agent_kind", values.label, ("agent_kind",), ()),
    ("started_at", values.time, ("started_at", "start_time", "execution_start"), ()),
    ("ended_at", values.time, ("ended_at", "end_time", "completed_at", "finished_at"), ()),
    ("written_at", values.time, (), ("timestamp", "timestamp_utc", "created_at")),
    ("reported_task_type", values.label, ("task_type", "reported_task_type"), ()),
    (
        "task_text",
        values.text,
        ("task_text", "task_description", "prompt", "user_request"),
        ("description",),
    ),
    ("model", values.model, ("model", "model_used", "agent_model", "model_id"), ()),
    ("provider", values.label, ("provider",), ()),
    ("model_tier", values.tier, ("model_tier",), ()),
    ("pool_type", values.label, ("pool_type",), ()),
    ("topology", values.label, ("topology", "swarm_topology"), ()),
    (
        "repository",
        values.repository,
        ("repository", "repo"),
        ("repo_path", "repository_path", "project_path", "workspace_ref"),
    ),
    ("branch", values.label, ("branch", "git_branch"), ()),
    (
        "working_dir",
        values.label,
        ("working_dir", "cwd"),
        ("repo_path", "repository_path", "project_path", "workspace_ref"),
    ),
    ("project", values.label, ("project",), ()),
    ("user_hash", values.user_hash, ("user_hash",), ("user_id", "user")),
    ("input_tokens", values.count, ("input_tokens", "prompt_tokens"), ()),
    ("output_tokens", values.count, ("output_tokens", "completion_tokens"), ()),
    ("cache_read_tokens", values.count, ("cache_read_tokens",), ()),
    ("cache_write_tokens", values.count, ("cache_write_tokens",), ()),
    ("reasoning_tokens", values.count, ("reasoning_tokens",), ()),
    ("total_tokens", values.count, ("tokens_used", "total_tokens"), ()),
    ("reported_cost_usd", values.money, ("cost_usd", "actual_cost", "computed_cost_usd", "reported_cost_usd"), ()),
    ("estimated_cost_usd", values.money, ("estimated_cost_usd", "cost_estimate"), ()),
    ("quality_score", values.share, ("quality_score", "score"), ()),
    ("confidence", values.share, ("confidence", "routing_confidence"), ()),
    ("complexity_score", values.share, ("complexity_score",), ()),
    ("user_rating", values.rating, ("user_rating", "rating"), ()),
    ("user_satisfaction", values.satisfaction, ("user_satisfaction",), ()),
    ("user_accepted", values.flag, ("user_accepted",), ()),
    ("exit_code", values.whole, ("exit_code",), ()),
    ("session_id", values.label, ("session_id",), ()),
    ("correlation_id", values.label, ("correlation_id",), ("trace_id",)),
    ("workflow_id", values.label, ("workflow_id",), ()),
    (
        "parent_execution_id",
        values.label,
        ("parent_execution_id", "parent_task_id", "parent_frame_id"),
        (),
    ),
    ("context_tokens", values.count, ("context_tokens", "context_size"), ()),
    ("files_changed", values.count, ("files_changed", "file_count"), ()),
    ("lines_added", values.count, ("lines_added",), ()),
    ("lines_removed", values.count, ("lines_removed",), ()),
    ("peak_memory_mb", values.megabytes, ("peak_memory_mb", "memory_usage_mb"), ()),
    ("cpu_time_ms", values.duration, ("cpu_time_ms", "cpu_time_seconds", "cpu_time_s"), ()),
    ("retries", values.count, ("retries", "retry_count"), ()),
    ("llm_calls", values.count, ("llm_calls",), ()),
    ("tool_calls", values.count, ("tool_calls",), ()),
    ("tool_errors", values.count, ("tool_errors",), ()),
    ("solution_summary", values.text, ("solution_summary",), ()),
)

# Fields that are read together, not one by one.
EVENT_NAMES = ("event", "event_type")
OUTCOME_NAMES = ("status", "outcome", "success", "result", "verdict", "passed")
AGENTS_NAMES = ("agents", "agents_invoked", "agent_sequence", "execution_sequence")
CHANGE_NAMES = ("delta", "tool_events")
_TOGETHER = (*EVENT_NAMES, *OUTCOME_NAMES, *ERROR_NAMES, *AGENTS_NAMES, *CHANGE_NAMES, "checks")

# A duration may be written under any of these names, in any unit that the last part of the name tells.
_DURATION = re.compile(
    r"(?:total_)?(?:execution_|task_|processing_)?(?:duration|time|latency|elapsed(?:_time)?|runtime|wall_time)_[a-z]+"
)

NAMES = Names(_TABLE, together=_TOGETHER, duration=(Field("duration_ms", values.duration), _DURATION))
