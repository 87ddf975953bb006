"""Whether all is well: the laws, the alert rules and a few thresholds, asked of what is there now, without Dagster."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from learning_pipeline.assets import broken, laws
from learning_pipeline.errors import PipelineError
from learning_pipeline.settings import Settings
from learning_pipeline.watch import live, memory

OK, WARNING, CRITICAL = "ok", "warning", "critical"
QUARANTINE_WARNING_RATIO = 0.05
MEMORY_NAME = "health.json"


@dataclass(frozen=True)
class Finding:
    """The answer to one question."""

    name: str
    state: str
    summary: str
    numbers: dict[str, Any]
    since: str | None = None  # since when it stands so, UTC; None where nobody has noted it


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
    return [*found, *of_sources(broken.load(settings)), *of_machine(settings), *of_alerts(alerts(settings))]


def memory_path(settings: Settings) -> Path:
    """Return the file that remembers since when findings stand as they do."""
    return settings.home / MEMORY_NAME


def remembered(settings: Settings, findings: list[Finding], now: datetime) -> tuple[list[Finding], list[memory.Change]]:
    """Add since when each finding stands so, note it, and return what has changed since it was noted last.

    Raises:
        PipelineError: it cannot be noted.
    """
    path = memory_path(settings)
    after, changes = memory.advance(memory.load(path), {finding.name: finding.state for finding in findings}, now)
    memory.save(path, after)
    return dated(findings, after), changes


def dated(findings: list[Finding], standings: memory.Standings) -> list[Finding]:
    """Add since when each finding stands so, where that was noted and is not known better."""
    return [
        replace(one, since=standings[one.name].since)
        if one.since is None and one.name in standings and standings[one.name].state == one.state
        else one
        for one in findings
    ]


def alerts(settings: Settings) -> list[dict[str, Any]]:
    """Return the rows of mart_alert; none where the marts cannot be read, which other findings tell."""
    from learning_pipeline.marts import reader

    if not settings.marts_path.exists():
        return []
    try:
        return reader.read(settings, "mart_alert").sort("rule", "subject").collect().to_dicts()
    except PipelineError:
        return []


def of_alerts(rows: list[dict[str, Any]]) -> list[Finding]:
    """Return a finding for each alert that is not ok, and one on all rules together."""
    raised = [row for row in rows if row["state"] != OK]
    rules = len({row["rule"] for row in rows})
    known = {"rules": rules, "subjects": len(rows), "raised": len(raised)}
    summary = f"{len(raised)} of {rules} alert rules on {len(rows)} subjects are raised"
    found = [Finding("alert_rules", OK, summary, known)]
    for row in raised:
        numbers = {name: row[name] for name in ("rule", "subject", "value", "threshold", "unit", "n", "for_hours")}
        since = row["since"].isoformat() if row["since"] else None
        found.append(Finding(f"{row['rule']} of {row['subject']}", row["state"], row["message"], numbers, since))
    return found


def of_sources(unread: Mapping[str, Sequence[str]]) -> list[Finding]:
    """Return a finding for each source of which the last landing could not read something, and one on all."""
    found = [Finding("sources", OK, f"{len(unread)} sources could not be read", {"broken": len(unread)})]
    for kind, why in sorted(unread.items()):
        found.append(Finding(f"source {kind}", CRITICAL, broken.summary(why), {"unreadable": len(why)}))
    return found


def of_machine(settings: Settings) -> list[Finding]:
    """Return the findings of the rules on the machine."""
    return [
        Finding(one.rule.name, one.state, one.message, {"value": one.value, "unit": one.rule.unit})
        for one in live.measured(settings.home)
    ]


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
