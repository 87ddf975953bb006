"""Takes secrets and personal data out of words before anything is written.

Secrets are found by the detectors of detect-secrets; mail addresses and home directories by a pattern each.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Literal

import polars as pl

Mode = Literal["full", "redacted", "hash"]

_MAIL = re.compile(r"\b[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})*\.[A-Za-z]{2,24}\b")
_HOME = re.compile(r"(?:/home|/Users|[A-Za-z]:\\{1,2}Users)(?:/|\\{1,2})[^/\\\s\"'`:;,()<>|]+")
_HOME_POLARS = r"^(?:/home|/Users)/[^/]+"

# Every secret that a detector knows by its form has a run of these; a line without one need not be asked.
_LONG_RUN = re.compile(r"[A-Za-z0-9_\-+=]{16,}|BEGIN |PuTTY|://[^\s/]*:[^\s/]*@")
_KEYWORD = re.compile(r"(?i)pass|secret|token|api.?key|credential")
# The detector of passwords wants quotes, as in source code. Outside of it, a word of eight characters or more
# with a letter and a digit that is given to such a name is taken for one.
_ASSIGNED = re.compile(
    r"(?i)((?:pass(?:word|wd|phrase)?|secret|token|api[_-]?key|credentials?)[\"']?\s*[:=]\s*[\"']?)"
    r"(?!\[REDACTED)(?=[^\s\"',;&]*\d)(?=[^\s\"',;&]*[a-z])[^\s\"',;&]{8,}"
)

# Columns that hold a path or a program: only a home directory at their beginning is personal.
_PATHS = frozenset(("cwd", "file_path", "working_dir", "command_name"))
# Columns that hold what people and agents said: `hash` keeps none of it.
_WORDS = frozenset(("text", "task_text", "subject", "solution_summary", "comment", "attributes"))

# Detectors that are left out: public addresses are no secrets; the others name services that are gone, and
# match ordinary words of three letters before any long run.
_LEFT_OUT = frozenset(
    (
        "IPPublicDetector",
        "CloudantDetector",
        "IbmCloudIamDetector",
        "IbmCosHmacDetector",
        "SoftlayerDetector",
        "ArtifactoryDetector",
        "Base64HighEntropyString",
        "HexHighEntropyString",
    )
)


@cache
def _detectors() -> tuple[list[tuple[str, re.Pattern[str]]], Callable[[str], set[str]]]:
    """Return the patterns of known secrets, and a function that finds assigned passwords in a line."""
    from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
    from detect_secrets.plugins.base import RegexBasedDetector
    from detect_secrets.plugins.keyword import KeywordDetector

    patterns = []
    classes: dict[str, type] = get_mapping_from_secret_type_to_class()
    for name, detector in sorted(classes.items()):
        if issubclass(detector, RegexBasedDetector) and detector.__name__ not in _LEFT_OUT:
            label = name.lower().replace(" ", "-")
            patterns += [(label, pattern) for pattern in detector().denylist]
    keyword = KeywordDetector()

    def assigned(line: str) -> set[str]:
        return {value for value in keyword.analyze_string(line) if value}

    return patterns, assigned


def _without_secrets(line: str) -> str:
    if _LONG_RUN.search(line):
        for label, pattern in _detectors()[0]:
            line = pattern.sub(f"[REDACTED:{label}]", line)
    if ("=" in line or ":" in line) and _KEYWORD.search(line):
        for value in sorted(_detectors()[1](line), key=lambda value: (-len(value), value)):
            if not value.startswith("[REDACTED"):
                line = line.replace(value, "[REDACTED:password]")
        line = _ASSIGNED.sub(r"\1[REDACTED:password]", line)
    return line


def secrets_out(text: str) -> str:
    """Return the text with every secret that is found replaced by `[REDACTED:kind]`."""
    if not (_LONG_RUN.search(text) or _KEYWORD.search(text)):
        return text
    return "\n".join(_without_secrets(line) for line in text.split("\n"))


def personal_out(text: str) -> str:
    """Return the text with mail addresses as `[REDACTED:mail]` and home directories as `~`."""
    if "@" in text:
        text = _MAIL.sub("[REDACTED:mail]", text)
    return _HOME.sub("~", text)


def redact(text: str) -> str:
    """Return the text without secrets, mail addresses and home directories."""
    return personal_out(secrets_out(text))


def redact_columns(frame: pl.DataFrame, columns: tuple[str, ...], mode: Mode) -> pl.DataFrame:
    """Redact text columns. The hash of a task's text has its own column, made from the text as it was.

    `full` keeps everything but secrets, `redacted` also takes out mail addresses and home directories, and
    `hash` keeps no text at all (paths and program names are redacted).
    """
    changes = []
    for name in (name for name in columns if name in frame.columns):
        if name in _PATHS:
            if mode != "full":
                changes.append(pl.col(name).str.replace(_HOME_POLARS, "~").alias(name))
        elif mode == "hash" and name in _WORDS:
            changes.append(pl.lit(None, dtype=pl.String).alias(name))
        else:
            words = frame[name].unique().drop_nulls()
            clean = secrets_out if mode == "full" else redact
            mended = {word: done for word in words if (done := clean(word)) != word}
            if mended:
                changes.append(pl.col(name).replace(mended).alias(name))
    return frame.with_columns(changes) if changes else frame


def redact_records(
    records: Mapping[str, pl.DataFrame], columns: tuple[str, ...], mode: Mode
) -> dict[str, pl.DataFrame]:
    """Redact the text columns of records of all kinds."""
    return {kind: redact_columns(frame, columns, mode) for kind, frame in records.items()}
