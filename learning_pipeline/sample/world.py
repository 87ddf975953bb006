"""The world that the sample's logs tell of: agents, models, repositories, and how good who is at what.

This is the planted truth. What a landing, a mart or a router finds in the sample can be held against it.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Model:
    """A model: USD per million tokens, output tokens a second, and what it adds to the chance of success."""

    name: str
    provider: str
    input_usd: float
    output_usd: float
    tokens_per_second: float
    bonus: float


@dataclass(frozen=True)
class Agent:
    """An agent, the models that it runs with, and its chance of success per task type."""

    name: str
    models: tuple[tuple[str, float], ...]
    success: dict[str, float]
    minutes: float  # usual duration with a model of 80 tokens a second
    pool: str | None = None

    def rate(self, task_type: str, model: str) -> float:
        """Return the planted probability that it succeeds."""
        return min(0.98, max(0.02, self.success[task_type] + MODELS[model].bonus))


@dataclass(frozen=True)
class Repository:
    """A repository: its name, where it is checked out, its main branch, its language and its parts."""

    name: str
    path: str
    main_branch: str
    suffix: str
    parts: tuple[str, ...]


MODELS = {
    model.name: model
    for model in (
        Model("claude-opus-4-6", "anthropic", 5, 25, 60, 0.06),
        Model("claude-opus-4-8", "anthropic", 5, 25, 65, 0.07),
        Model("claude-sonnet-4-5-20250929", "anthropic", 3, 15, 80, 0.0),
        Model("claude-sonnet-5", "anthropic", 2, 10, 95, 0.03),
        Model("claude-haiku-4-5-20251001", "anthropic", 1, 5, 150, -0.08),
        Model("gpt-5-mini", "openai", 0.25, 2, 120, -0.05),
        Model("gemini-2.5-pro", "google", 1.25, 10, 90, 0.01),
        # A model that no public price list knows.
        Model("inhouse-coder-1", "inhouse", 0.1, 0.4, 200, -0.12),
    )
}

# Chance of each kind of task in a prompt.
TASK_TYPES = (
    ("bug_fix", 0.2),
    ("feature", 0.17),
    ("refactoring", 0.1),
    ("testing", 0.11),
    ("code_review", 0.08),
    ("documentation", 0.09),
    ("exploration", 0.08),
    ("debugging", 0.07),
    ("performance", 0.05),
    ("configuration", 0.05),
)
TASK_TYPE_NAMES = tuple(name for name, _ in TASK_TYPES)


def _rates(*percent: int) -> dict[str, float]:
    return {name: value / 100 for name, value in zip(TASK_TYPE_NAMES, percent, strict=True)}


#                             bug feat refa test revi docs expl debu perf conf
MAIN = Agent(
    "claude-code",
    (("claude-opus-4-8", 0.3), ("claude-sonnet-5", 0.3), ("claude-opus-4-6", 0.2), ("claude-sonnet-4-5-20250929", 0.2)),
    _rates(82, 76, 85, 84, 88, 93, 94, 66, 58, 80),
    4.0,
)

SUBAGENTS = {
    agent.name: agent
    for agent in (
        Agent("Explore", (("claude-haiku-4-5-20251001", 1.0),), _rates(*([90] * 10)), 1.2),
        Agent("reviewer", (("claude-sonnet-5", 0.6), ("claude-sonnet-4-5-20250929", 0.4)), _rates(*([85] * 10)), 1.6),
        Agent("test-writer", (("claude-sonnet-5", 0.7), ("claude-haiku-4-5-20251001", 0.3)), _rates(*([72] * 10)), 2.2),
    )
}

# Chance that a prompt of a kind makes the main agent start this sub-agent.
DELEGATION: dict[str, tuple[tuple[str, float], ...]] = {
    "bug_fix": (("Explore", 0.18), ("test-writer", 0.06)),
    "feature": (("Explore", 0.2), ("test-writer", 0.12), ("reviewer", 0.06)),
    "refactoring": (("reviewer", 0.14), ("Explore", 0.1)),
    "testing": (("test-writer", 0.4),),
    "code_review": (("reviewer", 0.55),),
    "exploration": (("Explore", 0.6),),
    "debugging": (("Explore", 0.2),),
    "performance": (("Explore", 0.12),),
    "documentation": (("Explore", 0.08),),
    "configuration": (),
}

POOL_AGENTS = {
    agent.name: agent
    for agent in (
        Agent(
            "python-specialist",
            (("claude-sonnet-5", 0.4), ("claude-haiku-4-5-20251001", 0.3), ("gpt-5-mini", 0.3)),
            _rates(88, 80, 84, 78, 62, 55, 64, 76, 70, 48),
            2.5,
            "code",
        ),
        Agent(
            "frontend-builder",
            (("claude-sonnet-5", 0.4), ("gemini-2.5-pro", 0.4), ("gpt-5-mini", 0.2)),
            _rates(64, 89, 71, 52, 50, 60, 58, 47, 42, 55),
            3.2,
            "code",
        ),
        Agent(
            "test-runner",
            (("claude-haiku-4-5-20251001", 0.5), ("gpt-5-mini", 0.3), ("inhouse-coder-1", 0.2)),
            _rates(58, 45, 50, 94, 70, 42, 66, 72, 55, 62),
            1.5,
            "quality",
        ),
        Agent(
            "doc-writer",
            (("gemini-2.5-pro", 0.5), ("claude-haiku-4-5-20251001", 0.3), ("inhouse-coder-1", 0.2)),
            _rates(30, 34, 32, 36, 60, 96, 82, 30, 25, 52),
            1.1,
            "text",
        ),
        Agent(
            "infra-operator",
            (("claude-sonnet-5", 0.5), ("gemini-2.5-pro", 0.5)),
            _rates(60, 50, 46, 55, 58, 57, 68, 80, 86, 94),
            2.0,
            "operations",
        ),
        Agent(
            "generalist",
            (("claude-sonnet-5", 0.4), ("gpt-5-mini", 0.3), ("inhouse-coder-1", 0.3)),
            _rates(68, 66, 68, 68, 68, 70, 72, 66, 62, 68),
            2.4,
            "code",
        ),
    )
}

REPOSITORIES = (
    Repository(
        "orchard-api",
        "/home/dev/work/orchard-api",
        "main",
        "py",
        ("orders", "billing", "catalogue", "auth", "webhooks", "search", "inventory", "reports"),
    ),
    Repository(
        "tidal-web",
        "/home/dev/work/tidal-web",
        "main",
        "ts",
        ("checkout", "dashboard", "settings", "navigation", "charts", "profile", "upload", "calendar"),
    ),
    Repository(
        "ferry-infra",
        "/home/dev/work/ferry-infra",
        "trunk",
        "yaml",
        ("deploy", "monitoring", "backup", "network", "secrets", "queues", "images", "cluster"),
    ),
    Repository(
        "lumen-etl",
        "/home/dev/work/lumen-etl",
        "main",
        "py",
        ("loader", "parser", "scheduler", "exports", "partitions", "catalog", "quality", "snapshots"),
    ),
)

AUTHORS = (
    ("Robin Example", "robin@example.com"),
    ("Kim Example", "kim@example.com"),
    ("Sam Example", "Sam@Example.com"),
)
