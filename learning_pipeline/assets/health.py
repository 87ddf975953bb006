"""Whether all is well: the laws and a few thresholds, asked of what is there now, without Dagster."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from learning_pipeline.assets import laws
from learning_pipeline.errors import PipelineError
from learning_pipeline.settings import Settings

OK, WARNING, CRITICAL = "ok", "warning", "critical"
QUARANTINE_WARNING_RATIO = 0.05


@dataclass(frozen=True)
class Finding:
    """The answer to one question."""

    name: str
    state: str
    summary: str
    numbers: dict[str, Any]


def worst(findings: list[Finding]) -> str:
    """Return the worst state."""
    states = {finding.state for finding in findings}
    return CRITICAL if CRITICAL in states else WARNING if WARNING in states else OK


def health(settings: Settings, now: datetime) -> list[Finding]:
    """Return the findings about a home directory, in a fixed order."""
    if not settings.marts_path.exists():
        return [Finding("marts", CRITICAL, f"{settings.marts_path} does not exist; run learning-pipeline refresh", {})]
    from learning_pipeline.lake.ledger import ledger
    from learning_pipeline.marts import reader

    lines = ledger(settings)
    asked: list[tuple[str, Callable[[], laws.Verdict]]] = [
        *((f"conservation of {source}", _conservation(lines, source)) for source in sorted(set(lines["source"]))),
        ("unknown_is_null", lambda: laws.unknown_is_null(reader.read(settings, "fct_executions"))),
        ("labels_observed", lambda: laws.labels_observed(reader.read(settings, "fct_executions"))),
        ("unpriced_is_null", lambda: laws.unpriced_is_null(reader.read(settings, "fct_llm_calls"))),
        ("database_complete", lambda: laws.database_complete(settings)),
        ("quarantine", lambda: quarantined_share(lines)),
        ("nothing_stale", lambda: _as_warning(laws.nothing_stale(settings))),
        ("lake_untouched", lambda: laws.lake_untouched(settings)),
        ("router_readable", lambda: laws.router_readable(settings)),
        ("refresh_complete", lambda: laws.refresh_complete(settings)),
        ("fresh", lambda: laws.fresh(settings, now)),
    ]
    found = []
    for name, question in asked:
        try:
            verdict = question()
        except PipelineError as error:  # what the question is about cannot be read
            verdict = laws.Verdict(False, str(error))
        state = OK if verdict.passed else WARNING if verdict.warning else CRITICAL
        found.append(Finding(name, state, verdict.summary, verdict.numbers))
    return found


def _conservation(lines: Any, source: str) -> Callable[[], laws.Verdict]:
    return lambda: laws.conservation(lines, source)


def _as_warning(verdict: laws.Verdict) -> laws.Verdict:
    return laws.Verdict(verdict.passed, verdict.summary, verdict.numbers, warning=True)


def quarantined_share(lines: Any) -> laws.Verdict:
    """No more than one line in twenty is in quarantine."""
    read, quarantined = int(lines["lines_read"].sum()), int(lines["quarantined"].sum())
    share = quarantined / read if read else 0.0
    return laws.Verdict(
        passed=share <= QUARANTINE_WARNING_RATIO,
        summary=f"{quarantined} of {read} lines are in quarantine",
        numbers={"lines_read": read, "quarantined": quarantined, "limit_ratio": QUARANTINE_WARNING_RATIO},
        warning=True,
    )
