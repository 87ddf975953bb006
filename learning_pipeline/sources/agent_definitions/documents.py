"""From the bytes of a file to the definitions that it holds."""

import re
from decimal import Decimal, InvalidOperation
from typing import Any

import yaml

from learning_pipeline.sources.json_lines import LineError

MAX_BYTES = 4 * 1024 * 1024
# A file that has more values, written out, is not a definition but a trap of references to references.
_MAX_VALUES = 100_000
_MAX_DEPTH = 64
_MAX_MERGED = 10_000

_FRONT_MATTER = re.compile(r"\A---[ \t]*\r?\n(.*?)^(?:---|\.\.\.)[ \t]*\r?$\n?", re.DOTALL | re.MULTILINE)
_PLAIN_FIELD = re.compile(r"([A-Za-z][\w-]*)[ \t]*:[ \t]*(.*?)[ \t]*\r?")
_LIKE_A_DEFINITION = re.compile(r"^(?:- +)?(?:agent_)?(?:name|agents?)[ \t]*:", re.MULTILINE)
# An entry of a registry of names has at least one of these.
_MARKS = frozenset(
    ("capabilities", "activation_patterns", "activation_triggers", "triggers", "description", "model", "tools",
     "version", "domain", "title")
)  # fmt: skip


class _Loader(yaml.SafeLoader):
    """Reads what is safe, numbers as they are written (a version 1.10 is not 1.1), and times as texts."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        super().flatten_mapping(node)
        if len(node.value) > _MAX_MERGED:
            raise yaml.constructor.ConstructorError(None, None, "too much is merged into one mapping", node.start_mark)


def _as_written(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> Any:
    text = str(loader.construct_scalar(node))
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text
    return number if number.is_finite() else text


_Loader.add_constructor("tag:yaml.org,2002:float", _as_written)
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def definitions(raw: bytes) -> list[Any]:
    """Return the definitions in a file, each what its author wrote; none where it is something else.

    The text of a Markdown file is its field `instructions`. An entry may be something else than an object.

    Raises:
        LineError: it is too large, not UTF-8, or looks like a definition and cannot be read.
    """
    if len(raw) > MAX_BYTES:
        raise LineError("too_long", f"the file has more than {MAX_BYTES // 2**20} MiB")
    try:
        text = raw.decode("utf-8-sig").replace("\x00", "")
    except UnicodeDecodeError as error:
        raise LineError("utf8", f"the file is not UTF-8: {error.reason} at byte {error.start}") from error
    front = _FRONT_MATTER.match(text)
    try:
        documents = _load(text)
    except ValueError as error:
        if front is not None:
            return [_markdown(front[1], text[front.end() :])]
        if _LIKE_A_DEFINITION.search(text):
            raise LineError("yaml", f"not valid YAML: {error}") from error
        return []
    found = [entry for document in documents for entry in _entries(document)]
    if front is not None and len(found) < len(documents):
        return [_markdown(front[1], text[front.end() :])]
    return found


def _markdown(front: str, body: str) -> dict[str, Any]:
    """Return the definition of a Markdown file. Front matter is often no YAML: then it is read line by line."""
    try:
        (fields,) = _load(front)
    except ValueError:
        fields = {match[1]: match[2] for line in front.split("\n") if (match := _PLAIN_FIELD.fullmatch(line))}
    if not isinstance(fields, dict):
        fields = {}
    return {**fields, "instructions": body.strip()} if body.strip() else fields


def _entries(value: Any) -> list[Any]:
    """Return the definitions of a YAML document: it is one, or it lists or names several."""
    if isinstance(value, list):
        return value if any(isinstance(item, dict) and name_of(item) for item in value) else []
    if not isinstance(value, dict):
        return []
    if name_of(value):
        return [value]
    if isinstance(value.get("agent"), dict):
        return [value["agent"]]
    agents = value.get("agents")
    if isinstance(agents, list):
        return agents
    named = agents if isinstance(agents, dict) else value
    if named and all(isinstance(item, dict) and _MARKS & item.keys() for item in named.values()):
        return [{"name": name, **item} for name, item in named.items()]
    return []


def name_of(definition: dict[str, Any]) -> str | None:
    """Return the name of the agent that a definition is of."""
    found = next((definition[name] for name in ("agent_name", "name") if definition.get(name)), None)
    return found.strip() or None if isinstance(found, str) else None


def _load(text: str) -> list[Any]:
    """Return the documents of a YAML text, with texts as keys.

    Raises:
        ValueError: it is not YAML, or its references unfold into too much.
    """
    try:
        documents = list(yaml.load_all(text, _Loader))
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())[:300]) from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    left = [_MAX_VALUES]
    return [_plain(document, left, 0) for document in documents if document is not None]


def _plain(value: Any, left: list[int], depth: int) -> Any:
    left[0] -= 1
    if left[0] < 0 or depth > _MAX_DEPTH:
        raise ValueError("it is too large, or refers to itself")
    if isinstance(value, dict):
        return {str(key): _plain(item, left, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(item, left, depth + 1) for item in (sorted(value, key=str) if isinstance(value, set) else value)]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value
