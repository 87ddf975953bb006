"""Names of what is made in PostgreSQL, and the contracts of its tables."""

from dataclasses import dataclass

from learning_pipeline.contracts import published
from learning_pipeline.contracts.base import Table, column_comments, description
from learning_pipeline.contracts.facts import FctExecutions
from learning_pipeline.contracts.routing import RoutingRecommendations

SCHEMA = "enhanced_learning"
INTERNAL = "enhanced_learning_internal"
VERSION_TABLE = "schema_version"
OWNER, PUBLISHER, READER = ROLES = ("learning_owner", "learning_publisher", "learning_reader")
DIMENSIONS = 512
MIN_PGVECTOR = (0, 8, 0)  # The first with iterative index scans.

TABLES: dict[str, type[Table]] = {
    "executions": FctExecutions,
    "agent_metrics": published.AgentMetrics,
    "agent_definitions": published.AgentDefinitionVersions,
    "agent_transformation_events": published.AgentTransformationEvents,
    "router_performance_metrics": published.RouterPerformanceMetrics,
    "routing_recommendations": RoutingRecommendations,
    "learning_analytics": published.LearningAnalytics,
    "ml_models": published.MlModels,
    "ml_predictions": published.MlPredictions,
    "ml_feature_store": published.MlFeatureStore,
    "performance_baselines": published.PerformanceBaselines,
    "alerts": published.Alerts,
    "audit_log": published.AuditLog,
    "publishes": published.Publishes,
    "retention": published.Retention,
}

EXECUTIONS, METRICS = "executions", "agent_metrics"


@dataclass(frozen=True)
class Loading:
    """How a table is loaded.

    by_day: it is loaded in parts of one day; else whole. key: rows are matched by this column, so that equal ones
    are not written again; without one, the rows of a part are taken out and put in anew.
    """

    by_day: bool = False
    key: str | None = None


# All that is loaded in parts. agent_metrics are made in the database, of executions.
LOADED: dict[str, Loading] = {
    EXECUTIONS: Loading(by_day=True, key="execution_id"),
    "agent_definitions": Loading(),
    "agent_transformation_events": Loading(by_day=True, key="event_id"),
    "router_performance_metrics": Loading(by_day=True, key="decision_id"),
    "routing_recommendations": Loading(),
    "learning_analytics": Loading(by_day=True),
    "ml_models": Loading(),
    "ml_predictions": Loading(by_day=True, key="prediction_id"),
    "ml_feature_store": Loading(),
    "performance_baselines": Loading(),
    "alerts": Loading(),
}
COUNTED = (*LOADED, METRICS)

JSON_COLUMNS = frozenset({"attributes", "definition", "alternatives", "metadata", "parameters", "metrics", "detail"})


def comments() -> dict[str, tuple[str, dict[str, str]]]:
    """Return each table's comment and its columns' comments."""
    return {name: (description(table), column_comments(table)) for name, table in TABLES.items()}
