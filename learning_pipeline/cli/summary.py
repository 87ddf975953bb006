"""What a person reads at the end of a command."""

import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from learning_pipeline.contracts.vocabulary import UNDATED

if TYPE_CHECKING:
    from learning_pipeline.assets.refresh import RefreshReport
    from learning_pipeline.settings import Settings, SourceSpec

MAX_NAMES = 8


def short_path(path: Path) -> str:
    """Return the path from the working directory where that is shorter."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def program_name() -> str:
    """Return what to type to run this program again: its name, or its path where the name is not found."""
    name = "learning-pipeline"
    started = Path(sys.argv[0])
    if started.name != name or shutil.which(name) is not None:
        return name
    return short_path(started)


def counted(n: int, what: str) -> str:
    """Return a number with its noun."""
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def landing_text(counts: Mapping[str, int], days: int) -> str:
    """Return the line accounting in words."""
    if not counts["files_changed"]:
        return f"landed: nothing new in {counted(counts['files_scanned'], 'file')}"
    return (
        f"landed: {counted(counts['lines_read'], 'line')} of {counted(counts['files_changed'], 'file')}: "
        f"{counted(counts['events'], 'event line')} on {counted(days, 'day')}, {counts['duplicates']:,} duplicate, "
        f"{counts['quarantined']:,} quarantined, {counts['ignored']:,} ignored"
    )


def unknown_text(unrecognised: Sequence[str]) -> str:
    """Return the line that names files of no known kind."""
    names = [short_path(Path(path)) for path in unrecognised]
    return f"not read, since no source kind knows them: {_some(names)}"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    return f"{', '.join(names[:MAX_NAMES])}{more}"


def why_not(version: str | None, reason: str) -> str:
    """Return the reason without the version, which stands before it."""
    return reason.rpartition(f"version {version}: ")[2]


def _router_text(router: Mapping[str, Any], production: str | None) -> str:
    version, reason = router.get("version"), str(router.get("reason"))
    if not version:
        return f"router: none, {reason}"
    if version == production:
        return f"router: {version} (in production)"
    other = f"; {production} is" if production else ""
    why = "" if reason == "nothing new" else f": {why_not(version, reason)}"
    return f"router: {version} (not in production{why}{other})"


def _production(settings: "Settings") -> str | None:
    from learning_pipeline.routing.registry import current

    found = current(settings)
    return found.version if found else None


def _days_text(days: Sequence[date]) -> str:
    """Say which days were built. The day of what has no time is none."""
    dated = [day for day in days if day != UNDATED]
    parts = []
    if dated:
        last = f" to {dated[-1]}" if len(dated) > 1 else ""
        parts.append(f"{counted(len(dated), 'day')}, {dated[0]}{last}")
    if len(dated) < len(days):
        parts.append("what has no time")
    return ", and ".join(parts)


def refresh_text(report: "RefreshReport", settings: "Settings", specs: Sequence["SourceSpec"]) -> str:
    """Return what a refresh did, where the result is, and what to try next."""
    from learning_pipeline.assets.inputs import without_files
    from learning_pipeline.report.write import page_path

    production = _production(settings)
    lines = [landing_text(report.counts, len(report.days))]
    if report.days:
        lines.append(f"built:  {_days_text(report.days)}")
    if report.tables:
        lines.append(f"tables: {len(report.tables)} with {counted(sum(report.tables.values()), 'row')}")
    if report.router:
        lines.append(_router_text(report.router, production))
    rows = report.publish.get("rows") or {}
    if report.publish.get("publish_id"):
        what = f"{counted(sum(rows.values()), 'row')} in {counted(len(rows), 'table')}" if rows else "nothing new"
        lines.append(f"publish: {report.publish['publish_id']}, {what}")
    if report.unknown_fields:
        names = sorted(report.unknown_fields, key=lambda name: (-report.unknown_fields[name], name))
        lines.append(f"unknown fields and kinds, kept in mart_unknown_fields: {_some(names)}")
    if report.unrecognised:
        lines.append(unknown_text(report.unrecognised))
    empty = [f"{spec.kind}={short_path(spec.path)}" for spec in without_files(settings, specs)]
    if empty:
        lines.append(f"no file that could be read in: {_some(empty)}")
    quarantined = report.counts["quarantined"]
    if quarantined:
        be = "is" if quarantined == 1 else "are"
        lines.append(f"{counted(quarantined, 'line')} {be} in quarantine: see query rejected")
    lines.append(
        f"{report.seconds['total']:.1f} s; read: " + ", ".join(f"{s.kind}={short_path(s.path)}" for s in specs)
    )
    home = short_path(settings.home)
    option = "" if home == "data" else f" --home {shlex.quote(home)}"
    program = shlex.quote(program_name())
    router = " --router latest" if report.router.get("version") and not production else ""
    lines += [
        "",
        f"Marts: {short_path(report.marts_path)}",
        f"Page:  {short_path(page_path(settings))}",
        "Try next:",
        f"  {program} query --list{option}",
        f"  {program} query{option} leaderboard",
        f'  {program} query{option} --sql "select * from mart_usage_daily order by day desc limit 10"',
        f'  {program} route{option}{router} "fix the failing test in the parser"',
        f"  {program} ui{option}",
    ]
    return "\n".join(lines)
