"""Reads a file of definitions of agents."""

import hashlib
import re
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from learning_pipeline.sources import normal
from learning_pipeline.sources.agent_definitions.documents import definitions, name_of
from learning_pipeline.sources.base import Line, Options, Parsed, Reject, key_of
from learning_pipeline.sources.families.flat import FLAT
from learning_pipeline.sources.in_house.events import Row, complete, frame, json_text
from learning_pipeline.sources.json_lines import LineError

KIND = "agent_definitions"
FAMILY = "agent_definitions"
MODE = "document"
# The file comes as one line, byte for byte: its digest is the definition's version.
WHOLE_FILE = True

# When it was changed, the first that is there.
_DATES = ("updated_at", "last_updated", "modified_at", "updated", "created_at", "created", "date")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
# Fields that are known; all others are kept in the definition, and counted by name.
_KNOWN = frozenset(
    ("name", "agent_name", "version", "agent_version", "agent_type", "type", "title", "domain", "model", "status",
     "capabilities", "activation_patterns", "activation_triggers", "triggers", "trigger_patterns", "tools",
     "description", "instructions", "color", *_DATES)
)  # fmt: skip
_IN_FRONT = re.compile(rb"\A(?:\xef\xbb\xbf)?---[ \t]*\r?\n(.*?)^---", re.DOTALL | re.MULTILINE)
_NAMED = re.compile(rb"^(?:- +)?(?:agent_)?name[ \t]*:[ \t]*\S", re.MULTILINE)
_ABOUT_AGENTS = re.compile(
    rb"^\s*(?:- +)?(?:capabilities|activation_patterns|activation_triggers)[ \t]*:", re.MULTILINE
)
_AGENT_FIELDS = re.compile(rb"^(?:description|tools|model)[ \t]*:", re.MULTILINE)
# A skill or a command has these, and is no agent.
_FOREIGN = re.compile(rb"^(?:allowed-tools|argument-hint|license)[ \t]*:", re.MULTILINE)


def sniff(head: bytes) -> bool:
    """Say whether a file begins like a definition: front matter with a name, or YAML with names and capabilities."""
    front = _IN_FRONT.match(head)
    if front is not None:
        top = front[1]
        return bool(_NAMED.search(top) and _AGENT_FIELDS.search(top)) and not _FOREIGN.search(top)
    if head.lstrip()[:1] in (b"{", b"[", b"<"):
        return False
    return bool(_ABOUT_AGENTS.search(head)) and bool(_NAMED.search(head) or re.search(rb"^agents[ \t]*:", head, re.M))


def parse(lines: Iterable[Line], options: Options) -> Parsed:
    """Read a file, which is its only line, into records of the family `agent_definitions`.

    A registry counts as one line for each agent that it holds; their number is their place in it.
    """
    parsed = Parsed()
    rows: list[Row] = []
    for line in lines:
        try:
            found = definitions(line.raw)
        except LineError as error:
            parsed.lines_read += 1
            parsed.rejects.append(Reject(line.number, line.offset, error.check, error.reason, line.raw, error.column))
            continue
        parsed.lines_read += max(len(found), 1)
        if not found:
            parsed.ignored["no_definition"] += 1
        digest = hashlib.sha256(line.raw).hexdigest()
        for place, definition in enumerate(found, line.number):
            try:
                row = _row(definition, digest if len(found) == 1 else None, options)
            except LineError as error:
                raw = line.raw if len(found) == 1 else str(definition).encode("utf-8", "replace")
                parsed.rejects.append(
                    Reject(place, line.offset, error.check, error.reason, raw, error.column, error.value)
                )
                continue
            row["source_line"] = place
            row["record_key"] = key_of(KIND, row["definition_hash"])
            if len(found) > 1:
                complete(FLAT[FAMILY], row, {"file_sha256": digest})
            else:
                complete(FLAT[FAMILY], row, {})
            rows.append(row)
            parsed.unknown.update(f"field:{name}" for name in definition if name not in _KNOWN)
    parsed.records = frame(FLAT[FAMILY], rows)
    return parsed


def _row(definition: Any, digest: str | None, options: Options) -> Row:
    """Return what a definition says; without the file's digest, its own is its version.

    Raises:
        LineError: it is no object, names no agent, or a field has another form.
    """
    if not isinstance(definition, dict):
        raise LineError("type", "a definition is not an object", "definition", definition)
    name = name_of(definition)
    if name is None:
        raise LineError("missing_field", "the definition names no agent", "agent_name")
    text = json_text(definition)
    patterns = _section(definition, "activation_patterns")
    triggers = _first(definition, "activation_triggers", "triggers")
    contexts = _first(definition, "trigger_patterns")
    model = _text(definition, "model")
    return {
        "definition_hash": digest or hashlib.sha256(text.encode()).hexdigest(),
        "agent_name": name,
        "agent_version": _text(definition, "agent_version", "version"),
        "agent_type": _text(definition, "agent_type", "type"),
        "title": _text(definition, "title"),
        "domain": _text(definition, "domain"),
        "model": normal.model(model) if model else None,
        "capabilities": _list("capabilities", _capabilities(definition.get("capabilities"))),
        "triggers": _list("triggers", patterns.get("explicit_triggers", triggers)),
        "trigger_patterns": _list("trigger_patterns", patterns.get("context_triggers", contexts)),
        "tools": _list("tools", definition.get("tools")),
        "status": _text(definition, "status"),
        "definition": text,
        "loaded_at": _changed_at(definition, options),
    }


def _changed_at(definition: Row, options: Options) -> datetime | None:
    """Return when the definition says that it was changed; a date is its first moment in UTC, and words are none."""
    value = _first(definition, *_DATES)
    if value is None:
        return None
    if isinstance(value, str) and _DAY.fullmatch(value.strip()):
        value = f"{value.strip()}T00:00:00Z"
    try:
        return normal.timestamp(value, options.naive_zone)
    except ValueError:
        return None


def _first(definition: Row, *names: str) -> Any:
    return next((definition[name] for name in names if definition.get(name) is not None), None)


def _section(definition: Row, name: str) -> Row:
    value = definition.get(name)
    return value if isinstance(value, dict) else {}


def _text(definition: Row, *names: str) -> str | None:
    value = _first(definition, *names)
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        value = str(value)
    if value is not None and not isinstance(value, str):
        raise LineError("type", f"{names[0]} is not a text", names[0], value)
    return (value.strip() or None) if value is not None else None


def _capabilities(value: Any) -> Any:
    """Return the primary capabilities; where none are called so, all that are listed."""
    if not isinstance(value, dict):
        return value
    if value.get("primary") is not None:
        return value["primary"]
    return [item for _, part in sorted(value.items()) for item in (part if isinstance(part, list) else [part])]


def _list(name: str, value: Any) -> str | None:
    """Return a list of names as JSON; a text is split at its commas, and of an object its name is taken.

    Raises:
        LineError: it is no list.
    """
    if value is None or value == "":
        return None
    if isinstance(value, str):
        value = value.split(",")
    if isinstance(value, dict):
        value = list(value)
    if not isinstance(value, list):
        raise LineError("type", f"{name} is not a list", name, value)
    found = []
    for item in value:
        if isinstance(item, dict):
            item = next((item[key] for key in ("name", "pattern", "trigger", "id") if item.get(key)), json_text(item))
        text = str(item).strip()
        if text:
            found.append(text)
    return json_text(found)
