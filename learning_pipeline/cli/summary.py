"""What a person reads at the end of a command."""

import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

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


def landing_text(counts: Mapping[str, int], days: int) -> str:
    """Return the line accounting in words."""
    if not counts["files_changed"]:
        return f"landed: nothing new in {counts['files_scanned']:,} files"
    return (
        f"landed: {counts['lines_read']:,} lines of {counts['files_changed']:,} files, {counts['events']:,} events "
        f"on {days:,} days; {counts['duplicates']:,} duplicate, {counts['quarantined']:,} quarantined, "
        f"{counts['ignored']:,} ignored lines"
    )


def refresh_text(report: "RefreshReport", settings: "Settings", specs: Sequence["SourceSpec"]) -> str:
    """Return what a refresh did, where the result is, and what to try next."""
    lines = [landing_text(report.counts, len(report.days))]
    if report.days:
        lines.append(f"built:  {len(report.days):,} days, {report.days[0]} to {report.days[-1]}")
    if report.tables:
        lines.append(f"tables: {len(report.tables)} with {sum(report.tables.values()):,} rows")
    if report.router.get("version"):
        state = "in production" if report.router["promoted"] else report.router["reason"]
        lines.append(f"router: {report.router['version']} ({state})")
    elif report.router.get("reason"):
        lines.append(f"router: none, {report.router['reason']}")
    rows = report.publish.get("rows") or {}
    if report.publish.get("publish_id"):
        what = f"{sum(rows.values()):,} rows in {len(rows)} tables" if rows else "nothing new"
        lines.append(f"publish: {report.publish['publish_id']}, {what}")
    if report.unknown_fields:
        names = sorted(report.unknown_fields, key=lambda name: (-report.unknown_fields[name], name))
        more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
        lines.append(f"unknown fields and kinds, kept in mart_unknown_fields: {', '.join(names[:MAX_NAMES])}{more}")
    if report.unrecognised:
        names = [short_path(Path(path)) for path in report.unrecognised]
        more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
        lines.append(f"not read, since no source kind knows them: {', '.join(names[:MAX_NAMES])}{more}")
    lines.append(
        f"{report.seconds['total']:.1f} s; read: " + ", ".join(f"{s.kind}={short_path(s.path)}" for s in specs)
    )
    home = short_path(settings.home)
    option = "" if home == "data" else f" --home {home}"
    program = program_name()
    lines += [
        "",
        f"Marts: {short_path(report.marts_path)}",
        "Try next:",
        f"  {program} query --list{option}",
        f"  {program} query{option} leaderboard",
        f'  {program} query{option} --sql "select * from mart_usage_daily order by day desc limit 10"',
        f'  {program} route{option} "fix the failing test in the parser"',
        f"  {program} ui{option}",
    ]
    return "\n".join(lines)
