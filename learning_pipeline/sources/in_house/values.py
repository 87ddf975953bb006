"""One value of a log in the normal form of its column. All raise ValueError for a value that has none."""

import hashlib
import math
import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from learning_pipeline.sources import normal
from learning_pipeline.sources.base import Options
from learning_pipeline.sources.remember import remembered
from learning_pipeline.sources.times import duration_us, milliseconds_of, unit_of

# (the field's name, its value, what the configuration says) -> the value, None where it says nothing.
Convert = Callable[[str, Any, Options], Any]

# The scale of a rating where nothing else is said.
FIVE = (1.0, 5.0)

_PLAIN_NUMBERS = (int, float)
_WORDS_OF_TRUE = frozenset(("true", "yes", "y", "1", "accepted", "accept", "approved", "positive"))
_WORDS_OF_FALSE = frozenset(("false", "no", "n", "0", "rejected", "reject", "declined", "denied", "negative"))


def text(name: str, value: Any, options: Options) -> str | None:
    """Words: a text, or a number as a text; nothing for an empty one."""
    if isinstance(value, str):
        return value if value and not value.isspace() else None
    if isinstance(value, _PLAIN_NUMBERS) and not isinstance(value, bool):
        return str(value)
    raise TypeError(f"{name} is not a text")


def label(name: str, value: Any, options: Options) -> str | None:
    """A name or an id: like a text, without blanks around it and without words for nothing."""
    found = value if type(value) is str else text(name, value, options)
    if found is None:
        return None
    found = found.strip()
    # A longer name cannot be such a word: no need to write it in lower case.
    if len(found) > normal.LONGEST_NULL_WORD:
        return found
    return None if not found or normal.is_null_word(found.lower()) else found


def time(name: str, value: Any, options: Options) -> datetime | None:
    if isinstance(value, str) and not value.strip():
        return None
    return normal.timestamp(value, UTC if name.endswith("_utc") else options.naive_zone)


def duration(name: str, value: Any, options: Options) -> int:
    return normal.duration_ms(name, value)


def microseconds(name: str, value: Any, options: Options) -> int:
    return duration_us(name, value)


def count(name: str, value: Any, options: Options) -> int:
    """A count; of a list, its length."""
    return len(value) if isinstance(value, list) else normal.integer(value)


def whole(name: str, value: Any, options: Options) -> int:
    return normal.integer(value, least=-(2**31), most=2**32)


def money(name: str, value: Any, options: Options) -> Decimal:
    return normal.usd(name, value)


def share(name: str, value: Any, options: Options) -> float:
    if type(value) is float and 0 <= value <= 1 and name not in options.scales:
        return value
    return normal.ratio(value, scale=options.scales.get(name, (0, 1)))


def percent(name: str, value: Any, options: Options) -> float:
    """A share: of 100 where the name says so, else of 1."""
    return normal.ratio(value, scale=(0, 100) if name.endswith(("_percent", "_pct")) else (0, 1))


def rating(name: str, value: Any, options: Options) -> float:
    """A mark on the scale that the configuration gives, by default from 1 to 5, on the scale from 1 to 5."""
    return on_five(value, options.scales.get(name, FIVE))


def on_five(value: Any, scale: tuple[float, float]) -> float:
    """Return a mark on any scale on the scale from 1 to 5.

    Raises:
        ValueError: it is not a number on its scale.
    """
    if scale == FIVE:
        return normal.number(value, least=1, most=5)
    return round(1 + 4 * normal.ratio(value, scale=scale), 6)


def satisfaction(name: str, value: Any, options: Options) -> float:
    """A mark from 1 to 10, or as the configuration says, on the scale from 1 to 5."""
    return on_five(value, options.scales.get(name, (1.0, 10.0)))


def megabytes(name: str, value: Any, options: Options) -> float:
    return normal.number(value, least=0)


def flag(name: str, value: Any, options: Options) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower() if isinstance(value, str | int) else ""
    if word in _WORDS_OF_TRUE or word in _WORDS_OF_FALSE:
        return word in _WORDS_OF_TRUE
    raise ValueError(f"{name} is not yes or no")


def model(name: str, value: Any, options: Options) -> str | None:
    if not isinstance(value, str):
        raise TypeError(f"{name} is not a text")
    return _model(value)


# Models, repositories and users are few, and each is told by many lines.
_model = remembered(normal.model)


def tier(name: str, value: Any, options: Options) -> str | None:
    found = label(name, value, options)
    return None if found is None else normal.tier(found)


def repository(name: str, value: Any, options: Options) -> str | None:
    """The repository's own name, out of a name with its owner, a path or a URL."""
    found = label(name, value, options)
    return None if found is None else base_name(found)


@remembered
def base_name(path: str) -> str | None:
    """Return the last part of a path, on any system, or of a URL, without `.git`."""
    if re.match(r"[A-Za-z]:\\|\\\\", path):
        path = PureWindowsPath(path).as_posix()
    elif re.match(r"[\w.-]+@[\w.-]+:", path):
        path = path.replace(":", "/", 1)
    return PurePosixPath(path).name.removesuffix(".git") or None


def user_hash(name: str, value: Any, options: Options) -> str | None:
    """A hash that tells users apart and does not name them; one that the log made itself is kept."""
    found = label(name, value, options)
    if found is None or name.endswith("_hash"):
        return found
    return _user_hash(found)


@remembered
def _user_hash(user: str) -> str:
    return hashlib.sha256(user.lower().encode()).hexdigest()[:16]


def agree(column: str, first: Any, second: Any, names: tuple[str, str], raw: tuple[Any, Any]) -> bool:
    """Say whether two spellings of one column mean the same, up to the precision in which they were written."""
    if first == second:
        return True
    if isinstance(first, datetime) and isinstance(second, datetime):
        step = max(_time_step(first), _time_step(second))
        return abs((first - second).total_seconds()) < step
    if column.endswith(("_ms", "_us")):
        step = max(_duration_step(column, name, value) for name, value in zip(names, raw, strict=True))
        return abs(first - second) < step
    if column == "model":
        return normal.model_family(first) == normal.model_family(second)
    if isinstance(first, float | Decimal):
        return math.isclose(first, second, rel_tol=1e-9)
    return False


def finer(column: str, names: tuple[str, str], raw: tuple[Any, Any], first: Any, second: Any) -> bool:
    """Say whether the second of two spellings that agree is written more precisely than the first."""
    if isinstance(first, datetime):
        return _time_step(second) < _time_step(first)
    if column.endswith(("_ms", "_us")):
        return _duration_step(column, names[1], raw[1]) < _duration_step(column, names[0], raw[0])
    if column == "model":
        return (len(second), second) > (len(first), first)
    return False


def _time_step(time: datetime) -> float:
    if time.microsecond == 0:
        return 1.0
    return 0.001 if time.microsecond % 1000 == 0 else 0.000001


def _duration_step(column: str, name: str, value: Any) -> float:
    """Return the smallest step, in the column's unit, of a duration as it is written; never less than one."""
    written = Decimal(str(value))
    exponent = written.as_tuple().exponent
    step = Decimal(1).scaleb(min(int(exponent), 0))
    per_unit = milliseconds_of(unit_of(name)) * (1000 if column.endswith("_us") else 1)
    return max(float(step * per_unit), 1.0)
