"""Tells people what fired and what cleared, through Apprise: mail, Slack, a web hook, and a hundred others.

What is told is remembered only when it was delivered: a message that could not be sent is sent next time.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from learning_pipeline.errors import TransientError, UsageError
from learning_pipeline.watch import memory
from learning_pipeline.watch.memory import Change

MAX_LINES = 30
LEVELS = ("critical", "warning", "ok")


def message(changes: Sequence[Change], summaries: Mapping[str, str], host: str) -> tuple[str, str]:
    """Return title and text: what is worst stands first."""
    ordered = sorted(changes, key=lambda change: (LEVELS.index(change.state), change.name))
    counts = [(name, sum(change.state == name for change in changes)) for name in LEVELS]
    words = {"ok": "cleared"}
    title = ", ".join(f"{n} {words.get(name, name)}" for name, n in counts if n)
    lines = [
        f"{words.get(change.state, change.state)}: {change.name}: {summaries.get(change.name, 'is no longer there')}"
        for change in ordered[:MAX_LINES]
    ]
    if len(ordered) > MAX_LINES:
        lines.append(f"and {len(ordered) - MAX_LINES} more; learning-pipeline health shows all")
    return f"learning pipeline on {host}: {title}", "\n".join(lines)


def send(urls: Sequence[str], title: str, text: str, worst: str) -> None:
    """Send a message to all URLs.

    Raises:
        UsageError: a URL is none that Apprise knows; the message does not show it, as it may hold a password.
        TransientError: it could not be delivered to all.
    """
    import apprise

    kinds = {"critical": apprise.NotifyType.FAILURE, "warning": apprise.NotifyType.WARNING}
    sender = apprise.Apprise()
    for number, url in enumerate(urls, 1):
        if not sender.add(url):
            raise UsageError(f"notify_urls: number {number} is no URL that Apprise knows")
    if not sender.notify(body=text, title=title, notify_type=kinds.get(worst, apprise.NotifyType.SUCCESS)):
        raise TransientError("a notification could not be delivered to all; it is sent again next time")


def tell(
    path: Path, states: Mapping[str, str], summaries: Mapping[str, str], now: datetime, urls: Sequence[str], host: str
) -> list[Change]:
    """Send what has changed since it was told last, once, and remember it; return what was told.

    Raises:
        UsageError, TransientError: see `send`; then nothing is remembered.
    """
    after, changes = memory.advance(memory.load(path), states, now)
    if changes and urls:
        title, text = message(changes, summaries, host)
        worst = min((change.state for change in changes), key=LEVELS.index)
        send(urls, title, text, worst)
    memory.save(path, after)
    return changes
