"""Reads the fields of one object by the table of names."""

from typing import Any, NamedTuple

from learning_pipeline.sources.base import Options
from learning_pipeline.sources.in_house import values
from learning_pipeline.sources.in_house.names import Field, Names
from learning_pipeline.sources.json_lines import LineError


class Said(NamedTuple):
    """What one object says: by column, by the names that are read together, what has no column, and its names."""

    columns: dict[str, Any]
    together: dict[str, Any]
    attributes: dict[str, Any]
    unknown: list[str]


class Given(NamedTuple):
    """One field of an object."""

    name: str
    plain: str
    value: Any


def read_fields(line: dict[str, Any], names: Names, options: Options) -> Said:
    """Sort the fields into columns, fields that are read together, and attributes; name the unknown ones.

    Raises:
        LineError: a value is not what its column holds, or two names of one column disagree.
    """
    said: dict[str, Any] = {}
    source: dict[str, tuple[str, Any]] = {}
    weak: dict[str, dict[str, tuple[str, Any]]] = {}
    together: dict[str, Any] = {}
    attributes: dict[str, Any] = {}
    unknown: list[str] = []
    for (name, plain, column, convert, is_together, fields), value in zip(
        names.plan(tuple(line)), line.values(), strict=True
    ):
        if value is None:
            continue
        if convert is not None:
            try:
                found = convert(plain, value, options)
            except (TypeError, ValueError, OverflowError, ArithmeticError) as error:
                raise _line_error(column, plain, value, error) from error
            if found is not None:
                said[column] = found
        elif is_together:
            if together.get(plain, value) != value:
                raise LineError("alias_conflict", f"{plain} is given twice", plain, value)
            together[plain] = value
        elif fields:
            _read_shared(said, source, weak, Given(name, plain, value), fields, options)
        else:
            unknown.append(name)
            attributes[name] = value
    if weak:
        _read_weak(said, weak, attributes, names, options)
    return Said(said, together, attributes, unknown)


def _read_shared(
    said: dict[str, Any],
    source: dict[str, tuple[str, Any]],
    weak: dict[str, dict[str, tuple[str, Any]]],
    given: Given,
    fields: tuple[Field, ...],
    options: Options,
) -> None:
    """Read a field whose column another field tells too, or that counts only where no other does."""
    name, plain, value = given
    for field in fields:
        if field.weak:
            weak.setdefault(field.column, {})[plain] = (name, value)
            continue
        found = _convert(field, plain, value, options)
        if found is None:
            continue
        if field.column in said:
            found = _united(field.column, said[field.column], found, source[field.column], (plain, value))
        said[field.column] = found
        source[field.column] = (plain, value)


def _convert(field: Field, name: str, value: Any, options: Options) -> Any:
    try:
        return field.convert(name, value, options)
    except (TypeError, ValueError, OverflowError, ArithmeticError) as error:
        raise _line_error(field.column, name, value, error) from error


def _line_error(column: str, name: str, value: Any, error: Exception) -> LineError:
    words = str(error)
    if isinstance(error, TypeError):
        return LineError("type", words, column, value)
    reason = words if words.startswith(name) else f"{name}: {words}"
    return LineError(_check_name(words), reason, column, value)


def _check_name(reason: str) -> str:
    if "no time zone" in reason:
        return "naive_time"
    if "is not a number" in reason or "is not a time" in reason or "not yes or no" in reason:
        return "type"
    return "range"


def _united(column: str, first: Any, second: Any, before: tuple[str, Any], now: tuple[str, Any]) -> Any:
    names, raw = (before[0], now[0]), (before[1], now[1])
    if not values.agree(column, first, second, names, raw):
        raise LineError("alias_conflict", f"{names[0]} and {names[1]} disagree", column, f"{raw[0]!r} {raw[1]!r}")
    return second if values.finer(column, names, raw, first, second) else first


def _read_weak(
    said: dict[str, Any],
    weak: dict[str, dict[str, tuple[str, Any]]],
    attributes: dict[str, Any],
    names: Names,
    options: Options,
) -> None:
    """Fill columns that no strong name told; what is left of the weak ones is kept as an attribute."""
    for column, given in weak.items():
        for plain in names.weak_order[column]:
            if plain not in given:
                continue
            name, value = given[plain]
            field = next(field for field in names.fields_of(plain) if field.column == column)
            if column == "working_dir" and not _is_path(value):
                continue
            found = _convert(field, plain, value, options)
            if found is not None and column not in said:
                said[column] = found
            elif found != said.get(column) and column not in ("agent_name", "working_dir"):
                attributes[name] = value


def _is_path(value: Any) -> bool:
    return isinstance(value, str) and (value.startswith(("/", "~")) or value[1:3] == ":\\")
